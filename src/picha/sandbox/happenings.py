"""What happened, as the control API shows it: a line for each send, status, inbound message and delivery."""

from datetime import datetime
from typing import Literal

import msgspec

from picha.sandbox.clock import from_stamp
from picha.sandbox.on_the_way import Send
from picha.sandbox.records import (
    Kind,
    MessageHeard,
    NumberChanged,
    SendAccepted,
    StatusMade,
    UserIdChanged,
    WebhookQueued,
    WebhookSettled,
)

Event = Literal["send", "status", "inbound", "delivery"]

Inbound = MessageHeard | NumberChanged | UserIdChanged
"""What the business hears as a message of a person."""


class LedgerItem(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted send. `sha256` is hexadecimal, and null until a link is fetched; `to` is digits.

    A send to a group has `group_id` in place of `to`.
    """

    wamid: str
    phone_number_id: str
    to: str | None
    recipient: str | None
    group_id: str | None = None
    type: str
    sha256: str | None
    caption: str | None
    biz_opaque_callback_data: str | None
    accepted_at: datetime


class StatusItem(msgspec.Struct, frozen=True, kw_only=True):
    """A status a send reached; `code` and `details` tell why it failed, `participant` who of a group it is about."""

    wamid: str
    status: str
    to: str | None
    recipient: str | None
    group_id: str | None = None
    participant: str | None = None
    biz_opaque_callback_data: str | None
    code: int | None
    details: str | None
    at: datetime


class InboundItem(msgspec.Struct, frozen=True, kw_only=True):
    """A message a person wrote to the business; `from` is null when they hide their number."""

    message_id: str
    phone_number_id: str
    from_: str | None = msgspec.field(name="from")
    user_id: str | None = None
    group_id: str | None = None
    type: str
    media_id: str | None
    at: datetime


class DeliveryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was taken, or given up; `about` is the wamid it told of and `http` the last answer's status."""

    id: str
    kind: Kind
    about: str
    status: str | None
    url: str
    taken: bool
    attempts: int
    http: int | None
    at: datetime


def ledger_item(send: Send) -> LedgerItem:
    """Return the line of an accepted send."""
    accepted = send.accepted
    return LedgerItem(
        wamid=accepted.wamid,
        phone_number_id=accepted.phone_number_id,
        to=accepted.to,
        recipient=accepted.recipient,
        group_id=accepted.group_id,
        type=accepted.type,
        sha256=send.sha256,
        caption=accepted.caption,
        biz_opaque_callback_data=accepted.biz_opaque_callback_data,
        accepted_at=from_stamp(accepted.at),
    )


def status_item(send: SendAccepted, made: StatusMade, participant: str | None) -> StatusItem:
    """Return the line of a status that a send reached, for one participant if it went to a group."""
    return StatusItem(
        wamid=made.wamid,
        status=made.status,
        to=send.to,
        recipient=send.recipient,
        group_id=send.group_id,
        participant=participant,
        biz_opaque_callback_data=send.biz_opaque_callback_data,
        code=made.code,
        details=made.details,
        at=from_stamp(made.at),
    )


def inbound_item(record: Inbound, kind: str) -> InboundItem:
    """Return the line of a message that a person wrote, or of news about them."""
    heard = record if isinstance(record, MessageHeard) else None
    return InboundItem(
        message_id=record.id,
        phone_number_id=record.phone_number_id,
        from_=record.wa_id,
        user_id=record.user_id,
        group_id=heard.group_id if heard else None,
        type=kind,
        media_id=heard.media_id if heard else None,
        at=from_stamp(record.at),
    )


def delivery_item(owed: WebhookQueued, settled: WebhookSettled) -> DeliveryItem:
    """Return the line of a webhook that was taken or given up."""
    return DeliveryItem(
        id=settled.id,
        kind=owed.kind,
        about=owed.about,
        status=owed.status,
        url=owed.url,
        taken=settled.taken,
        attempts=settled.attempts,
        http=settled.http,
        at=from_stamp(settled.at),
    )


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, with what it can be found by."""

    event: Event
    wamid: str
    to: str | None
    item: InboundItem | DeliveryItem
    status: str | None = None
    callback_data: str | None = None
    phone_number_id: str


class OfSend(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened to a send; its line is made when somebody looks, as mostly nobody does.

    `what` is None for its being accepted; `participant` is who of a group a status is about.
    """

    event: Event
    send: Send
    what: StatusMade | DeliveryItem | None = None
    participant: str | None = None

    @property
    def wamid(self) -> str:
        """The send's id."""
        return self.send.accepted.wamid

    @property
    def to(self) -> str | None:
        """The person it is for, or the group."""
        return self.send.key or self.send.accepted.group_id

    @property
    def status(self) -> str | None:
        """The status that was reached or told of."""
        return self.what.status if self.what else None

    @property
    def callback_data(self) -> str | None:
        """What the business gave the send to have it back."""
        return self.send.accepted.biz_opaque_callback_data

    @property
    def phone_number_id(self) -> str:
        """The business's number."""
        return self.send.accepted.phone_number_id

    @property
    def item(self) -> LedgerItem | StatusItem | DeliveryItem:
        """The line that tells of it."""
        if self.what is None:
            return ledger_item(self.send)
        if isinstance(self.what, StatusMade):
            return status_item(self.send.accepted, self.what, self.participant)
        return self.what
