"""`picha webhooks`: have events posted to a program, see what arrived there, and try again what did not."""

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import Json, Yes, confirmed, show
from picha.cli.reaching import HOME, Home, Key, Url, facts, moment, reached, readable, shortened, tell
from picha.cli.usage import ListingGroup, UsageCommand

if TYPE_CHECKING:
    from picha.karibu.webhooks import Delivery, DeliveryDetail, Webhook

webhooks = typer.Typer(
    help="Have events posted to your program. Without a word more, the webhooks there are.", cls=ListingGroup
)

_Webhook = Annotated[UUID, typer.Argument(metavar="WEBHOOK", help="Its id, from the list.")]
_Delivery = Annotated[UUID, typer.Argument(metavar="DELIVERY", help="Its id, from `deliveries`.")]
_Status = Annotated[Literal["pending", "delivered", "failed"] | None, typer.Option(help="Only these.")]
_Moment = typer.Option(parser=moment, metavar="WHEN", help="A time with its zone, or how long ago, such as 24h.")
_COLUMNS = ("id", "url", "service", "state", "since")
_DELIVERY_COLUMNS = ("created_at", "id", "event", "status", "tries", "answer")
_SHOWN = 20


@webhooks.command("list", cls=UsageCommand)
def list_webhooks(*, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """List the workspace's webhooks."""
    with reached(url, key, home) as gateway:
        found = gateway.webhooks()
    rows = [msgspec.to_builtins(one) for one in found] if json else [_row(one) for one in found]
    show(rows, _COLUMNS, json=json, otherwise="There are no webhooks: `picha webhooks add https://…` makes one.")


@webhooks.command(cls=UsageCommand)
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where events are posted to.")],
    *,
    include_inbox: Annotated[
        bool, typer.Option("--include-inbox", help="Tell of what people send from the inbox, too.")
    ] = False,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Have the events of the key's app posted to an address, and print the secret that they are signed with."""
    with reached(url, key, home) as gateway:
        made = gateway.create_webhook(url=address, include_inbox=include_inbox)
        secret = gateway.webhook_secret(made.webhook_id).secret_token
    told = msgspec.to_builtins(made) | {"secret_token": secret}
    tell(
        told,
        json=json,
        otherwise=lambda: (
            f"Events are posted to {readable(address)} from now on, by the webhook {made.webhook_id}.\n"
            f"They are signed with {secret}\n"
            f"Try it: picha webhooks test {made.webhook_id}"
        ),
    )


@webhooks.command("show", cls=UsageCommand)
def show_webhook(webhook: _Webhook, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Show one webhook, and what became of its deliveries in the last seven days."""
    with reached(url, key, home) as gateway:
        one, stats = gateway.webhook(webhook), gateway.webhook_stats(webhook)
    counted = {f"{status} (7 days)": count for status, count in stats.by_status.items()}
    told = msgspec.structs.asdict(one)
    tell(told | {"stats": stats}, json=json, otherwise=lambda: facts(told | counted))


@webhooks.command(cls=UsageCommand)
def secret(webhook: _Webhook, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Print the secret that a webhook's posts are signed with, and the public key of its v1a signatures."""
    with reached(url, key, home) as gateway:
        told = gateway.webhook_secret(webhook)
    tell(told, json=json, otherwise=lambda: facts(msgspec.structs.asdict(told)))


@webhooks.command(cls=UsageCommand)
def rotate(
    webhook: _Webhook,
    *,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=168, help="For how many hours the former secret signs, too.")
    ] = 24,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Give a webhook a new secret, and print it."""
    with reached(url, key, home) as gateway:
        gateway.rotate_webhook_secret(webhook, overlap_hours=overlap_hours)
        told = gateway.webhook_secret(webhook)
    tell(told, json=json, otherwise=lambda: facts(msgspec.structs.asdict(told)))


@webhooks.command(cls=UsageCommand)
def disable(webhook: _Webhook, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Post nothing more to a webhook; what is to be told waits."""
    with reached(url, key, home) as gateway:
        one = gateway.change_webhook(webhook, is_enabled=False)
    tell(one, json=json, otherwise=lambda: f"The webhook {one.webhook_id} is disabled; `enable` takes it up again.")


@webhooks.command(cls=UsageCommand)
def enable(webhook: _Webhook, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Take a webhook up again that was disabled, by hand or by its failures."""
    with reached(url, key, home) as gateway:
        one = gateway.change_webhook(webhook, is_enabled=True)
    tell(one, json=json, otherwise=lambda: f"The webhook {one.webhook_id} is enabled.")


@webhooks.command(cls=UsageCommand)
def remove(
    webhook: _Webhook, *, yes: Yes = False, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False
) -> None:
    """Delete a webhook; what waited for it is told nobody."""
    confirmed(f"Delete the webhook {webhook}, and what waits for it?", yes=yes)
    with reached(url, key, home) as gateway:
        gateway.delete_webhook(webhook)
    tell({"webhook_id": webhook, "deleted": True}, json=json, otherwise=lambda: f"The webhook {webhook} is deleted.")


@webhooks.command("test", cls=UsageCommand)
def try_webhook(webhook: _Webhook, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Have a test event posted, wait for what is answered, and end with 1 unless it was 2xx."""
    with reached(url, key, home) as gateway:
        one = gateway.try_webhook(webhook)
    _tell_delivery(one, json=json)
    raise typer.Exit(0 if one.status == "delivered" else 1)


@webhooks.command(cls=UsageCommand)
def deliveries(
    webhook: _Webhook,
    *,
    status: _Status = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = _SHOWN,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List what was posted to a webhook or is about to be, the newest first."""
    with reached(url, key, home) as gateway:
        part = list(islice(gateway.deliveries(webhook, status=status, page_size=min(limit, 200)), limit))
    rows = [msgspec.to_builtins(one) for one in part] if json else [_delivery_row(one) for one in part]
    show(rows, _DELIVERY_COLUMNS, json=json, otherwise="There are no deliveries.")


@webhooks.command(cls=UsageCommand)
def delivery(
    webhook: _Webhook, delivery: _Delivery, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False
) -> None:
    """Show one delivery: what is posted, and what was answered last."""
    with reached(url, key, home) as gateway:
        one = gateway.delivery(webhook, delivery)
    _tell_delivery(one, json=json)


@webhooks.command(cls=UsageCommand)
def retry(
    webhook: _Webhook,
    delivery: Annotated[
        UUID | None, typer.Argument(metavar="DELIVERY", help="One delivery; without it, all that failed.")
    ] = None,
    *,
    since: Annotated[datetime | None, _Moment] = None,
    until: Annotated[datetime | None, _Moment] = None,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Try one delivery again at once, or all of a time that failed."""
    if delivery is not None and (since or until):
        raise typer.BadParameter("one delivery has no --since and no --until")
    with reached(url, key, home) as gateway:
        if delivery is not None:
            gateway.retry_delivery(webhook, delivery)
            count = 1
        else:
            count = 0
            while True:
                part = gateway.retry_deliveries(webhook, since=since, until=until)
                count += part.retried
                if part.is_whole:
                    break
    tell({"webhook_id": webhook, "retried": count}, json=json, otherwise=lambda: f"{count} are tried again.")


def _row(one: "Webhook") -> dict[str, Any]:
    state = "enabled" if one.is_enabled else f"disabled ({one.disabled_for})"
    return {
        "id": one.webhook_id,
        "url": readable(one.url),
        "service": one.service_type,
        "state": "failing" if one.is_enabled and one.failing_since else state,
        "since": one.disabled_at or one.failing_since or one.created_at,
    }


def _delivery_row(one: "Delivery") -> dict[str, Any]:
    return {
        "created_at": one.created_at,
        "id": one.delivery_id,
        "event": one.event,
        "status": one.status,
        "tries": one.attempts,
        "answer": one.response_status or shortened(one.error),
    }


def _tell_delivery(one: "DeliveryDetail", *, json: bool) -> None:
    told = msgspec.structs.asdict(one)
    told["payload"] = msgspec.json.encode(one.payload).decode() if one.payload else None
    told["response_body"] = shortened(one.response_body)
    tell(one, json=json, otherwise=lambda: facts(told))
