"""What is done every few seconds about sends of which nobody knows what became, and about those past their own time."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.times import Times
from picha.gateway.metrics import AGAIN, DUPLICATES, GIVEN_UP
from picha.gateway.store.ledger import decide, withdraw, witness
from picha.gateway.store.ledger.withdraw import MOST
from picha.gateway.store.pool import Pool

# Rounds of one job in a turn, and the pause between two, in which others have the database.
_ROUNDS = 40
_BREATH_S = 0.05


class Confirming:
    """Binds evidence that lies about, sends again what is absent, gives up what stayed unknown for too long.

    Any worker may, at any time, and several at once. While `may_go` says no, nothing is done.
    """

    def __init__(
        self, pool: Pool, book: AccountBook, times: Times, *, may_go: Callable[[], bool], rounds: int = _ROUNDS
    ) -> None:
        self._pool, self._book, self._times, self._may_go, self._rounds = pool, book, times, may_go, rounds
        self._parked_upto = ""

    async def turn(self) -> None:
        """Do each job, round after round while a round is full, so that a heap is no later than a few are."""
        # Whatever evidence is there is bound before anything is concluded from its absence.
        for job in (self._bind, self._resend, self._give_up):
            await self._work_off(job)
        for account in await self._book.all():
            await self._work_off(partial(self._expire, account.id))

    async def _work_off(self, job: Callable[[], Awaitable[bool]]) -> None:
        for _ in range(self._rounds):
            if not self._may_go() or not await job():
                return
            await asyncio.sleep(_BREATH_S)

    async def _bind(self) -> bool:
        self._parked_upto, bound, doubled = await witness.bind_parked(self._pool, after=self._parked_upto, most=MOST)
        DUPLICATES.inc(doubled)
        # Where nothing was found the next turn looks on: what belongs to nobody may be any number.
        return bound > 0 and self._parked_upto != ""

    async def _resend(self) -> bool:
        count = await decide.resend(self._pool)
        AGAIN.labels("policy").inc(count)
        return count == MOST

    async def _give_up(self) -> bool:
        count = await decide.give_up(self._pool)
        GIVEN_UP.inc(count)
        return count == MOST

    async def _expire(self, account: UUID) -> bool:
        return await withdraw.expire(self._pool, account, self._times.now(account)) == MOST
