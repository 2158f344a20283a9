"""kill -9 at random instants under load: a few cycles in `make test`, as many as are wanted in `make soak`."""

import asyncio
import os
import random
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.journeys.running import House, raised, until
from tests.proofs.books import complaints, settled
from tests.proofs.shop import Shop, opened

from picha.cli.supervise import DEATHS_ALLOWED, DEATHS_WITHIN_S
from picha.gateway.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.timeout(0)

VICTIMS = ("worker", "api", "postgres", "sandbox")
SELLERS = 3
RESTS_WITHIN_S = 240.0


@dataclass(frozen=True)
class Watch:
    """Where the books of a house are read."""

    house: House

    @property
    def dsn(self) -> str:
        return EmbeddedPostgres(self.house.home).dsn

    @property
    def logs(self) -> Sequence[Path]:
        return sorted((self.house.home / "logs").glob("*.log*"))


class Killer:
    """Kills the programs of a house, each no more often than its supervisor bears.

    A program that is started while its database is away ends by itself, and that counts, too.
    """

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house, self._chance = house, chance
        self._deaths: dict[str, deque[float]] = {name: deque(maxlen=DEATHS_ALLOWED // 2) for name in VICTIMS}

    async def kills(self, name: str | None = None) -> None:
        """End one program as by a power cut, whichever chance wants, and wait until it lives again."""
        victim = name or self._chance.choice(VICTIMS)
        await self._patience(victim)
        before = await until(self._living(victim))
        os.kill(before, signal.SIGKILL)
        self._deaths[victim].append(asyncio.get_running_loop().time())
        await until(self._living(victim, before))

    def _living(self, name: str, before: int = 0) -> Callable[[], "asyncio.Future[int | None]"]:
        async def look() -> int | None:
            pid = self._house.child(name)
            return pid if pid != before else None

        return lambda: asyncio.ensure_future(look())

    async def _patience(self, name: str) -> None:
        deaths = self._deaths[name]
        if len(deaths) == deaths.maxlen:
            await asyncio.sleep(max(0.0, deaths[0] + DEATHS_WITHIN_S + 1 - asyncio.get_running_loop().time()))


async def sells_on(shop: Shop, label: str) -> None:
    """Send pictures to whoever has written, one after the other, whatever happens."""
    while True:
        for customer in shop.next_customers(1):
            await shop.sells(label, customer)
        await asyncio.sleep(0.1)


async def meets_on(shop: Shop) -> None:
    """Let new people write all the time, so that no one is sent more than Meta lets one have."""
    while True:
        await shop.meets(2)
        await asyncio.sleep(0.5)


async def answers(shop: Shop) -> bool:
    """Tell whether everything of the house serves again."""
    try:
        told = await shop.talk.api("GET", "/health/ready")
        await shop.talk.ledger()
    except aiohttp.ClientError:
        return False
    return told.status == 200


@asynccontextmanager
async def busy(shop: Shop) -> AsyncIterator[None]:
    """Do business while the context is open; a defect in it ends it."""
    async with asyncio.TaskGroup() as business:
        tasks = [business.create_task(sells_on(shop, f"seller{n}")) for n in range(SELLERS)]
        tasks.append(business.create_task(meets_on(shop)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@pytest.mark.parametrize("place", ["folder", "bucket"])
async def test_whatever_is_killed_and_whenever_nothing_that_was_promised_is_lost_or_doubled(
    request: pytest.FixtureRequest, new_home: Callable[[str], Path], kept_in: Callable[[str], Any], place: str
) -> None:
    cycles, seed = request.config.getoption("--cycles"), request.config.getoption("--seed")
    chance = random.Random(seed)
    # Without a wish for more, each program dies once.
    plan: list[str | None] = [None] * cycles or list(chance.sample(VICTIMS, len(VICTIMS)))
    with kept_in(place) as settings, raised(new_home("kills"), settings=settings) as house:
        async with opened(house) as shop:
            await shop.greeted(20)
            async with busy(shop):
                killer = Killer(house, chance)
                for victim in plan:
                    await asyncio.sleep(chance.uniform(0.2, 2.5))
                    await killer.kills(victim)
            await until(lambda: answers(shop))
            books = await settled(Watch(house), shop.talk, shop.told, within_s=RESTS_WITHIN_S)

    assert complaints(books) == {}
    assert len(books.told) > len(plan)
