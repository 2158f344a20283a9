"""What is done with webhooks at the gateway: have events posted to a program, see what arrived, try it again."""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from picha.karibu.errors import Code
from picha.karibu.events import EventName
from picha.karibu.reads import Page
from picha.karibu.webhooks import (
    Delivery,
    DeliveryDetail,
    DeliveryStatus,
    RetriedRange,
    ServiceType,
    Webhook,
    WebhookSecret,
    WebhookStats,
)
from picha.sdk.calls import Call, identifier, query, reader
from picha.sdk.errands import Errand, Rest, Tools, ask
from picha.sdk.pages import Parts, Question, newest_first
from picha.sdk.posting import post, written
from picha.sdk.senders import whoami

T = TypeVar("T")
_PATH = "/v1/webhooks"
_LOOK_S = 0.1


def webhooks(tools: Tools, *, app_id: UUID | str | None = None) -> Errand[list[Webhook]]:
    """Return the workspace's webhooks, or those of one app."""
    path = f"{_PATH}/app/{identifier(app_id, 'app_id')}" if app_id else f"{_PATH}/all"
    return (yield from ask(tools, _get(path, list[Webhook], means=(Code.APP_NOT_FOUND,))))


def webhook(tools: Tools, webhook_id: UUID | str) -> Errand[Webhook]:
    """Return one webhook."""
    return (yield from ask(tools, _get(_at(webhook_id), Webhook)))


def create_webhook(
    tools: Tools,
    *,
    url: str,
    app_id: UUID | str | None = None,
    service_type: ServiceType = "whatsapp",
    secret_token: str | None = None,
    include_inbox: bool = False,
    idempotency_key: str | None = None,
) -> Errand[Webhook]:
    """Have an app's events posted to `url`: the key's own app unless one is named, which may have one such webhook.

    Without a `secret_token` one is made; `webhook_secret` tells it.
    """
    app_id = app_id or (yield from whoami(tools)).app_id
    body = written(
        app_id=app_id,
        service_type=service_type,
        url=url,
        secret_token=secret_token,
        include_inbox=include_inbox or None,
    )
    call = _post(tools, _PATH, Webhook, body, idempotency_key, means=(Code.APP_NOT_FOUND, Code.WEBHOOK_EXISTS))
    return (yield from ask(tools, call))


def change_webhook(
    tools: Tools,
    webhook_id: UUID | str,
    *,
    url: str | None = None,
    secret_token: str | None = None,
    include_inbox: bool | None = None,
    is_enabled: bool | None = None,
) -> Errand[Webhook]:
    """Change a webhook; what is None stays. One that was disabled goes on with `is_enabled`, or at another `url`."""
    body = written(url=url, secret_token=secret_token, include_inbox=include_inbox, is_enabled=is_enabled)
    call = Call(
        method="PATCH",
        path=_at(webhook_id),
        reads=reader(Webhook),
        headers={"Content-Type": "application/json"},
        body=(body,),
        is_enveloped=False,
        means=(Code.WEBHOOK_NOT_FOUND,),
    )
    return (yield from ask(tools, call))


def delete_webhook(tools: Tools, webhook_id: UUID | str) -> Errand[None]:
    """Have nothing more posted, nor what still waited."""
    call = Call(
        method="DELETE",
        path=_at(webhook_id),
        reads=lambda _: None,
        is_enveloped=False,
        means=(Code.WEBHOOK_NOT_FOUND,),
    )
    return (yield from ask(tools, call))


def webhook_secret(tools: Tools, webhook_id: UUID | str) -> Errand[WebhookSecret]:
    """Return what verifies a webhook's signatures: `picha.sdk.verify` takes its `secret_token`."""
    return (yield from ask(tools, _get(f"{_at(webhook_id)}/secret", WebhookSecret)))


def rotate_webhook_secret(
    tools: Tools,
    webhook_id: UUID | str,
    *,
    secret_token: str | None = None,
    overlap_hours: int | None = None,
    idempotency_key: str | None = None,
) -> Errand[Webhook]:
    """Give a webhook another secret, beside which the former one signs, too, for some hours: a day unless told."""
    body = written(secret_token=secret_token, overlap_hours=overlap_hours)
    return (yield from ask(tools, _post(tools, f"{_at(webhook_id)}/secret/rotate", Webhook, body, idempotency_key)))


def webhook_stats(tools: Tools, webhook_id: UUID | str, *, since: datetime | None = None) -> Errand[WebhookStats]:
    """Count a webhook's deliveries by status and event, of the last seven days unless told."""
    return (yield from ask(tools, _get(f"{_at(webhook_id)}/stats", WebhookStats, query(since=since))))


def try_webhook(
    tools: Tools, webhook_id: UUID | str, *, timeout: float = 20.0, idempotency_key: str | None = None
) -> Errand[DeliveryDetail]:
    """Have a test event posted, and return what was answered; `timeout` is in seconds, 0 for not waiting at all."""
    gives_up_at = tools.clock.monotonic() + timeout
    one = yield from ask(tools, _post(tools, f"{_at(webhook_id)}/test", DeliveryDetail, b"", idempotency_key))
    while not one.attempts and tools.clock.monotonic() < gives_up_at:
        yield Rest(_LOOK_S)
        one = yield from delivery(tools, webhook_id, one.delivery_id)
    return one


def deliveries(
    tools: Tools,
    webhook_id: UUID | str,
    *,
    status: DeliveryStatus | None = None,
    event: EventName | None = None,
    page_size: int = 100,
) -> Parts[Delivery]:
    """Go through a webhook's deliveries, the newest first, as far as the first 10,000."""

    def asked(question: Question) -> Errand[Page[Delivery]]:
        parameters = query(status=status, event=event, limit=page_size, offset=question.offset)
        return (yield from ask(tools, _get(f"{_at(webhook_id)}/deliveries", Page[Delivery], parameters)))

    return newest_first(asked, key=lambda one: one.delivery_id)


def delivery(tools: Tools, webhook_id: UUID | str, delivery_id: UUID | str) -> Errand[DeliveryDetail]:
    """Return one delivery, with what is sent in it and what was answered last."""
    call = _get(_delivery(webhook_id, delivery_id), DeliveryDetail, means=(Code.DELIVERY_NOT_FOUND,))
    return (yield from ask(tools, call))


def retry_delivery(
    tools: Tools, webhook_id: UUID | str, delivery_id: UUID | str, *, idempotency_key: str | None = None
) -> Errand[DeliveryDetail]:
    """Try one delivery again at once, whatever became of it."""
    path = f"{_delivery(webhook_id, delivery_id)}/retry"
    call = _post(tools, path, DeliveryDetail, b"", idempotency_key, means=(Code.DELIVERY_NOT_FOUND,))
    return (yield from ask(tools, call))


def retry_deliveries(
    tools: Tools,
    webhook_id: UUID | str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    status: DeliveryStatus = "failed",
    idempotency_key: str | None = None,
) -> Errand[RetriedRange]:
    """Try all deliveries of a time again that failed, or that have another status."""
    body = written(since=since, until=until, status=status)
    return (yield from ask(tools, _post(tools, f"{_at(webhook_id)}/retry", RetriedRange, body, idempotency_key)))


def _at(webhook_id: UUID | str) -> str:
    return f"{_PATH}/{identifier(webhook_id, 'webhook_id')}"


def _delivery(webhook_id: UUID | str, delivery_id: UUID | str) -> str:
    return f"{_at(webhook_id)}/deliveries/{identifier(delivery_id, 'delivery_id')}"


def _get(
    path: str,
    answer: type[T],
    parameters: tuple[tuple[str, str], ...] = (),
    *,
    means: tuple[Code, ...] = (Code.WEBHOOK_NOT_FOUND,),
) -> Call[T]:
    return Call(method="GET", path=path, reads=reader(answer), query=parameters, is_enveloped=False, means=means)


def _post(
    tools: Tools,
    path: str,
    answer: type[T],
    body: bytes,
    idempotency_key: str | None,
    *,
    means: tuple[Code, ...] = (Code.WEBHOOK_NOT_FOUND,),
) -> Call[T]:
    return post(tools, path, answer, body=body, idempotency_key=idempotency_key, is_enveloped=False, means=means)
