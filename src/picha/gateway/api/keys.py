"""Who calls: API keys, looked up by their public part, compared in constant time, cached for a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import msgspec

from picha.gateway.api.turnstile import Turnstile
from picha.gateway.domain.caps import Cap
from picha.gateway.domain.keys import Scope, parse
from picha.gateway.store import keys
from picha.gateway.store.keys import KeyRow
from picha.gateway.store.pool import Pool
from picha.kit.clock import Clock
from picha.kit.logs import logger

FRESH_S = 1.0
"""For how long a process believes what it read of a key: so soon is one refused that was revoked, or has ended."""

# How long it may take to find out whose key it is, also where what follows may take longer.
_WHO_S = 30.0
_MOST_CACHED = 10_000
_NOTED_EVERY_S = 60.0
_LAST_NOTE_S = 1.0


class Caller(msgspec.Struct, frozen=True):
    """A workspace's app, in the environment (test or live) of its key; the key's public part, scopes and caps."""

    workspace_id: UUID
    app_id: UUID
    environment: str
    scopes: frozenset[Scope]
    key: str
    caps: tuple[Cap, ...] = ()


class KeyDesk:
    """Identifies callers. A revoked key is refused within `FRESH_S`, in every process."""

    def __init__(self, pool: Pool, clock: Clock, turnstile: Turnstile) -> None:
        self._pool, self._clock, self._turnstile = pool, clock, turnstile
        self._known: dict[str, tuple[float, KeyRow]] = {}
        self._used: set[str] = set()

    async def identify(self, presented: str | None, address: str = "") -> Caller | None:
        """Return who presents `presented`; unknown, revoked and malformed keys are one and the same None.

        Raises:
            TooOftenError: too many keys came from `address` that are none.
            TimeoutError: the database does not tell.
        """
        if not presented:
            return None
        key = parse(presented)
        if key is not None:
            if key.public_id not in self._known:
                self._turnstile.look(address)
            row = await self._row(key.public_id)
            if row is not None and key.matches(row.digest) and row.environment == key.environment:
                self._used.add(key.public_id)
                return Caller(row.workspace_id, row.app_id, row.environment, row.scopes, key.public_id, row.caps)
        self._turnstile.stranger(address)
        return None

    @asynccontextmanager
    async def noting(self) -> AsyncIterator[None]:
        """Write down once a minute which keys were used, as long as the block lasts, and at its end."""
        noting = asyncio.create_task(self._note_for_ever())
        try:
            yield
        finally:
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)
            # Whatever holds it up, a stop does not wait for it.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_NOTE_S):
                    await self.note()

    async def note(self) -> None:
        """Write down which keys were used since the last time; where that cannot be, the next time does."""
        used, self._used = self._used, set()
        try:
            await keys.note_uses(self._pool, used)
        except Exception as error:  # noqa: BLE001 - a key opens the API whether or not its use is written down
            self._used |= used
            logger("api").warning("uses of keys not noted", error=type(error).__name__)

    async def _note_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_NOTED_EVERY_S)
            await self.note()

    async def _row(self, public_id: str) -> KeyRow | None:
        now = self._clock.monotonic()
        read_at, row = self._known.get(public_id, (float("-inf"), None))
        if now - read_at <= FRESH_S:
            return row
        async with asyncio.timeout(_WHO_S):
            row = await keys.find(self._pool, public_id)
        if row is None:
            self._known.pop(public_id, None)
        elif len(self._known) < _MOST_CACHED or public_id in self._known:
            self._known[public_id] = (now, row)
        return row
