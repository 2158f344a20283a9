"""What all send lanes of a process share, and the berths in which their sends put to sea."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import Graph
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.meta.times import Times
from picha.gateway.pictures.upload import Uploads
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement, settle
from picha.gateway.store.pool import Pool
from picha.kit.ids import Ids

# Attempts of one lane that are committed, or about to be, and whose request has not begun: what a kill makes unknown.
_BERTHS = 16


class Desk:
    """What all send lanes of a process share. Enter `beginnings` and `settlements` as contexts."""

    def __init__(
        self,
        pool: Pool,
        *,
        graph: Graph,
        book: AccountBook,
        times: Times,
        uploads: Uploads,
        ids: Ids,
        token_key: bytes,
        epoch: Callable[[], int],
    ) -> None:
        self.pool, self.graph, self.book, self.times, self.uploads, self.ids = pool, graph, book, times, uploads, ids
        self.token_key = token_key
        self.stopping = asyncio.Event()

        async def commit(batch: Sequence[Beginning]) -> Sequence[bool]:
            return await begin(pool, batch, epoch=epoch())

        async def record(batch: Sequence[Settlement]) -> Sequence[None]:
            return await settle(pool, batch, PAIR_PACE)

        self.beginnings: GroupCommit[Beginning, bool] = GroupCommit(commit)
        self.settlements: GroupCommit[Settlement, None] = GroupCommit(record)


class Berths:
    """Bounds how many sends of a lane are begun and have not left."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_BERTHS)

    @asynccontextmanager
    async def berth(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a berth; the callable it yields gives it back, and so does the end of the context."""
        await self._free.acquire()
        is_held = True

        def leave() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._free.release()

        try:
            yield leave
        finally:
            leave()
