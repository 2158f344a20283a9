"""From an event of the log to the document that customers are told, in the feed and by webhook alike."""

from typing import get_args
from uuid import UUID

from picha.gateway.store.events import EventView
from picha.gateway.telling.links import Links
from picha.gateway.telling.showing import show
from picha.karibu.events import Event, EventName, StatusData, WebhookNews, event_id
from picha.karibu.reads import Message

# What is told of a webhook itself.
_OF_WEBHOOKS = frozenset({"disabled", "test"})
_NEWS = {
    "gone": "The webhook answered 410 Gone, so it is not called any more. Enable it again with PATCH, or change its "
    "url.",
    "failing": "For five days nothing but failures came back from the webhook, so it is not called any more. What was "
    "not delivered waits; mend it, and enable it again with PATCH.",
    "test": "This is what somebody asked for with POST /v1/webhooks/{id}/test.",
}


def name_of(kind: str) -> str:
    """Return the name by which customers know a kind of event."""
    return f"{'webhook' if kind in _OF_WEBHOOKS else 'whatsapp'}.{kind}"


def kind_of(name: str) -> str:
    """Return the kind of event that customers know by a name; raises ValueError."""
    kind = name.rpartition(".")[2]
    if name not in get_args(EventName) or name_of(kind) != name:
        raise ValueError("no event")
    return kind


def name_event(about: UUID, sequence: int, kind: str, place: int) -> str:
    """Return the id of an event; of a webhook's own it goes by its `place` in the log."""
    return event_id(about, place if kind in _OF_WEBHOOKS else sequence, kind)


def compose(one: EventView, links: Links, *, workspace: UUID, app: UUID) -> Event | None:
    """Return the document of an event as it is told to `app`; None for a message that was let go of meanwhile."""
    about, data = one.message_id or one.webhook_id, _data(one, links, workspace)
    if about is None or data is None:
        return None
    return Event(
        event=name_of(one.kind),  # type: ignore[arg-type] # the table checks the kind
        event_id=name_event(about, one.sequence, one.kind, one.cursor.seq),
        app_id=one.app_id or app,
        timestamp=one.told_at,
        data=data,
    )


def _data(one: EventView, links: Links, workspace: UUID) -> StatusData | Message | WebhookNews | None:
    if one.webhook_id is not None:
        return WebhookNews(
            webhook_id=one.webhook_id, reason=one.error_code, detail=_NEWS.get(one.error_code or one.kind)
        )
    if one.kind == "received":
        return show(one.heard, links, workspace) if one.heard else None
    if one.message_id is None or one.conversation_id is None or one.sender is None:
        return None
    return StatusData(
        message_id=one.message_id,
        conversation_id=one.conversation_id,
        sender=one.sender,
        recipient=one.recipient,
        status=one.kind,  # type: ignore[arg-type] # the table checks the kind
        provider_message_id=one.provider_message_id,
        timestamp=one.occurred_at,
        sequence=one.sequence,
        client_reference=one.client_reference,
        error_code=one.error_code,
        error_message=one.error_message,
        error_detail=one.error_detail,
    )
