"""What happened, as the control API shows it: a line for each send, status, inbound message and delivery."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from picha.sandbox.clock import from_stamp
from picha.sandbox.records import (
    Kind,
    MessageHeard,
    NumberChanged,
    StatusMade,
    UserIdChanged,
    WebhookQueued,
    WebhookSettled,
)

Event = Literal["send", "status", "inbound", "delivery"]
Status = Literal["sent", "delivered", "read", "failed"]

Inbound = MessageHeard | NumberChanged | UserIdChanged
"""What the business hears as a message of a person."""


class LedgerItem(msgspec.Struct, kw_only=True):
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


def status_item(send: LedgerItem, made: StatusMade, participant: str | None) -> StatusItem:
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

    event: str
    wamid: str
    to: str | None
    item: LedgerItem | StatusItem | InboundItem | DeliveryItem
    status: str | None = None
    callback_data: str | None = None
    phone_number_id: str | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a wait looks for; a field left out matches everything."""

    event: Event
    wamid: Annotated[str, Meta(description="Id of the message that is sent, told of or written.")] | None = None
    to: Annotated[str, Meta(description="The person's digits or user id, or the group's id.")] | None = None
    status: Annotated[Status, Meta(description="Of a status, or of a delivery that tells of one.")] | None = None
    callback_data: Annotated[str, Meta(description="The send's biz_opaque_callback_data.")] | None = None
    phone_number_id: Annotated[str, Meta(description="The business's number.")] | None = None

    def matches(self, happening: Happening) -> bool:
        """Tell whether `happening` is one of those looked for."""
        return (
            happening.event == self.event
            and self.wamid in (None, happening.wamid)
            and self.to in (None, happening.to)
            and self.status in (None, happening.status)
            and self.callback_data in (None, happening.callback_data)
            and self.phone_number_id in (None, happening.phone_number_id)
        )


class Collector:
    """Gathers what a search finds until it has enough."""

    def __init__(self, search: Search, count: int) -> None:
        self._search = search
        self._count = count
        self._full = asyncio.Event()
        self.found: list[Happening] = []

    def take(self, happening: Happening) -> None:
        """Look at one happening."""
        if not self._full.is_set() and self._search.matches(happening):
            self.found.append(happening)
            if len(self.found) >= self._count:
                self._full.set()

    async def filled(self, timeout_s: float) -> bool:
        """Wait until enough is found, or `timeout_s` real seconds are over; tell whether there was enough."""
        try:
            await asyncio.wait_for(self._full.wait(), timeout_s)
        except TimeoutError:
            return False
        return True
