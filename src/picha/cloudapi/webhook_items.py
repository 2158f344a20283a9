"""What a webhook body comes to when it is read: one item for each thing it tells, and what could not be understood."""

from dataclasses import dataclass, field

import msgspec

from picha.cloudapi.updates import Contact, InboundMessage, MessageEcho, Metadata, Status, WebhookError


class MessageItem(msgspec.Struct, frozen=True, kw_only=True):
    """A message received, with the contact who sent it; `left_out` names members that could not be read."""

    waba_id: str
    metadata: Metadata
    contact: Contact | None
    message: InboundMessage
    raw: bytes
    left_out: tuple[str, ...] = ()


class StatusItem(msgspec.Struct, frozen=True, kw_only=True):
    """A status of a message sent, with the contact it went to; `left_out` names members that could not be read."""

    waba_id: str
    metadata: Metadata
    status: Status
    contact: Contact | None
    raw: bytes
    left_out: tuple[str, ...] = ()


class ErrorItem(msgspec.Struct, frozen=True, kw_only=True):
    """An error of the number itself, outside any message."""

    waba_id: str
    metadata: Metadata
    error: WebhookError
    raw: bytes


class EchoItem(msgspec.Struct, frozen=True, kw_only=True):
    """A message that the business sent from its phone app; `left_out` names members that could not be read."""

    waba_id: str
    metadata: Metadata
    echo: MessageEcho
    contact: Contact | None
    raw: bytes
    left_out: tuple[str, ...] = ()


class OtherItem(msgspec.Struct, frozen=True, kw_only=True):
    """A change of another field, or one that holds none of the known lists; `raw` is its value."""

    waba_id: str
    field: str
    raw: bytes


Item = MessageItem | StatusItem | ErrorItem | EchoItem | OtherItem


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the body that could not be understood: where it stands, why, and its bytes."""

    path: str
    reason: str
    raw: bytes


@dataclass(slots=True)
class Reading:
    """What a webhook body held, in the body's order."""

    items: list[Item] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
