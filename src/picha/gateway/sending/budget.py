"""What a key and a workspace may still send; past their caps nothing more is accepted until the day or month ends."""

from collections.abc import Sequence
from math import ceil
from uuid import UUID

from picha.gateway.domain.admission import Refusal
from picha.gateway.domain.caps import Cap, Tally
from picha.gateway.store import spending
from picha.gateway.store.pool import Pool
from picha.gateway.store.spending import Spent
from picha.kit.clock import Clock

FRESH_S = 1.0
"""For how long a process believes what it read of what others accepted: by so much may a cap be passed."""


class Budget:
    """A process's knowledge of what was accepted; its own is exact, what other processes accepted a second old.

    Nobody is looked up who has no cap.
    """

    def __init__(self, pool: Pool, clock: Clock, process: UUID) -> None:
        self._pool, self._clock, self._process = pool, clock, process
        self._known: dict[UUID, Tally] = {}
        self._read_at: dict[UUID, float] = {}

    async def refusals(self, wanted: Sequence[Sequence[Cap]]) -> list[Refusal | None]:
        """Return for each of several sends, in order, whether its caps leave room for it, after those before it."""
        await self._refresh({cap.owner for caps in wanted for cap in caps})
        planned: dict[UUID, int] = {}
        answers: list[Refusal | None] = []
        for caps in wanted:
            full = [cap for cap in caps if self._known[cap.owner].of(cap) + planned.get(cap.owner, 0) >= cap.most]
            answers.append(self._refusal(full) if full else None)
            for owner in set() if full else {cap.owner for cap in caps}:
                planned[owner] = planned.get(owner, 0) + 1
        return answers

    def spent(self, caps: Sequence[Cap]) -> Spent | None:
        """Return what is to be counted for a send with these caps."""
        owners = sorted({cap.owner for cap in caps})
        return Spent(owners, self._clock.now().date(), self._process) if owners else None

    def note(self, written: Sequence[Spent]) -> None:
        """Take note of what was accepted just now."""
        for one in written:
            for owner in one.owners:
                tally = self._known.setdefault(owner, Tally())
                self._known[owner] = Tally(tally.day + 1, tally.month + 1)

    async def _refresh(self, owners: set[UUID]) -> None:
        now, today = self._clock.monotonic(), self._clock.now().date()
        stale = [one for one in owners if now - self._read_at.get(one, float("-inf")) > FRESH_S]
        if stale:
            self._known |= await spending.tallies(self._pool, stale, today)
            self._read_at |= dict.fromkeys(stale, now)

    def _refusal(self, full: Sequence[Cap]) -> Refusal:
        """Return the refusal by the cap that holds longest."""
        now = self._clock.now()
        cap = max(full, key=lambda one: one.ends_at(now))
        wait_s = max(1, ceil((cap.ends_at(now) - now).total_seconds()))
        message = (
            f"This {cap.whose} may send {cap.most:,} messages a {cap.span}, and has. The {cap.span} ends in {wait_s:,} "
            f"seconds, by UTC; whoever runs the gateway may raise the cap (`picha {cap.whose}s cap`)."
        )
        return Refusal("RATE_LIMITED", message, retry_after_s=wait_s)
