"""The sandbox's own time: it runs with the machine's until a test moves or stops it."""

import asyncio
from datetime import UTC, datetime, timedelta

from picha.kit.clock import Clock

# Outside of these years a life that is added to the moment would leave the calendar.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def from_stamp(seconds: float) -> datetime:
    """Return the moment that lies `seconds` after the Unix epoch, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


class SandboxClock:
    """A clock that can be shifted, frozen and resumed, and that wakes its sleepers when it is.

    Windows, lives of URLs and media and the back-off of webhooks read `now()`; the pauses between statuses and every
    time-out of a socket follow real time and do not ask this clock.
    """

    def __init__(self, base: Clock, shift: timedelta = timedelta(0), frozen_at: datetime | None = None) -> None:
        self._base = base
        self._moved = asyncio.Event()
        self.shift = shift
        self.frozen_at = frozen_at

    def another(self) -> "SandboxClock":
        """Return a clock of the same machine that nobody has moved."""
        return SandboxClock(self._base)

    def now(self) -> datetime:
        """Return the sandbox's moment, aware and in UTC."""
        return self.frozen_at or self._base.now() + self.shift

    def monotonic(self) -> float:
        """Return the machine's steady count; moving the date does not touch it."""
        return self._base.monotonic()

    def moved_by(self, by: timedelta) -> tuple[timedelta, datetime | None]:
        """Return the (shift, frozen_at) this clock would have `by` later, or earlier when negative."""
        return self.moved_to(self.now() + by)

    def moved_to(self, moment: datetime) -> tuple[timedelta, datetime | None]:
        """Return the (shift, frozen_at) that make it `moment` now; a frozen clock stays frozen, there.

        Raises:
            ValueError: the moment lies before 1970 or after 8999.
        """
        if not _FIRST <= moment < _LAST:
            raise ValueError("beyond the calendar")
        return moment - self._base.now(), moment if self.frozen_at else None

    def frozen(self) -> tuple[timedelta, datetime | None]:
        """Return the (shift, frozen_at) that stop the clock at this moment."""
        return self.shift, self.now()

    def resumed(self) -> tuple[timedelta, datetime | None]:
        """Return the (shift, frozen_at) that let the clock run on from its moment."""
        return self.now() - self._base.now(), None

    def place(self, shift: timedelta, frozen_at: datetime | None) -> None:
        """Put the clock where `shift` and `frozen_at` say and wake everyone who sleeps by it."""
        self.shift, self.frozen_at = shift, frozen_at
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep_until(self, moment: datetime) -> None:
        """Return once `now()` has reached `moment`, however it gets there."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            timer = None if self.frozen_at else left
            try:
                await asyncio.wait_for(self._moved.wait(), timer)
            except TimeoutError:
                continue
