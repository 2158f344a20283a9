"""A lane without I/O: which of the due work starts now, and when to look again.

A lane is all the waiting work of one key, drained by one owner. It never starts a second piece of the same thread
(conversation) while one is in flight, never more than its room allows, and never faster than its pace. Of two
priorities the higher goes first, but every fifth start belongs to the lower one.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from picha.gateway.domain.pace import Pace
from picha.gateway.domain.rest import Landing, Rest, Resting

_HIGH_IN_A_ROW = 4


def share(slots: int, parties: Sequence[UUID], mine: UUID, weights: Mapping[UUID, int]) -> int:
    """Return how many of a process's slots a lane of `mine` has, where `parties` names the party of every lane held.

    Each party has as much as its weight says (1 unless told), however many lanes it has, and divides it evenly among
    them; a lane has one at least.
    """
    whole = sum(weights.get(party, 1) for party in set(parties))
    return max(1, slots * weights.get(mine, 1) // whole // parties.count(mine))


@dataclass(frozen=True, slots=True)
class Due:
    """One piece of work that may start: its id, the thread in which order counts, and what its performer needs."""

    id: UUID
    thread: UUID
    load: Any = None
    is_high: bool = False


class Lane:
    """The state of one leased lane: what is known to be due, and what is in flight.

    Moments are seconds of a steady clock. Without a `pace` nothing but the room slows it down, and the `rest` that it
    takes in trouble.
    """

    def __init__(self, *, room: int, pace: Pace | None = None, rest: Rest | None = None) -> None:
        self.room, self.pace = room, pace
        self._rest = rest or Rest()
        self._waiting: dict[bool, deque[Due]] = {True: deque(), False: deque()}
        self._high_in_a_row = 0
        self._flying: dict[UUID, UUID] = {}
        self._busy: set[UUID] = set()

    @property
    def in_flight(self) -> int:
        """How many pieces were started and are not done."""
        return len(self._flying)

    @property
    def has_room(self) -> bool:
        """Whether one more may be in flight."""
        return self.in_flight < (1 if self._rest.is_probing else self.room)

    @property
    def is_hungry(self) -> bool:
        """Whether another look at the store could start something: there is room and nothing startable is known."""
        return self.has_room and not self._knows_any

    @property
    def busy_threads(self) -> frozenset[UUID]:
        """The threads that have a piece in flight."""
        return frozenset(self._busy)

    @property
    def resting_until(self) -> float:
        """The moment until which nothing starts because of trouble."""
        return self._rest.until

    @property
    def opens_at(self) -> float | None:
        """The moment from which on something that is known could start; None when nothing is, or there is no room."""
        if not self.has_room or not self._knows_any:
            return None
        return max(self._rest.until, self.pace.opens_at if self.pace else self._rest.until)

    def resting(self, now: float) -> Resting:
        """Return what the lane's next owner is to know of its rest."""
        return self._rest.left(now)

    def offer(self, due: Iterable[Due]) -> None:
        """Replace what is known to be due by what the store says now, oldest first.

        Of each thread the first piece is kept, and nothing of one that has a piece in flight.
        """
        self._waiting = {True: deque(), False: deque()}
        threads = set(self._busy)
        for one in due:
            if one.thread not in threads:
                threads.add(one.thread)
                self._waiting[one.is_high].append(one)

    def start(self, most: int, now: float) -> list[Due]:
        """Take up to `most` pieces into flight, at most one a thread."""
        started: list[Due] = []
        while len(started) < most and (at := self.opens_at) is not None and at <= now:
            started.append(due := self._next())
            self._busy.add(due.thread)
            self._flying[due.id] = due.thread
            if self.pace:
                self.pace.take(now)
        return started

    def done(self, work: UUID, now: float, landing: Landing = Landing.MUTE, *, chance: float = 0.0) -> bool:
        """Land one piece, so that the next of its thread may start; tell if how it landed sends the lane to rest."""
        self._busy.discard(self._flying.pop(work))
        return self._rest.land(landing, now, chance=chance)

    @property
    def _knows_any(self) -> bool:
        return any(self._waiting.values())

    def _next(self) -> Due:
        has_high, has_normal = bool(self._waiting[True]), bool(self._waiting[False])
        takes_high = has_high and (self._high_in_a_row < _HIGH_IN_A_ROW or not has_normal)
        self._high_in_a_row = self._high_in_a_row + 1 if takes_high and has_normal else 0
        return self._waiting[takes_high].popleft()
