"""What customers are told without asking: what became of their sends, and what people wrote.

The envelope is that of Karibu's WhatsApp webhooks; of its `data` Karibu documents `message_id`, `error_code` and
`error_message`, and the rest is ours. `whatsapp.received` is ours, too: Karibu calls it upcoming.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

StatusKind = Literal["sent", "delivered", "read", "failed"]
EventName = Literal[
    "whatsapp.sent", "whatsapp.delivered", "whatsapp.read", "whatsapp.failed", "whatsapp.received", "webhook.disabled",
    "webhook.test",
]  # fmt: skip


_STATUS = {"$ref": "#/components/schemas/StatusData"}
_RECEIVED = {"$ref": "#/components/schemas/Message"}
_NEWS = {"$ref": "#/components/schemas/WebhookNews"}


class StatusData(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a send.

    `message_id` is ours, as in the send's answer; `sequence` counts the events of one message from 1; `timestamp` is
    when it happened, by WhatsApp's clock where that told it. The last three are null unless it failed.
    """

    message_id: UUID
    conversation_id: UUID
    sender: str
    recipient: str | None = None
    status: StatusKind
    provider_message_id: str | None = None
    timestamp: datetime
    sequence: int
    client_reference: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_detail: str | None = None


class WebhookNews(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a webhook itself: it was disabled, for a `reason` (gone or failing), or somebody tests it."""

    webhook_id: UUID
    reason: str | None = None
    detail: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event: of a send of `app_id`, or something that a person wrote, told to every app of the workspace.

    `event_id` is unique to the event and the same each time it is told; `timestamp` is when it was written down. The
    data of `whatsapp.received` is the message as lists show it: there `id` is ours and `message_id` the provider's.
    What is told of webhooks has data of its own; `webhook.test` is told to the webhook alone.
    """

    event: EventName
    event_id: str
    app_id: UUID
    service_type: Literal["whatsapp"] = "whatsapp"
    timestamp: datetime
    # msgspec describes no choice between structs that are told apart by what stands beside them.
    data: Annotated[Any, Meta(extra_json_schema={"anyOf": [_STATUS, _RECEIVED, _NEWS]})]


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Events, oldest first, and the `cursor` to ask for the next with.

    `has_gap` tells that the cursor was older than what is kept, so that events may have been missed before these.
    """

    items: list[Event]
    cursor: str
    has_gap: bool = False


def event_id(about: UUID, sequence: int, kind: str) -> str:
    """Return the id of an event about a message, or a webhook: `wa_` and 32 hexadecimal digits.

    It is the same wherever and whenever the event is told.
    """
    return f"wa_{uuid5(about, f'{sequence} {kind}').hex}"
