"""How what happened is looked for, and waited for: a search, and a collector that fills."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from picha.sandbox.happenings import Event, Happening, OfSend
from picha.sandbox.records import Status


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a wait looks for; a field left out matches everything."""

    event: Event
    wamid: Annotated[str, Meta(description="Id of the message that is sent, told of or written.")] | None = None
    to: Annotated[str, Meta(description="The person's digits or user id, or the group's id.")] | None = None
    status: Annotated[Status, Meta(description="Of a status, or of a delivery that tells of one.")] | None = None
    callback_data: Annotated[str, Meta(description="The send's biz_opaque_callback_data.")] | None = None
    phone_number_id: Annotated[str, Meta(description="The business's number.")] | None = None

    def matches(self, happening: Happening | OfSend) -> bool:
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
        self.found: list[Happening | OfSend] = []

    def take(self, happening: Happening | OfSend) -> None:
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
