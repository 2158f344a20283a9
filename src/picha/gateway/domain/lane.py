"""A lane without I/O: which of the due work starts now.

A lane is all the waiting work of one key, drained by one owner. It never starts a second piece of the same thread
(conversation) while one is in flight, and never more than its room allows.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Due:
    """One piece of work that may start: its id, the thread in which order counts, and what its performer needs."""

    id: UUID
    thread: UUID
    load: Any = None


class Lane:
    """The state of one leased lane: what is known to be due, and what is in flight."""

    def __init__(self, *, room: int) -> None:
        self._room = room
        self._waiting: deque[Due] = deque()
        self._flying: dict[UUID, UUID] = {}
        self._busy: set[UUID] = set()

    @property
    def in_flight(self) -> int:
        """How many pieces were started and are not done."""
        return len(self._flying)

    @property
    def is_hungry(self) -> bool:
        """Whether another look at the store could start something: there is room and nothing startable is known."""
        return self.in_flight < self._room and not any(due.thread not in self._busy for due in self._waiting)

    @property
    def busy_threads(self) -> frozenset[UUID]:
        """The threads that have a piece in flight."""
        return frozenset(self._busy)

    def offer(self, due: Iterable[Due]) -> None:
        """Replace what is known to be due by what the store says now, oldest first; what is in flight is left out."""
        self._waiting = deque(one for one in due if one.id not in self._flying)

    def start(self, most: int) -> list[Due]:
        """Take up to `most` pieces into flight, at most one a thread, oldest first."""
        started: list[Due] = []
        passed: deque[Due] = deque()
        while self._waiting and len(started) < most and self.in_flight < self._room:
            due = self._waiting.popleft()
            if due.thread in self._busy:
                passed.append(due)
                continue
            self._busy.add(due.thread)
            self._flying[due.id] = due.thread
            started.append(due)
        self._waiting.extendleft(reversed(passed))
        return started

    def done(self, work: UUID) -> None:
        """Land one piece, whatever its outcome, so that the next of its thread may start."""
        self._busy.discard(self._flying.pop(work))
