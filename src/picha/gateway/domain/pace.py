"""The pace of a number, and of two who talk: so many messages in a time, without window boundaries. Pure.

The generic cell rate algorithm keeps one moment: the one at which everything that was borrowed is paid back.
"""

from dataclasses import dataclass
from datetime import timedelta

# Of a second's messages so many may leave at once; in no second do more leave than the rate and these.
_BURST = 40


@dataclass(frozen=True, slots=True)
class PairPace:
    """The pace of a number and one person: a message each `interval`, of which `credit` may be borrowed."""

    interval: timedelta
    credit: timedelta


class Pace:
    """At most `per_second` pieces a second; moments are seconds of a steady clock.

    A fortieth of them may leave at once, so that a number that rested for an instant makes up for it.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._paid_back_at = float("-inf")

    @property
    def opens_at(self) -> float:
        """The moment from which on one more may leave."""
        return self._paid_back_at - max(0.0, 1 / _BURST - 1 / self.per_second)

    def take(self, now: float) -> None:
        """Count one that leaves at `now`."""
        self._paid_back_at = max(self._paid_back_at, now) + 1 / self.per_second
