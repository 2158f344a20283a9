"""Events as the gateway tells them, by feed or by webhook."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from picha.karibu.events import StatusData, WebhookNews
from picha.karibu.reads import Message

_STATUSES = frozenset({"whatsapp.sent", "whatsapp.delivered", "whatsapp.read", "whatsapp.failed"})
_RECEIVED = "whatsapp.received"
_NEWS = frozenset({"webhook.disabled", "webhook.test"})


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; `event_id` is the same however often it is told.

    `data` is `StatusData` for what became of a send (whatsapp.sent, .delivered, .read, .failed), the `Message` for
    whatsapp.received, `WebhookNews` for what is told of a webhook itself (webhook.disabled, .test), and the plain
    document for an event that this version does not know.
    """

    event: str
    event_id: str
    app_id: UUID | None = None
    service_type: str = "whatsapp"
    timestamp: datetime
    data: StatusData | Message | WebhookNews | dict[str, Any]


class _Bare(msgspec.Struct, frozen=True, kw_only=True):
    event: str
    event_id: str
    app_id: UUID | None = None
    service_type: str = "whatsapp"
    timestamp: datetime
    data: msgspec.Raw = msgspec.Raw(b"{}")


_bare = msgspec.json.Decoder(_Bare)
_status = msgspec.json.Decoder(StatusData)
_message = msgspec.json.Decoder(Message)
_news = msgspec.json.Decoder(WebhookNews)
_other = msgspec.json.Decoder(dict[str, Any])


def read_event(document: bytes) -> Event:
    """Return the event that a document tells; raises `msgspec.DecodeError` for what is none."""
    bare = _bare.decode(document)
    data: StatusData | Message | WebhookNews | dict[str, Any]
    if bare.event in _STATUSES:
        data = _status.decode(bare.data)
    elif bare.event == _RECEIVED:
        data = _message.decode(bare.data)
    elif bare.event in _NEWS:
        data = _news.decode(bare.data)
    else:
        data = _other.decode(bare.data)
    return Event(
        event=bare.event,
        event_id=bare.event_id,
        app_id=bare.app_id,
        service_type=bare.service_type,
        timestamp=bare.timestamp,
        data=data,
    )
