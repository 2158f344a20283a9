"""GET /v1/whatsapp/messages, one message, and its story."""

from typing import Any
from uuid import UUID

import msgspec
from starlette.datastructures import QueryParams

from picha.gateway.api import queries
from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.store import views
from picha.gateway.store.views import COUNT_TO, Filter, MessageView
from picha.gateway.telling.showing import show
from picha.gateway.telling.story import Line, story
from picha.karibu.errors import Code
from picha.karibu.reads import Message, Page, Timeline, TimelineItem

_NOT_FOUND = "This workspace has no message with that id; use the `message_id` of a send or the `id` of a list item."
_STATUSES = frozenset({"pending", "sent", "delivered", "read", "failed", "received"})


async def get_message(call: Call) -> Answer:
    """Tell all about one message."""
    view = await find(call)
    shown = show(view, call.services.links, call.caller.workspace_id)
    if view.paired_id is None or not view.is_outbound:
        return Answer(shown)
    reply = await views.message(call.services.pool, call.caller.workspace_id, call.caller.environment, view.paired_id)
    paired = show(reply, call.services.links, call.caller.workspace_id) if reply else None
    return Answer(msgspec.structs.replace(shown, reply=msgspec.to_builtins(paired) if paired else None))


async def list_messages(call: Call) -> Answer:
    """List messages of both directions, newest first."""
    asked = _filter(call.request.query_params)
    found, total = await views.messages(call.services.pool, call.caller.workspace_id, call.caller.environment, asked)
    items = [show(view, call.services.links, call.caller.workspace_id) for view in found]
    page = Page[Message](
        items=items,
        total=min(total, COUNT_TO),
        limit=asked.limit,
        offset=asked.offset,
        total_is_exact=total <= COUNT_TO,
    )
    return Answer(page)


async def get_timeline(call: Call) -> Answer:
    """Tell one message's story: decisions of ours, attempts, evidence from WhatsApp."""
    return Answer(Timeline(items=[_item(line) for line in await story(call.services.pool, await find(call))]))


async def find(call: Call) -> MessageView:
    """Return the message that the path names; raises `RefusedError`."""
    message = call.path_id("message_id", Code.MESSAGE_NOT_FOUND, _NOT_FOUND)
    view = await views.message(call.services.pool, call.caller.workspace_id, call.caller.environment, message)
    if view is None:
        raise RefusedError(Code.MESSAGE_NOT_FOUND, _NOT_FOUND)
    return view


def _item(line: Line) -> TimelineItem:
    kind: Any = line.kind
    return TimelineItem(at=line.at, kind=kind, text=line.text, attempt=line.attempt, code=line.code)


def _filter(query: QueryParams) -> Filter:
    direction = queries.one_of(query, "direction", {"inbound", "outbound"})
    return Filter(
        conversation_id=queries.parsed(query, "conversation_id", UUID, "the UUID of a conversation"),
        message_type=queries.parsed(query, "message_type", _word, "the name of a kind of message, such as image"),
        statuses=_statuses(query),
        is_outbound=None if direction is None else direction == "outbound",
        since=queries.moment(query, "since"),
        until=queries.moment(query, "until"),
        before=queries.before(query),
        limit=queries.limit(query),
        offset=queries.offset(query),
    )


def _statuses(query: QueryParams) -> list[str] | None:
    asked = [status.lower() for status in query.getlist("status")]
    if unknown := [status for status in asked if status not in _STATUSES]:
        raise queries.invalid("status", f"one of {', '.join(sorted(_STATUSES))}, not {unknown[0][:40]!r}")
    return asked or None


def _word(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("no word")
    return text.lower()
