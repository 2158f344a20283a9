"""Time as an argument: rooms that need it are given a `Clock`, so that tests can move it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time twice: as a date for people and wires, and as a steady count for timers."""

    def now(self) -> datetime:
        """Return the current moment, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, of no particular origin."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's wall clock in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that asks the machine

    def monotonic(self) -> float:
        """Return the machine's steady clock in seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._steady = 0.0

    def now(self) -> datetime:
        """Return the moment it was last moved to."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds it has been advanced by so far."""
        return self._steady

    def advance(self, by: timedelta) -> None:
        """Move both counts forward by `by`."""
        self._now += by
        self._steady += by.total_seconds()
