"""Wake-ups between processes: NOTIFY is only a doorbell, and everyone looks every half second anyway."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg

from picha.gateway.store.pool import connect
from picha.kit.logs import logger

POLL_SECONDS = 0.5


class Doorbell:
    """Wakes those who wait on a channel. Clear the waiter, look for work, then wait: no ring in between is missed."""

    def __init__(self) -> None:
        # In the order in which they came, as a set would not keep them.
        self._waiters: dict[str, dict[asyncio.Event, None]] = defaultdict(dict)

    @contextmanager
    def waiter(self, channel: str) -> Iterator[asyncio.Event]:
        """Lend an event that each ring of `channel` sets."""
        event = asyncio.Event()
        self._waiters[channel][event] = None
        try:
            yield event
        finally:
            del self._waiters[channel][event]

    def ring(self, channel: str) -> None:
        """Wake everyone who waits on `channel`."""
        for event in self._waiters[channel]:
            event.set()


async def pause(waiter: asyncio.Event, seconds: float = POLL_SECONDS) -> bool:
    """Wait until `waiter` is set, but no longer than `seconds`; tell whether it was."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiter.wait()
    return waiter.is_set()


async def _listen(dsn: str, bell: Doorbell, channels: Iterable[str]) -> None:
    """Hold one LISTEN connection, and a new one when it is lost; polling carries the work meanwhile."""
    while True:
        try:
            await _listen_once(dsn, bell, channels)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            logger("lanes").warning("doorbell out of order, polling", error=str(error))
            await asyncio.sleep(1)


async def _listen_once(dsn: str, bell: Doorbell, channels: Iterable[str]) -> None:
    """Listen until the connection is lost."""
    lost = asyncio.Event()
    connection = await connect(dsn)
    try:
        connection.add_termination_listener(lambda _: lost.set())
        for channel in channels:
            await connection.add_listener(channel, lambda _c, _p, name, _x: bell.ring(name))
        await lost.wait()
    finally:
        connection.terminate()


@asynccontextmanager
async def doorbell(dsn: str, channels: Iterable[str]) -> AsyncIterator[Doorbell]:
    """Open the process's doorbell on `channels`."""
    bell = Doorbell()
    listening = asyncio.create_task(_listen(dsn, bell, list(channels)))
    try:
        yield bell
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
