"""The control API: move the clock, read the ledger, wait for what happens, make trouble; more of it is next door.

It stands below `/_sandbox`; who may use it is judged at its door.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox import photo
from picha.sandbox.control_words import read, refused, told
from picha.sandbox.faults import Faults, FaultWish
from picha.sandbox.ground import Ground
from picha.sandbox.happenings import Collector, LedgerItem, Search
from picha.sandbox.records import ClockPlaced

_LEDGER_MAX = 1_000_000
_WAIT_MAX_S = 600.0
_EVENTS = ("send", "status", "inbound", "delivery")


class ClockWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to move the clock."""

    advance_s: float | None = None
    set: datetime | None = None
    freeze: bool = False
    resume: bool = False


class ClockTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the sandbox's clock shows."""

    now: datetime
    frozen: bool


class LedgerPage(msgspec.Struct, frozen=True, kw_only=True):
    """Accepted sends in order."""

    items: list[LedgerItem]


class WaitWish(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, and for how many."""

    count: int = 1
    timeout_s: float = 10.0


class Control:
    """Handlers of the control API."""

    def __init__(self, ground: Ground, faults: Faults, renew: Callable[[], Awaitable[None]]) -> None:
        self._world, self._journal, _, self._clock = ground
        self._faults = faults
        self._renew = renew

    def routes(self) -> list[Route]:
        """Return the routes of the control API."""
        return [
            Route("/_sandbox/photo.jpg", self._photo, methods=["GET"]),
            Route("/_sandbox/clock", self._read_clock, methods=["GET"]),
            Route("/_sandbox/clock", self._move_clock, methods=["POST"]),
            Route("/_sandbox/ledger", self._ledger, methods=["GET"]),
            Route("/_sandbox/wait", self._wait, methods=["GET"]),
            Route("/_sandbox/faults", self._list_faults, methods=["GET"]),
            Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
            Route("/_sandbox/faults", self._remove_faults, methods=["DELETE"]),
            Route("/_sandbox/reset", self._reset, methods=["POST"]),
            Route("/_sandbox/faults/{fault_id}", self._remove_faults, methods=["DELETE"]),
        ]

    async def _photo(self, _request: Request) -> Response:
        """Serve the built-in photo, so that there is a picture by URL to try a send with."""
        return Response(await asyncio.to_thread(photo.built_in), media_type=photo.MIME_TYPE)

    async def _read_clock(self, _request: Request) -> Response:
        return told(ClockTold(now=self._clock.now(), frozen=self._clock.frozen_at is not None))

    async def _move_clock(self, request: Request) -> Response:
        wish = await read(request, ClockWish)
        if isinstance(wish, Response):
            return wish
        place = self._place(wish)
        if isinstance(place, str):
            return refused(place)
        shift, frozen_at = place
        stamp = None if frozen_at is None else frozen_at.timestamp()
        await self._journal.append(ClockPlaced(shift=shift.total_seconds(), frozen_at=stamp))
        return await self._read_clock(request)

    def _place(self, wish: ClockWish) -> tuple[timedelta, datetime | None] | str:
        """Return where the clock shall stand, or why the wish makes no sense."""
        if (wish.advance_s is not None) + (wish.set is not None) + wish.freeze + wish.resume != 1:
            return "give exactly one of advance_s, set, freeze and resume"
        if wish.freeze:
            return self._clock.frozen()
        if wish.resume:
            return self._clock.resumed()
        try:
            if wish.set is not None:
                return "set needs a UTC offset" if wish.set.tzinfo is None else self._clock.moved_to(wish.set)
            return self._clock.moved_by(timedelta(seconds=wish.advance_s or 0))
        except (OverflowError, ValueError):
            return "that is beyond the calendar"

    async def _ledger(self, request: Request) -> Response:
        after, limit = request.query_params.get("after"), request.query_params.get("limit", str(_LEDGER_MAX))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= _LEDGER_MAX):
            return refused(f"limit is a number from 1 to {_LEDGER_MAX}")
        try:
            return told(LedgerPage(items=list(self._world.ledger(after or None, int(limit)))))
        except KeyError:
            return refused("after is not a wamid of the ledger")

    async def _wait(self, request: Request) -> Response:
        try:
            query = dict(request.query_params)
            search = msgspec.convert(query, Search, strict=False)
            wish = msgspec.convert(query, WaitWish, strict=False)
        except msgspec.ValidationError as why:
            return refused(str(why))
        if search.event not in _EVENTS or wish.count < 1 or not 0 <= wish.timeout_s <= _WAIT_MAX_S:
            return refused(f"event is one of {', '.join(_EVENTS)}; count at least 1; timeout_s 0 to {_WAIT_MAX_S:g}")
        collector = Collector(search, wish.count)
        for happening in self._world.chronicle.of(search.wamid):
            collector.take(happening)
        self._world.chronicle.listeners.add(collector.take)
        try:
            is_filled = await collector.filled(wish.timeout_s)
        finally:
            self._world.chronicle.listeners.discard(collector.take)
        return told({"items": [happening.item for happening in collector.found]}, 200 if is_filled else 408)

    async def _reset(self, _request: Request) -> Response:
        await self._renew()
        return Response(status_code=204)

    async def _list_faults(self, _request: Request) -> Response:
        return told({"items": self._faults.all()})

    async def _add_fault(self, request: Request) -> Response:
        wish = await read(request, FaultWish)
        if isinstance(wish, Response):
            return wish
        return told({"id": self._faults.add(wish).id}, 201)

    async def _remove_faults(self, request: Request) -> Response:
        if not self._faults.remove(request.path_params.get("fault_id")):
            return refused("there is no such fault", 404)
        return Response(status_code=204)
