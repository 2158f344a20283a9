"""What changes in the inboxes that are open, told between processes as it happens.

Triggers name the changed threads and messages on a channel of PostgreSQL's, in the transaction that changes them, of
those workspaces that somebody watches; `listening` has each process hear of them all. What is told is no
record: who hears it looks at the rows. Where a part of it may have been lost, all who listen are told that anything may
have changed.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, unquote
from uuid import UUID

import asyncpg

from picha.gateway.store.pool import UNREACHABLE, Pool, connect
from picha.kit.clock import Clock
from picha.kit.ids import base62
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
# How much is kept for who made a mark, and how long a mark is good: whoever made it is surely watching until then.
_KEPT_MAX = 1000
_MARK_S = WATCH_LASTS.total_seconds() - _WATCH_AGAIN_S


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


def _pressing(told: Collection[Change | Presence]) -> list[Change | Presence]:
    """Return what is not to wait until somebody looks at everything: who writes, and messages with their threads."""
    spoken = {one.conversation for one in told if isinstance(one, Presence) or one.message}
    return [one for one in told if one.conversation in spoken]


class Ear:
    """What one listener has not taken yet, and whether anything may have changed beside what it names."""

    def __init__(self) -> None:
        self.ring = asyncio.Event()
        self._waiting: dict[Change | Presence, None] = {}
        self._is_lost = False

    def tell(self, told: Change | Presence | None) -> None:
        """Put something where `take` finds it; None is that something may have been told that nobody hears."""
        if told is not None:
            self._waiting[told] = None
        if told is None or len(self._waiting) > _WAITING_MAX:
            self._is_lost = True
            self._waiting = dict.fromkeys(_pressing(self._waiting))
        if len(self._waiting) > _WAITING_MAX:
            self._waiting.clear()
        self.ring.set()

    def take(self) -> tuple[list[Change | Presence], bool]:
        """Return what was told since the last time, and whether anything may have changed beside.

        While very much changes, a message is named all the same, with its thread: it is to be seen at once. Threads in
        which none was named are found by who looks at everything.
        """
        is_lost = self._is_lost
        taken = _pressing(self._waiting) if is_lost else list(self._waiting)
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
        # What was told of last, and how much that was from the beginning: None is that anything may have changed.
        self._kept: deque[tuple[UUID, Change | None]] = deque(maxlen=_KEPT_MAX)
        self._count = 0
        self._process = base62(8)

    @contextmanager
    def ear(self, workspace: UUID, *, since: str | None = None) -> Iterator[Ear]:
        """Lend an ear for what changes in a workspace from now on, or from the mark `since`.

        Of a mark from which not all is known any more, or that is none, it hears that anything may have changed.
        """
        ear = Ear()
        for one in () if since is None else self._since(workspace, since):
            ear.tell(one)
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

    async def mark(self, workspace: UUID) -> str:
        """Watch a workspace, and return a mark of this moment; whoever reads rows after it misses nothing `since` it.

        It is empty where nobody watched until now: what was under way before that is not told.
        """
        now = self._clock.monotonic()
        is_told = now - self._watched.get(workspace, -_MARK_S) < _MARK_S
        await self.watch(workspace)
        return f"{self._process}.{self._count}.{int(now)}" if is_told else ""

    def _since(self, workspace: UUID, mark: str) -> Sequence[Change | None]:
        try:
            process, count, at = mark.split(".")
            missed, age_s = self._count - int(count), self._clock.monotonic() - int(at)
        except ValueError:
            return [None]
        if process != self._process or not 0 <= missed <= len(self._kept) or age_s >= _MARK_S:
            return [None]
        return [one for whose, one in list(self._kept)[len(self._kept) - missed :] if whose == workspace]

    async def writes(self, workspace: UUID, presence: Presence) -> None:
        """Tell all who look at a workspace that somebody writes a reply."""
        named = f"{presence.conversation}:{presence.person}:{quote(presence.name)}"
        await self._pool.execute(_TELL, PRESENT, f"{workspace} {named}")

    def heard(self, channel: str, payload: str) -> None:
        """Pass on what was told on a channel."""
        name, _, named = payload.partition(" ")
        workspace = UUID(name)
        for one in [_read(channel, each) for each in named.split() or [""]]:
            if not isinstance(one, Presence):
                self._kept.append((workspace, one))
                self._count += 1
            for ear in self._ears.get(workspace, ()):
                ear.tell(one)

    def lost(self) -> None:
        """Tell every listener that something may have gone unheard, and whoever made a mark before."""
        self._kept.clear()
        self._count += 1
        for ears in self._ears.values():
            for ear in ears:
                ear.tell(None)


def _read(channel: str, named: str) -> Change | Presence | None:
    if not named:
        return None
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
