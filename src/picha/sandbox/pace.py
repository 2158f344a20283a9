"""The rates that Meta allows, counted in real time: messages and uploads of a number, messages to one person. Pure.

Registrations are so rare that they are counted by the sandbox's clock, which can be moved.

The generic cell rate algorithm keeps one moment for each key: the one at which everything borrowed is paid back.
Sources: Meta's throughput page, its platform page on pair rates and its registration page; no figure is published for
uploads.
"""

from collections import defaultdict
from collections.abc import Hashable
from datetime import datetime, timedelta

from picha.cloudapi.limits import (
    MESSAGES_PER_SECOND,
    PAIR_BURST,
    PAIR_INTERVAL,
    REGISTRATIONS_MAX,
    REGISTRATIONS_WITHIN,
    UPLOADS_PER_SECOND,
)

APP_CALLS, THROUGHPUT, PAIR, REGISTRATION = 4, 130429, 131056, 133016
_SWEEP_AT = 10_000
# Sums of small intervals miss their mark by less than this.
_ROUNDING_S = 1e-6


class Pace:
    """One rate: one every `interval_s` seconds for each key, and up to `burst` at once, borrowed from what follows."""

    def __init__(self, interval_s: float, burst: int) -> None:
        self._interval_s = interval_s
        self._credit_s = interval_s * (burst - 1)
        self._paid_back_at: dict[Hashable, float] = {}

    def wait_s(self, key: Hashable, now: float) -> float:
        """Return the seconds until one more may pass, 0 if it may now."""
        wait = self._paid_back_at.get(key, now) - self._credit_s - now
        return wait if wait > _ROUNDING_S else 0.0

    def take(self, key: Hashable, now: float) -> None:
        """Count one that passes."""
        if len(self._paid_back_at) >= _SWEEP_AT:
            self._paid_back_at = {key: at for key, at in self._paid_back_at.items() if at > now}
        self._paid_back_at[key] = max(self._paid_back_at.get(key, now), now) + self._interval_s

    def use_up(self, key: Hashable, now: float) -> None:
        """Count one that passes in any case, and takes of what may be borrowed no more than is there."""
        self.take(key, now)
        self._paid_back_at[key] = min(self._paid_back_at[key], now + self._credit_s + self._interval_s)

    def clear(self) -> None:
        """Forget what was counted."""
        self._paid_back_at.clear()


class Limits:
    """Every rate of one sandbox; `now` is the machine's steady count of seconds. What is refused counts for nothing."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on
        self._number = Pace(1 / MESSAGES_PER_SECOND, MESSAGES_PER_SECOND)
        self._pair = Pace(PAIR_INTERVAL.total_seconds(), PAIR_BURST)
        self._uploads = Pace(1 / UPLOADS_PER_SECOND, UPLOADS_PER_SECOND)
        self._registered_at: defaultdict[str, list[datetime]] = defaultdict(list)

    def send(self, number: str, person: str, now: float) -> int | None:
        """Count a message of `number` to `person`, or return the code of the rate that it would break."""
        if not self._is_on:
            return None
        if self._number.wait_s(number, now):
            return THROUGHPUT
        if self._pair.wait_s((number, person), now):
            return PAIR
        self._number.take(number, now)
        self._pair.take((number, person), now)
        return None

    def hear(self, number: str, now: float) -> None:
        """Count a message that a person wrote to `number`: it is never refused, but leaves less for what is sent."""
        if self._is_on:
            self._number.use_up(number, now)

    def upload(self, number: str, now: float) -> int | None:
        """Count an upload of `number`, or return the code of the rate that it would break."""
        if not self._is_on:
            return None
        if self._uploads.wait_s(number, now):
            return APP_CALLS
        self._uploads.take(number, now)
        return None

    def register(self, number: str, at: datetime) -> int | None:
        """Count a registration of `number` at a moment of the sandbox's clock, or return the code that refuses it."""
        if not self._is_on:
            return None
        recent = [one for one in self._registered_at[number] if timedelta(0) <= at - one < REGISTRATIONS_WITHIN]
        self._registered_at[number] = recent
        if len(recent) >= REGISTRATIONS_MAX:
            return REGISTRATION
        recent.append(at)
        return None

    def clear(self) -> None:
        """Forget what was counted."""
        self._registered_at.clear()
        for pace in (self._number, self._pair, self._uploads):
            pace.clear()
