"""How far behind a number is, in time; past the limit it takes no more."""

from collections.abc import Iterable
from math import ceil
from uuid import UUID

from picha.gateway.domain.admission import Refusal
from picha.gateway.store import numbers
from picha.gateway.store.numbers import Number
from picha.gateway.store.pool import Pool
from picha.kit.clock import Clock

_FRESH_S = 1.0
# A count that took long, because much waits, is used for so many times as long.
_COSTLY = 20


class Backlog:
    """A process's knowledge of what waits for each number, a second old at most while little does."""

    def __init__(self, pool: Pool, clock: Clock, *, limit_s: float) -> None:
        self._pool, self._clock, self._limit_s = pool, clock, limit_s
        self._known: dict[UUID, tuple[Number, float]] = {}

    async def look(self, sender: UUID, pool: Pool) -> Number:
        """Return how a number stands now, as `pool` sees it; raises `LookupError` for one that is gone."""
        return (await numbers.numbers(pool, [sender], count_s=self._limit_s + 1))[sender]

    async def told(self, senders: Iterable[UUID]) -> dict[UUID, Number]:
        """Return how numbers stand, as this process knows it; one that is gone is left out."""
        asked = set(senders)
        await self._refresh(asked)
        return {sender: self._known[sender][0] for sender in asked if sender in self._known}

    async def full(self, senders: Iterable[UUID]) -> dict[UUID, Refusal]:
        """Return those of `senders` that take no more, with the refusal of a send."""
        asked = set(senders)
        await self._refresh(asked)
        return {sender: _refusal(over) for sender in asked if (over := self._over_s(sender)) > 0}

    async def _refresh(self, senders: set[UUID]) -> None:
        now = self._clock.monotonic()
        if stale := [one for one in senders if one not in self._known or self._known[one][1] <= now]:
            found = await numbers.numbers(self._pool, stale, count_s=self._limit_s + 1)
            after = self._clock.monotonic()
            until = after + max(_FRESH_S, _COSTLY * (after - now))
            self._known.update({number.id: (number, until) for number in found.values()})

    def _over_s(self, sender: UUID) -> float:
        return self._known[sender][0].backlog_s - self._limit_s if sender in self._known else 0.0


def _refusal(over_s: float) -> Refusal:
    message = "More waits for this number than it can send in time. Try again later, or send from another number."
    return Refusal("BACKLOG_FULL", message, "sender", retry_after_s=max(1, ceil(over_s)))
