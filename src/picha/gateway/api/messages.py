"""GET /v1/whatsapp/messages, one message, and its story."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from starlette.datastructures import QueryParams

from picha.gateway.api import queries
from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.domain.decisions import Kind
from picha.gateway.store import views
from picha.gateway.store.views import COUNT_TO, Filter, MessageView, Moment
from picha.gateway.telling.showing import show
from picha.karibu.errors import Code
from picha.karibu.reads import Message, Page, Timeline, TimelineItem

_NOT_FOUND = "This workspace has no message with that id; use the `message_id` of a send or the `id` of a list item."
_STATUSES = frozenset({"pending", "sent", "delivered", "read", "failed", "received"})

# What each moment of a message's story is called in words.
WORDS = {
    "started": "Handing it to WhatsApp",
    "accepted": "WhatsApp took it",
    "rejected": "WhatsApp refused it",
    "throttled": "WhatsApp asked for it later",
    "not_sent": "WhatsApp could not be reached; nothing was sent",
    "ambiguous": "No answer tells whether WhatsApp took it; confirming, by what it reports next",
    "sent": "WhatsApp sent it",
    "delivered": "It reached the customer's phone",
    "read": "The customer read it",
    "failed": "WhatsApp gave it up",
    "barred": "WhatsApp refused the number's token; the number is paused and the message waits",
    Kind.REFUSED: "Failed",
    Kind.GIVEN_UP: "Given up",
    Kind.CANCELLED: "Cancelled",
    Kind.RESENT: "To be sent once more, as on_unknown asks",
    Kind.SENT_AGAIN: "To be sent once more, as a person asks",
    Kind.HEALING: "To be sent once more with a new upload, because WhatsApp could not use the picture",
    Kind.DUPLICATE: "Confirmed: WhatsApp took it more than once",
    Kind.DOUBTED: "Nobody knows whether it was sent",
}
_LATE_FAILURE = "WhatsApp also reported a failure, although it had arrived"


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
    view = await find(call)
    story = await views.story(call.services.pool, view.id)
    if view.is_echo:
        story = [moment for moment in story if moment.kind != "attempt"]
    arrived = {moment.attempt for moment in story if moment.what in {"delivered", "read"}}
    items = [*_beginnings(view), *(_moment(moment, arrived) for moment in story)]
    return Answer(Timeline(items=sorted(items, key=lambda item: item.at)))


async def find(call: Call) -> MessageView:
    """Return the message that the path names; raises `RefusedError`."""
    message = call.path_id("message_id", Code.MESSAGE_NOT_FOUND, _NOT_FOUND)
    view = await views.message(call.services.pool, call.caller.workspace_id, call.caller.environment, message)
    if view is None:
        raise RefusedError(Code.MESSAGE_NOT_FOUND, _NOT_FOUND)
    return view


def _beginnings(view: MessageView) -> list[TimelineItem]:
    """Tell what no row of its own tells: that the message was stored, and what was done to its picture."""
    items = [TimelineItem(at=view.created_at, kind="decision", text=_first(view))]
    done = ["fetched"] if view.media_url else []
    if view.changes:
        done.append(f"made fit: {', '.join(view.changes)}")
    if view.is_outbound and view.filed_at and done:
        at = max(view.created_at, view.filed_at)
        items.append(TimelineItem(at=at, kind="decision", text=f"Picture {' and '.join(done)}"))
    return items


def _first(view: MessageView) -> str:
    if view.is_echo:
        return "Heard that the business sent it from its own phone, and stored"
    return "Accepted and stored" if view.is_outbound else "Received and stored"


def _moment(moment: Moment, arrived: Collection[int | None]) -> TimelineItem:
    """Put one moment into words; `arrived` are the attempts whose picture the customer got."""
    text = WORDS.get(moment.what, f"WhatsApp said: {moment.what}")
    if moment.what == "failed" and moment.attempt in arrived:
        text = _LATE_FAILURE
    kind: Any = moment.kind
    if moment.detail:
        text = f"{text}: {moment.detail}"
    return TimelineItem(at=moment.at, kind=kind, text=text, attempt=moment.attempt, code=moment.code)


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
