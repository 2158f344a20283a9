"""What all send lanes of a process share, and the berths in which their sends put to sea."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import Graph
from picha.gateway.meta.times import Times
from picha.gateway.metrics import DUPLICATES
from picha.gateway.pictures.upload import Uploads
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.ledger.begin import Beginning
from picha.gateway.store.ledger.settle import Settlement
from picha.gateway.store.sendbook import Sendbook
from picha.kit.ids import Ids, chance

# Attempts of one lane that are committed, or about to be, and whose request has not begun: what a kill makes unknown.
_BERTHS = 16


class Desk:
    """What all send lanes of a process share. Enter `beginnings` and `settlements` as contexts."""

    def __init__(
        self,
        book: Sendbook,
        *,
        graph: Graph,
        accounts: AccountBook,
        times: Times,
        uploads: Uploads,
        ids: Ids,
        token_keys: Callable[[], Sequence[bytes]],
        chance: Callable[[], float] = chance,
    ) -> None:
        self.book, self.graph, self.accounts, self.times, self.uploads = book, graph, accounts, times, uploads
        self.ids, self.token_keys, self.chance = ids, token_keys, chance
        self.stopping = asyncio.Event()
        self.beginnings: GroupCommit[Beginning, bool] = GroupCommit(book.begin)
        self.settlements: GroupCommit[Settlement, bool] = GroupCommit(self._settle)

    async def _settle(self, batch: Sequence[Settlement]) -> Sequence[bool]:
        doubled = await self.book.settle(batch)
        DUPLICATES.inc(sum(doubled))
        return doubled


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
