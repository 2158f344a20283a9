"""`picha messages`: what was sent and received, one message, and its story."""

from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import Json, show
from picha.cli.reaching import HOME, Home, Key, Url, cell, facts, moment, reached, readable, shortened, tell
from picha.cli.usage import ListingGroup, UsageCommand

if TYPE_CHECKING:
    from picha.karibu.reads import Message

messages = typer.Typer(
    help="List messages, show one, and tell its story. Without a word more, the last 20 are listed.", cls=ListingGroup
)


class Status(StrEnum):
    """How a message stands, as the API has it."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    RECEIVED = "received"


_Message = Annotated[UUID, typer.Argument(metavar="MESSAGE", help="Its id: what a send answered, or from the list.")]
_Moment = typer.Option(parser=moment, metavar="WHEN", help="A time with its zone, or how long ago, such as 24h.")
_COLUMNS = ("created_at", "id", "way", "who", "type", "status", "text")
_SHOWN = 20


@messages.command("list", cls=UsageCommand)
def list_messages(
    *,
    direction: Annotated[Literal["inbound", "outbound"] | None, typer.Option(help="Only this way.")] = None,
    status: Annotated[
        list[Status] | None,
        typer.Option(help="Only these; may be given several times."),
    ] = None,
    conversation: Annotated[UUID | None, typer.Option(help="Only this conversation's.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only this kind, such as image.")] = None,
    since: Annotated[datetime | None, _Moment] = None,
    until: Annotated[datetime | None, _Moment] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = _SHOWN,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List messages, the newest first."""
    with reached(url, key, home) as gateway:
        found = gateway.messages(
            direction=direction,
            status=[one.value for one in status or []],
            conversation_id=conversation,
            message_type=type_,
            since=since,
            until=until,
            page_size=min(limit, 200),
        )
        part = list(islice(found, limit))
    rows = [msgspec.to_builtins(one) for one in part] if json else [_row(one) for one in part]
    show(rows, _COLUMNS, json=json, otherwise="There are no messages.")


@messages.command("show", cls=UsageCommand)
def show_message(message: _Message, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Show all about one message."""
    with reached(url, key, home) as gateway:
        one = gateway.get(message)
    tell(one, json=json, otherwise=lambda: facts(_all_about(one)))


@messages.command("timeline", cls=UsageCommand)
def timeline(message: _Message, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Tell one message's story: decisions of the gateway, attempts, evidence from WhatsApp."""
    with reached(url, key, home) as gateway:
        items = gateway.timeline(message)
    for item in items:
        code = f" ({item.code})" if item.code else ""
        line = f"{item.at:%H:%M:%S.%f}"[:-3] + f"  {item.kind:8}  {readable(item.text)}{code}"
        tell(item, json=json, otherwise=lambda line=line: line)  # type: ignore[misc] # bound as it is now


def _row(one: "Message") -> dict[str, Any]:
    return {
        "created_at": one.created_at,
        "id": one.id,
        "way": "out" if one.is_outbound else "in",
        "who": readable(one.recipient or one.contact_profile_name or one.group_id or ""),
        "type": readable(one.message_type),
        "status": one.status if one.phase in {None, "submitted", "failed"} else f"{one.status} ({one.phase})",
        "text": shortened(one.content.caption or one.content.body or one.error_detail),
    }


def _all_about(one: "Message") -> dict[str, Any]:
    """Return what there is to tell, the picture's facts among it."""
    told = msgspec.structs.asdict(one)
    content = {
        name: value
        for name, value in msgspec.structs.asdict(told.pop("content")).items()
        if name not in {"url", "facts"}
    }
    for name in ("reply", "message_id"):
        del told[name]
    told["warnings"] = [f"{warned.code}: {warned.text}" for warned in one.warnings]
    content["notes"] = [note.message for note in one.content.notes]
    for name in ("context", "referral"):
        content[name] = None if content[name] is None else cell(msgspec.to_builtins(content[name]))
    return told | content
