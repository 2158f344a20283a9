"""How many fetches run at once: in all, to one host, and for one party."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

AT_ONCE, PER_HOST, PER_PARTY = 64, 8, 16


class Crowd:
    """At most `most` holders at once of each key; keys that nobody holds or waits for cost nothing."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._doors: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    def __len__(self) -> int:
        return len(self._doors)

    @asynccontextmanager
    async def place(self, key: Hashable) -> AsyncIterator[None]:
        """Hold one of `key`'s places; those who wait get one in the order in which they came."""
        door, users = self._doors.get(key) or (asyncio.Semaphore(self._most), 0)
        self._doors[key] = door, users + 1
        try:
            async with door:
                yield
        finally:
            door, users = self._doors[key]
            if users > 1:
                self._doors[key] = door, users - 1
            else:
                del self._doors[key]


class Places:
    """The budgets of one fetcher. A fetch holds its party's place throughout, the host's and one in all for each hop.

    They are taken in this order, so that who waits for a slow host or for its own turn keeps nobody else waiting.
    """

    def __init__(self, *, at_once: int, per_host: int, per_party: int) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._hosts, self._parties = Crowd(per_host), Crowd(per_party)

    @asynccontextmanager
    async def of_party(self, party: Hashable) -> AsyncIterator[None]:
        """Hold a place of the party for whom is fetched; who names none has no budget of its own."""
        if party is None:
            yield
            return
        async with self._parties.place(party):
            yield

    @asynccontextmanager
    async def at_host(self, host: str) -> AsyncIterator[None]:
        """Hold a place at `host`, however it is named, and one in all."""
        async with self._hosts.place(host), self._all:
            yield
