"""Holds leases on one kind of lane and drains each of them until it is empty, lost, or the process stops."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from picha.gateway.domain.lane import Due, Lane, share
from picha.gateway.domain.pace import Pace
from picha.gateway.domain.rest import Landing, Rest
from picha.gateway.lanes.doorbell import POLL_SECONDS, Doorbell, pause
from picha.gateway.store import lanes
from picha.gateway.store.lanes import Lease, Leases
from picha.gateway.store.pool import UNREACHABLE
from picha.kit.clock import Clock
from picha.kit.ids import chance
from picha.kit.logs import logger

_IDLE_SECONDS = 1.0
_REST_SECONDS = 1.0
# For how long what is known to be due is believed to be all: of a slow lane it may last for minutes, and something more
# urgent may have come since.
_FRESH_SECONDS = 1.0
# Pieces started between two looks at the lease; for sends, attempts committed before their sockets open.
_BATCH = 16


class Work(Protocol):
    """What one kind of lane does. `perform` records its piece's outcome itself; what it raises is a defect."""

    async def opened(self) -> Pace | None:
        """Clean up after an earlier owner, before anything is started; return the pace of the lane if it has one."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the oldest due pieces, none of the threads in `busy`."""
        ...

    async def perform(self, piece: Due) -> Landing:
        """Do one piece and record its outcome; tell what its landing says of the lane."""
        ...


@dataclass(slots=True)
class _Held:
    """A lane that is held, and the steady moment up to which it surely is: 0 once it was lost."""

    lane: Lane
    until: float


class Keeper:
    """One process's share of the lanes of one kind.

    `most` bounds the lanes held, `room` what flies in each, and `slots` what flies in all of them: when lanes are many
    each workspace has the share that its weight gives it, and divides it evenly among its own, so that no busy one
    takes what the quiet ones need. While `may_work` says no, nothing is taken or begun.
    """

    def __init__(
        self,
        leases: Leases,
        bell: Doorbell,
        clock: Clock,
        *,
        work: Callable[[Lease], Work],
        most: int = 256,
        room: int = 64,
        slots: int = 512,
        chance: Callable[[], float] = chance,
        may_work: Callable[[], bool] = lambda: True,
    ) -> None:
        self._leases, self._bell, self._clock, self._work, self._chance = leases, bell, clock, work, chance
        self._most, self._room, self._slots = most, room, slots
        self._may_work = may_work
        self._channel = lanes.CHANNELS[leases.kind]
        self._held: dict[Lease, _Held] = {}
        self._leaving: set[Lease] = set()
        # Until when to leave lanes to others, having given some up for them.
        self._modest_until = float("-inf")
        self._weights: dict[UUID, int] = {}
        self._stopping = False
        self._look_again = asyncio.Event()
        # Lanes that begin to rest: whoever has them after this process is to know, however it ends.
        self._resting: set[Lease] = set()
        self._rests = asyncio.Event()
        self._log = logger("lanes").bind(kind=leases.kind)

    def stop(self) -> None:
        """Start nothing more; `run` returns once what flies has landed."""
        self._stopping = True
        self._bell.ring(self._channel)

    async def run(self) -> None:
        """Take lanes as they get work and drain them, until stopped."""
        renewing = asyncio.create_task(self._renew())
        try:
            with self._bell.waiter(self._channel) as self._look_again:
                async with asyncio.TaskGroup() as drains:
                    while not self._stopping:
                        self._look_again.clear()
                        for lease in await self._take():
                            drains.create_task(self._drain(lease))
                        await pause(self._look_again)
        finally:
            renewing.cancel()
            with suppress(*UNREACHABLE):
                await self._leases.leave()

    async def _take(self) -> list[Lease]:
        asked_at = self._clock.monotonic()
        if asked_at < self._modest_until or not self._may_work():
            return []
        try:
            if len(self._held) >= self._most:
                await self._make_room()
                return []
            leases = await self._leases.take(self._most - len(self._held))
        except Exception as error:  # noqa: BLE001 - what flies must not be cancelled for a look that failed
            self._log.warning("no lanes taken, trying again", error=str(error))
            return []
        for lease in leases:
            rest = Rest(lease.resting, self._clock.monotonic())
            self._held[lease] = _Held(Lane(room=self._room, rest=rest), asked_at + lanes.LEASE_SECONDS)
        return leases

    async def _renew(self) -> None:
        """Prolong every held lease now and then; one that cannot be prolonged runs out by the steady clock.

        Between, those are prolonged whose lanes begin to rest, which writes that down.
        """
        all_at = float("-inf")
        while True:
            self._rests.clear()
            resting, self._resting = self._resting & self._held.keys(), set()
            is_due = self._clock.monotonic() >= all_at
            try:
                if is_due:
                    all_at = self._clock.monotonic() + lanes.RENEW_SECONDS
                    await self._prolong(list(self._held))
                    self._leave_to_others(len(self._held) - await self._leases.share())
                    self._weights = await self._leases.weights()
                elif resting:
                    await self._prolong(list(resting))
            except Exception as error:  # noqa: BLE001 - without renewal every lane would be lost
                self._log.warning("leases not renewed", error=str(error))
            await pause(self._rests, max(0.0, all_at - self._clock.monotonic()))

    async def _prolong(self, asked: Sequence[Lease]) -> None:
        asked_at = self._clock.monotonic()
        kept = await self._leases.renew([self._as_it_stands(lease) for lease in asked])
        for lease in asked:
            if lease in self._held:
                self._held[lease].until = asked_at + lanes.LEASE_SECONDS if lease in kept else 0.0

    def _as_it_stands(self, lease: Lease) -> Lease:
        """Return a lease that tells how its lane rests now."""
        return replace(lease, resting=self._held[lease].lane.resting(self._clock.monotonic()))

    def _leave_to_others(self, surplus: int) -> None:
        """Give the lanes up that are more than this keeper's share, once what flies in them has landed."""
        if surplus > 0:
            self._modest_until = self._clock.monotonic() + 2 * POLL_SECONDS
            self._leaving.update(list(self._held)[-surplus:])
            self._bell.ring(self._channel)

    async def _make_room(self) -> None:
        """Give one lane up, of the party that has most, the one held for longest, if another waits for its turn."""
        if not self._leaving and await self._leases.is_wanted():
            parties = Counter(map(_party, self._held))
            self._leaving.add(max(self._held, key=lambda lease: parties[_party(lease)]))
            self._bell.ring(self._channel)

    def _room_of(self, lease: Lease) -> int:
        parties = [_party(one) for one in self._held]
        return min(self._room, share(self._slots, parties, _party(lease), self._weights))

    def _may_begin(self, lease: Lease) -> bool:
        if self._stopping or lease in self._leaving or not self._may_work():
            return False
        return self._clock.monotonic() < self._held[lease].until - lanes.MARGIN_SECONDS

    async def _drain(self, lease: Lease) -> None:
        try:
            await self._work_off(lease)
            if self._held[lease].until:
                await self._leases.release(self._as_it_stands(lease))
                # Work that came while the lane was being given back found it taken.
                self._look_again.set()
        except UNREACHABLE as error:
            self._log.warning("lane dropped, its lease runs out", error=str(error))
        except Exception:  # noqa: BLE001 - a defect in one lane must not end the others
            self._log.exception("lane dropped, its lease runs out")
        finally:
            del self._held[lease]
            self._leaving.discard(lease)

    async def _work_off(self, lease: Lease) -> None:
        """Start due pieces while the lease holds; return once nothing was due for a while and all has landed."""
        work, lane = self._work(lease), self._held[lease].lane
        lane.pace = await work.opened()
        with self._bell.waiter(self._channel) as wake:
            async with asyncio.TaskGroup() as flights:
                woken, fresh_until = True, float("-inf")
                while self._may_begin(lease) and (woken or lane.in_flight or lane.opens_at is not None):
                    wake.clear()
                    lane.room = self._room_of(lease)
                    if lane.is_hungry or (lane.has_room and fresh_until <= self._clock.monotonic()):
                        lane.offer(await self._look(work, lane))
                        fresh_until = self._clock.monotonic() + _FRESH_SECONDS
                    started = lane.start(_BATCH, self._clock.monotonic())
                    for piece in started:
                        flights.create_task(self._fly(work, lease, piece, wake))
                    woken = bool(started) or await pause(wake, self._patience(lane))

    async def _look(self, work: Work, lane: Lane) -> Sequence[Due]:
        """Return what is due: nothing while that cannot be known, so that what flies can land and say how."""
        try:
            return await work.due(lane.busy_threads)
        except UNREACHABLE as error:
            self._log.warning("not known what is due", error=str(error))
        except Exception:  # noqa: BLE001 - raised, it would cancel what flies, of which nobody would know anything then
            self._log.exception("not known what is due")
        return ()

    def _patience(self, lane: Lane) -> float:
        """Return how long to wait for a ring: until the lane's pace or rest lets something start, if that is sooner."""
        if (opens_at := lane.opens_at) is None:
            return _IDLE_SECONDS
        return min(_IDLE_SECONDS, max(0.0, opens_at - self._clock.monotonic()))

    async def _fly(self, work: Work, lease: Lease, piece: Due, wake: asyncio.Event) -> None:
        lane, landing = self._held[lease].lane, Landing.MUTE
        try:
            landing = await work.perform(piece)
        except UNREACHABLE as error:
            # The database or the blob store does not serve: the piece lies as it was, and is tried until they do.
            self._log.warning("work put off", id=str(piece.id), error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(_REST_SECONDS)
        except Exception:  # noqa: BLE001 - a defect in one piece must not end its lane
            # The piece lies in the store as it was left; it rests here, so that it is not tried again at once.
            self._log.exception("work failed", id=str(piece.id))
            await asyncio.sleep(_REST_SECONDS)
        finally:
            if lane.done(piece.id, self._clock.monotonic(), landing, chance=self._chance()):
                self._resting.add(lease)
                self._rests.set()
            wake.set()


def _party(lease: Lease) -> UUID:
    return lease.workspace or lease.key
