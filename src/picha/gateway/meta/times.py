"""Domain time: for test accounts it is their sandbox's clock, so that "24 hours later" is true on both sides.

Leases, retries and pace stay on real time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import msgspec

from picha.gateway.meta.accounts import AccountBook
from picha.kit.clock import Clock
from picha.kit.logs import logger

_POLL_SECONDS = 1.0
_TIMEOUT = aiohttp.ClientTimeout(total=2)
_OK = 200


class _Clock(msgspec.Struct):
    now: datetime
    frozen: bool = False


class Times:
    """Tells the time of an account: real, or its sandbox's as last asked."""

    def __init__(self, clock: Clock, book: AccountBook) -> None:
        self._clock, self._book = clock, book
        self._shifts: dict[UUID, timedelta] = {}
        self._frozen: dict[UUID, datetime] = {}

    def now(self, account: UUID) -> datetime:
        """Return the domain's moment for `account`."""
        return self._frozen.get(account) or self._clock.now() + self._shifts.get(account, timedelta(0))

    def shifted(self, account: UUID, moment: datetime) -> datetime:
        """Return a real `moment` of just now in the domain's time."""
        return self._frozen.get(account) or moment + self._shifts.get(account, timedelta(0))

    def since(self, moment: datetime) -> float:
        """Return the seconds that have really passed since a real `moment`."""
        return (self._clock.now() - moment).total_seconds()

    def learn(self, account: UUID, told: datetime, *, is_frozen: bool) -> None:
        """Follow what the sandbox said its clock shows."""
        self._shifts[account] = told - self._clock.now()
        if is_frozen:
            self._frozen[account] = told
        else:
            self._frozen.pop(account, None)

    async def catch_up(self) -> None:
        """Ask every test account's sandbox now; one that does not answer keeps its last shift."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as session:
            for account in [one for one in await self._book.all() if one.environment == "test"]:
                origin = urlsplit(account.graph_url)
                with suppress(aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
                    async with session.get(f"{origin.scheme}://{origin.netloc}/_sandbox/clock") as answer:
                        if answer.status == _OK:
                            told = msgspec.json.decode(await answer.read(), type=_Clock)
                            self.learn(account.id, told.now, is_frozen=told.frozen)


async def _follow(times: Times) -> None:
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        try:
            await times.catch_up()
        except Exception as error:  # noqa: BLE001 - the clocks are asked again in a second
            logger("meta").warning("sandbox clocks not followed for now", error=str(error))


@asynccontextmanager
async def follow_times(book: AccountBook, clock: Clock) -> AsyncIterator[Times]:
    """Follow the clocks of every test account's sandbox, asked now and then once a second."""
    times = Times(clock, book)
    await times.catch_up()
    following = asyncio.create_task(_follow(times))
    try:
        yield times
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
