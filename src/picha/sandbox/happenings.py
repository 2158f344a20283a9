"""What happened, as the control API shows it: a line for each send, status, inbound message and delivery."""

import asyncio
from datetime import datetime

import msgspec

from picha.sandbox.records import Kind


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


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, with what it can be found by."""

    event: str
    wamid: str
    to: str | None
    item: LedgerItem | StatusItem | InboundItem | DeliveryItem
    status: str | None = None
    callback_data: str | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a wait looks for; a field left out matches everything."""

    event: str
    wamid: str | None = None
    to: str | None = None
    status: str | None = None
    callback_data: str | None = None

    def matches(self, happening: Happening) -> bool:
        """Tell whether `happening` is one of those looked for."""
        return (
            happening.event == self.event
            and self.wamid in (None, happening.wamid)
            and self.to in (None, happening.to)
            and self.status in (None, happening.status)
            and self.callback_data in (None, happening.callback_data)
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
