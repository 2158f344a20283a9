"""The pace of a number, of two who talk, and of a caller: so many in a time, without window boundaries. Pure.

The generic cell rate algorithm keeps one moment: the one at which everything that was borrowed is paid back.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

PER_SECOND_MAX = 1000
"""The most messages a second that Meta grants a number."""

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


# What is lost in adding up seconds as floats.
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `burst` requests at once, of which `per_second` come back; moments are seconds of a steady clock.

    Whoever asks keeps the one moment at which all is paid back; one that lies in the past means that all is left.
    """

    per_second: float
    burst: int

    def wait(self, paid_back_at: float, now: float) -> float:
        """Return in how many seconds one more may be made: 0 where it may be at once."""
        wait = paid_back_at - now - (self.burst - 1) / self.per_second
        return wait if wait > _ROUNDING_S else 0.0

    def take(self, paid_back_at: float, now: float) -> float:
        """Return the moment at which all is paid back, with one more made now."""
        return max(paid_back_at, now) + 1 / self.per_second

    def left(self, paid_back_at: float, now: float) -> int:
        """Return how many more may be made at once."""
        borrowed = max(0.0, paid_back_at - now - _ROUNDING_S) * self.per_second
        return max(0, self.burst - math.ceil(borrowed))

    @property
    def span_s(self) -> float:
        """How many seconds it takes until all is paid back of what may be borrowed."""
        return self.burst / self.per_second


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """At most `most` errors in any time `within`, of which half may come at once.

    Whoever asks for something that may fail spends first, and is refunded when it did not fail. Each error is paid back
    in an `interval`, and so many may be owed as make up the `credit` and one more.
    """

    most: int
    within: timedelta

    @property
    def interval(self) -> timedelta:
        """How long it takes to pay one error back."""
        return self.within / (self.most / 2)

    @property
    def credit(self) -> timedelta:
        """For how long a time errors may be owed for one more to be allowed."""
        return self.interval * (self.most / 2 - 1)
