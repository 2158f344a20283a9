"""How far behind a number is, in time; past the limit it takes no more."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
# Where counting takes longer than that nobody waits for it who asks within this time: a number that had room then has.
_LONG_S, _ROOMY_S = 0.02, 60.0
# Whether a number takes more, a count tells until half of its room could be filled at this rate, which is more than any
# fleet accepts, but for no more than so many seconds: somebody may slow the number down.
_FILLED_PER_SECOND, _FILLED_MOST_S = 50_000, 10.0


@dataclass(frozen=True, slots=True)
class _Use:
    """From when on a count is made anew beside its use, and until when it is used."""

    anew_at: float
    until: float


@dataclass(frozen=True, slots=True)
class _Count:
    """How a number stood, None for one that is gone, for who wants to know that and for who asks whether it is full."""

    number: Number | None
    told: _Use
    full: _Use


class Backlog:
    """A process's knowledge of what waits for each number, a second old at most while little does.

    For whether it takes more, what is known may be as old as its room allows.

    A number that is asked about again and again is counted anew beside that, when half of the time is over for which
    its last count is used: so only who asks about one for the first time in a while waits for a count.
    """

    def __init__(self, pool: Pool, clock: Clock, *, limit_s: float) -> None:
        self._pool, self._clock, self._limit_s = pool, clock, limit_s
        self._known: dict[UUID, _Count] = {}
        self._counting: dict[UUID, asyncio.Task[None]] = {}

    async def look(self, sender: UUID, pool: Pool) -> Number:
        """Return how a number stands now, as `pool` sees it; raises `LookupError` for one that is gone."""
        return (await numbers.numbers(pool, [sender], count_s=self._limit_s + 1))[sender]

    async def told(self, senders: Iterable[UUID]) -> dict[UUID, Number]:
        """Return how numbers stand, as this process knows it; one that is gone is left out."""
        asked = set(senders)
        await self._know(asked, lambda count: count.told)
        return {sender: number for sender in asked if (number := self._known[sender].number)}

    async def full(self, senders: Iterable[UUID]) -> dict[UUID, Refusal]:
        """Return those of `senders` that take no more, with the refusal of a send."""
        asked = set(senders)
        await self._know(asked, lambda count: count.full)
        return {
            sender: _refusal(over_s) for sender in asked if (over_s := self._over_s(self._known[sender].number)) > 0
        }

    async def _know(self, senders: set[UUID], use: Callable[[_Count], _Use]) -> None:
        """Wait until what is known of numbers is good enough, all that is not being counted at once."""
        now = self._clock.monotonic()
        old = {one for one in senders if one not in self._known or use(self._known[one]).until <= now}
        self._count_beside(one for one in senders if one in old or use(self._known[one]).anew_at <= now)
        # Who waits no longer leaves the count to those who do.
        await asyncio.gather(*(asyncio.shield(task) for task in {self._counting[one] for one in old}))

    def _count_beside(self, senders: Iterable[UUID]) -> None:
        """Have numbers counted that nobody counts already."""
        if wanted := [one for one in senders if one not in self._counting]:
            task = asyncio.create_task(self._count(wanted))
            # Where nobody waits for it, a count that failed is made again for who asks next.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._counting |= dict.fromkeys(wanted, task)

    async def _count(self, senders: list[UUID]) -> None:
        try:
            before = self._clock.monotonic()
            found = await numbers.numbers(self._pool, senders, count_s=self._limit_s + 1)
            after = self._clock.monotonic()
            took = after - before
            fresh_s = max(_FRESH_S, _COSTLY * took)
            for sender in senders:
                number = found.get(sender)
                used_s = max(fresh_s, _ROOMY_S) if took > _LONG_S and self._over_s(number) <= 0 else fresh_s
                roomy_s = self._fills_in(number)
                full = _Use(after + max(fresh_s, roomy_s) / 2, after + max(used_s, roomy_s))
                self._known[sender] = _Count(number, _Use(after + fresh_s / 2, after + used_s), full)
        finally:
            for sender in senders:
                del self._counting[sender]

    def _fills_in(self, number: Number | None) -> float:
        """Return how many seconds it takes at the least, up to a most, until half of a number's room is filled."""
        room = -self._over_s(number) * number.per_second if number else 0.0
        return min(room / _FILLED_PER_SECOND / 2, _FILLED_MOST_S)

    def _over_s(self, number: Number | None) -> float:
        return number.backlog_s - self._limit_s if number else 0.0


def _refusal(over_s: float) -> Refusal:
    message = "More waits for this number than it can send in time. Try again later, or send from another number."
    return Refusal("BACKLOG_FULL", message, "sender", retry_after_s=ceil(over_s))
