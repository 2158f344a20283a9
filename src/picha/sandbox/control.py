"""The control API: move the clock, read the ledger, wait for what happens, make trouble; more of it is next door.

It stands below `/_sandbox`; who may use it is judged at its door.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox import photo
from picha.sandbox.chronicle import HAPPENINGS_MAX
from picha.sandbox.control_words import asked, read, refused, told
from picha.sandbox.faults import Fault, Faults, FaultWish
from picha.sandbox.ground import Ground
from picha.sandbox.happenings import (
    DeliveryItem,
    InboundItem,
    LedgerItem,
    StatusItem,
)
from picha.sandbox.manual.described import Found, described
from picha.sandbox.records import ClockPlaced
from picha.sandbox.searching import Collector, Search
from picha.sandbox.switches import Switchboard, SwitchError, Switches

_LEDGER_MAX = 1_000_000
_WAIT_MAX_S = 600.0


class ClockWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to move the clock.

    - `advance_s`: by so many seconds, or back by a negative number.
    - `set`: to a moment from 1970 to 8999, written as RFC 3339 with its UTC offset.
    - `freeze`: let it stand still.
    - `resume`: let it go on from where it stands.
    """

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


class LedgerWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the ledger."""

    after: Annotated[str, Meta(description="wamid that the page begins after.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=_LEDGER_MAX)] = _LEDGER_MAX
    last: (
        Annotated[int, Meta(ge=1, le=_LEDGER_MAX, description="Only so many, the last ones; without after and limit.")]
        | None
    ) = None

    def __post_init__(self) -> None:
        """Refuse two ways to choose at once."""
        if self.last is not None and (self.after is not None or self.limit != _LEDGER_MAX):
            raise ValueError("give last alone, or after and limit")


class WaitWish(Search, frozen=True, kw_only=True):
    """What to wait for, how long, and for how many."""

    count: Annotated[int, Meta(ge=1)] = 1
    timeout_s: Annotated[float, Meta(ge=0, le=_WAIT_MAX_S, description="Real seconds.")] = 10.0

    def __post_init__(self) -> None:
        """Refuse what would never come."""
        if self.status is not None and self.event not in ("status", "delivery"):
            raise ValueError(f"nothing that is {self.event} has a status; wait for the event status or delivery")


class _Happened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    forgotten: Annotated[
        int, Meta(description=f"How many came before the last {HAPPENINGS_MAX:,} of all, as far as the journal tells.")
    ] = 0


class SendPage(_Happened, frozen=True, kw_only=True):
    """Accepted sends in order."""

    items: list[LedgerItem]


class StatusPage(_Happened, frozen=True, kw_only=True):
    """Statuses in order."""

    items: list[StatusItem]


class InboundPage(_Happened, frozen=True, kw_only=True):
    """Messages that people wrote, in order."""

    items: list[InboundItem]


class DeliveryPage(_Happened, frozen=True, kw_only=True):
    """Webhooks that were taken or given up, in order."""

    items: list[DeliveryItem]


class FaultPage(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in force, oldest first."""

    items: list[Fault]


class FaultAdded(msgspec.Struct, frozen=True, kw_only=True):
    """The id of the new rule."""

    id: str


_HAPPENED = (SendPage, StatusPage, InboundPage, DeliveryPage)


class SwitchesTold(msgspec.Struct, frozen=True, kw_only=True):
    """How every switch stands."""

    switches: Switches


class Control:
    """Handlers of the control API."""

    def __init__(
        self,
        ground: Ground,
        faults: Faults,
        switchboard: Switchboard,
    ) -> None:
        self._world, self._journal, _, self._clock = ground
        self._faults = faults
        self._switchboard = switchboard

    def routes(self) -> list[Route]:
        """Return the routes of the control API."""
        return [
            Route("/_sandbox/photo.jpg", self._photo, methods=["GET"]),
            Route("/_sandbox/receipt.jpg", self._receipt, methods=["GET"]),
            Route("/_sandbox/clock", self._read_clock, methods=["GET"]),
            Route("/_sandbox/clock", self._move_clock, methods=["POST"]),
            Route("/_sandbox/ledger", self._ledger, methods=["GET"]),
            Route("/_sandbox/wait", self._wait, methods=["GET"]),
            Route("/_sandbox/faults", self._list_faults, methods=["GET"]),
            Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
            Route("/_sandbox/faults", self._remove_faults, methods=["DELETE"]),
            Route("/_sandbox/switches", self._tell_switches, methods=["GET"]),
            Route("/_sandbox/switches", self._turn_switches, methods=["POST"]),
            Route("/_sandbox/faults/{fault_id}", self._remove_faults, methods=["DELETE"]),
        ]

    @described(answer=photo.MIME_TYPE)
    async def _photo(self, _request: Request) -> Response:
        """Serve the built-in photo, so that there is a picture by URL to try a send with."""
        return Response(await asyncio.to_thread(photo.built_in), media_type=photo.MIME_TYPE)

    @described(answer=photo.MIME_TYPE)
    async def _receipt(self, _request: Request) -> Response:
        """Serve another built-in photo, of a till receipt."""
        return Response(await asyncio.to_thread(photo.receipt), media_type=photo.MIME_TYPE)

    @described(answer=ClockTold)
    async def _read_clock(self, _request: Request) -> Response:
        """Read the sandbox's clock."""
        return told(ClockTold(now=self._clock.now(), frozen=self._clock.frozen_at is not None))

    @described(
        body=ClockWish,
        answer=ClockTold,
        examples={"A day later": {"advance_s": 86400}, "Stand still": {"freeze": True}, "Go on": {"resume": True}},
    )
    async def _move_clock(self, request: Request) -> Response:
        """Move the clock, in exactly one of four ways.

        Windows, media, addresses and retries of webhooks follow it; rates and pauses between statuses do not.
        """
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
            return "that is beyond the calendar, which goes from 1970 to 8999"

    @described(query=LedgerWish, answer=LedgerPage)
    async def _ledger(self, request: Request) -> Response:
        """List the accepted sends in order."""
        wish = asked(request, LedgerWish)
        if isinstance(wish, Response):
            return wish
        if wish.last is not None:
            return told(LedgerPage(items=self._world.last_of_ledger(wish.last)))
        try:
            return told(LedgerPage(items=list(self._world.ledger(wish.after or None, wish.limit))))
        except KeyError:
            return refused("after is not a wamid of the ledger")

    @described(
        query=WaitWish,
        answer=_HAPPENED,
        also={408: _HAPPENED},
        examples={"A message from a person": {"event": "inbound"}},
    )
    async def _wait(self, request: Request) -> Response:
        """Wait until enough of something has happened, before or after the call.

        The answer is 200 with what was asked for, or 408 with what there was when the time was over. Some seven things
        happen to a send, and the last of all are remembered; `forgotten` is there when older ones are gone. The ledger
        forgets no send.
        """
        wish = asked(request, WaitWish)
        if isinstance(wish, Response):
            return wish
        collector = Collector(wish, wish.count)
        for happening in self._world.chronicle.of(wish.wamid):
            collector.take(happening)
        self._world.chronicle.listeners.add(collector.take)
        try:
            is_filled = await collector.filled(wish.timeout_s)
        finally:
            self._world.chronicle.listeners.discard(collector.take)
        found = {"items": [happening.item for happening in collector.found]}
        gone = self._world.chronicle.forgotten
        return told(found | ({"forgotten": gone} if gone else {}), 200 if is_filled else 408)

    @described(answer=SwitchesTold)
    async def _tell_switches(self, _request: Request) -> Response:
        """Tell how every switch stands."""
        return told(SwitchesTold(switches=self._switchboard.current))

    @described(
        body=Switches,
        answer=SwitchesTold,
        examples={"A closed window is refused at once": {"window_failure": "sync"}},
    )
    async def _turn_switches(self, request: Request) -> Response:
        """Turn the switches that are named, and leave the others.

        A reset or a restart turns them back to the start.
        """
        wish = await read(request, dict[str, str])
        if isinstance(wish, Response):
            return wish
        try:
            return told(SwitchesTold(switches=self._switchboard.turn(wish)))
        except SwitchError as why:
            return refused(str(why))

    @described(answer=FaultPage)
    async def _list_faults(self, _request: Request) -> Response:
        """List the rules that spoil answers."""
        return told(FaultPage(items=self._faults.all()))

    @described(
        body=FaultWish,
        answer=FaultAdded,
        status=201,
        examples={
            "The next two sends hit the rate limit": {
                "match": {"route": "messages"},
                "when": {"mode": "next", "n": 2},
                "effect": {"error": 130429},
            },
            "Every third upload is done, but its answer never comes": {
                "match": {"route": "media"},
                "when": {"mode": "every", "n": 3},
                "effect": {"drop": "after"},
            },
        },
    )
    async def _add_fault(self, request: Request) -> Response:
        """Spoil answers of the Cloud API by a rule; the first that strikes counts.

        A restart ends all rules.
        """
        wish = await read(request, FaultWish)
        if isinstance(wish, Response):
            return wish
        fault = self._faults.add(wish)
        self._world.bell.ring("rules")
        return told(FaultAdded(id=fault.id), 201)

    @described(status=204, found={"fault_id": Found("get_faults", "/items/0/id")})
    async def _remove_faults(self, request: Request) -> Response:
        """Take one rule away, or all."""
        if not self._faults.remove(request.path_params.get("fault_id")):
            return refused("there is no such fault", 404)
        self._world.bell.ring("rules")
        return Response(status_code=204)
