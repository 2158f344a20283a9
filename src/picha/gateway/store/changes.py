"""What changes in the inboxes that are open, told between processes as it happens.

Triggers name the changed threads and messages on a channel of PostgreSQL's, in the transaction that changes them, of
those workspaces that somebody watches; `listening` has each process hear of them all. What is told is no
record: who hears it looks at the rows. Where a part of it may have been lost, all who listen are told that anything may
have changed.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, unquote
from uuid import UUID

import asyncpg

from picha.gateway.store.pool import UNREACHABLE, Pool, connect
from picha.kit.clock import Clock
from picha.kit.logs import logger

CHANGED, PRESENT = "picha_inbox", "picha_presence"

WATCH_LASTS = timedelta(minutes=5)
"""For how long changes of a workspace are told after somebody said that they watch."""

_WATCH = """
INSERT INTO inbox_watch (workspace_id, until) VALUES ($1, now() + $2::interval)
ON CONFLICT (workspace_id) DO UPDATE SET until = greatest(inbox_watch.until, excluded.until)
"""
_TELL = "SELECT pg_notify($1, $2)"
_WATCH_AGAIN_S = 60.0
_PROBE_S = 15.0
# How much a listener may be behind before it is told that anything may have changed.
_WAITING_MAX = 200


@dataclass(frozen=True, slots=True)
class Change:
    """A thread that changed, or a message in it."""

    conversation: UUID
    message: UUID | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody who writes a reply in a thread."""

    conversation: UUID
    person: UUID
    name: str


class Ear:
    """What one listener has not taken yet; `is_lost` tells that anything may have changed."""

    def __init__(self) -> None:
        self.ring = asyncio.Event()
        self._waiting: dict[Change | Presence, None] = {}
        self._is_lost = False

    def tell(self, told: Change | Presence) -> None:
        """Put something where `take` finds it."""
        if len(self._waiting) >= _WAITING_MAX:
            self.lose()
        elif not self._is_lost:
            self._waiting[told] = None
        self.ring.set()

    def lose(self) -> None:
        """Say that something may have been told that this listener will not hear."""
        self._waiting.clear()
        self._is_lost = True
        self.ring.set()

    def take(self) -> tuple[list[Change | Presence], bool]:
        """Return what was told since the last time, and whether anything may have changed beside."""
        taken, is_lost = list(self._waiting), self._is_lost
        self._waiting.clear()
        self._is_lost = False
        self.ring.clear()
        return taken, is_lost


class Changes:
    """What this process hears of changes, by workspace."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool, self._clock = pool, clock
        self._ears: dict[UUID, dict[Ear, None]] = defaultdict(dict)
        self._watched: dict[UUID, float] = {}

    @contextmanager
    def ear(self, workspace: UUID) -> Iterator[Ear]:
        """Lend an ear for what changes in a workspace."""
        ear = Ear()
        self._ears[workspace][ear] = None
        try:
            yield ear
        finally:
            del self._ears[workspace][ear]
            if not self._ears[workspace]:
                del self._ears[workspace]

    async def watch(self, workspace: UUID) -> None:
        """Have the changes of a workspace told, for some minutes from now; said often, it is written now and then."""
        now = self._clock.monotonic()
        if now - self._watched.get(workspace, -_WATCH_AGAIN_S) < _WATCH_AGAIN_S:
            return
        await self._pool.execute(_WATCH, workspace, WATCH_LASTS)
        self._watched[workspace] = now

    async def writes(self, workspace: UUID, presence: Presence) -> None:
        """Tell all who look at a workspace that somebody writes a reply."""
        named = f"{presence.conversation}:{presence.person}:{quote(presence.name)}"
        await self._pool.execute(_TELL, PRESENT, f"{workspace} {named}")

    def heard(self, channel: str, payload: str) -> None:
        """Pass on what was told on a channel."""
        workspace, _, named = payload.partition(" ")
        for ear in self._ears.get(UUID(workspace), ()):
            if not named:
                ear.lose()
            for one in named.split():
                ear.tell(_read(channel, one))

    def lost(self) -> None:
        """Tell every listener that something may have gone unheard."""
        for ears in self._ears.values():
            for ear in ears:
                ear.lose()


def _read(channel: str, named: str) -> Change | Presence:
    conversation, *more = named.split(":")
    if channel == PRESENT:
        return Presence(UUID(conversation), UUID(more[0]), unquote(more[1]))
    return Change(UUID(conversation), UUID(more[0]) if more else None)


@asynccontextmanager
async def listening(dsn: str, pool: Pool, clock: Clock) -> AsyncIterator[Changes]:
    """Hear of changes as long as this is open, on a connection of its own."""
    changes = Changes(pool, clock)
    hearing = asyncio.create_task(_listen(dsn, changes))
    try:
        yield changes
    finally:
        hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing


async def _listen(dsn: str, changes: Changes) -> None:
    while True:
        try:
            await _listen_once(dsn, changes)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            logger("store").warning("changes go unheard, trying again", error=type(error).__name__)
        await asyncio.sleep(1)


async def _listen_once(dsn: str, changes: Changes) -> None:
    """Listen until the connection is lost; what was told before it was there has gone unheard."""
    gone = asyncio.Event()
    connection = await connect(dsn)
    try:
        connection.add_termination_listener(lambda _: gone.set())
        for channel in (CHANGED, PRESENT):
            await connection.add_listener(channel, lambda _c, _p, name, payload: changes.heard(name, str(payload)))
        changes.lost()
        while not gone.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_S):
                    await gone.wait()
                    return
            # A server that went away without a word says nothing, and nor does one where nothing changes.
            await connection.execute("SELECT 1", timeout=_PROBE_S)
    finally:
        connection.terminate()
