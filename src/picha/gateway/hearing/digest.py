"""Understand kept webhooks: decode, turn items into facts, and hand the facts to the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.facts import MessageReceived, Notice, StatusSeen
from picha.gateway.hearing.harvest import UNFIT, FutureError, Harvest, Heard, gather
from picha.gateway.lanes.doorbell import Doorbell, pause
from picha.gateway.meta.times import Times
from picha.gateway.metrics import DIGESTED, DUPLICATES, SET_ASIDE
from picha.gateway.store import notices, quarantine, raw
from picha.gateway.store.ledger import receive, witness
from picha.gateway.store.pool import UNREACHABLE, Connection, Pool
from picha.gateway.store.raw import Raw
from picha.kit.ids import Ids
from picha.kit.logs import logger

_BATCH = 256
# One batch is decoded while the database writes the other.
_AT_ONCE = 2
_REST_SECONDS = 1.0


class Digest:
    """Digests bodies in batches; one that cannot be understood is put aside and never holds its neighbours up."""

    def __init__(
        self, pool: Pool, bell: Doorbell, times: Times, ids: Ids, *, token_keys: Callable[[], Sequence[bytes]]
    ) -> None:
        self._pool, self._bell, self._times, self._ids = pool, bell, times, ids
        self._token_keys = token_keys
        self._stopping = False
        self._heard: dict[UUID, datetime] = {}
        self._log = logger("hearing")

    def stop(self) -> None:
        """Take nothing more; `run` returns after the batches at hand."""
        self._stopping = True
        self._bell.ring("picha_digest")

    async def run(self) -> None:
        """Digest whatever is kept, until stopped."""
        await asyncio.gather(*(self._run() for _ in range(_AT_ONCE)))

    async def _run(self) -> None:
        with self._bell.waiter("picha_digest") as bell:
            while not self._stopping:
                bell.clear()
                try:
                    if await self.step(_BATCH):
                        continue
                except UNREACHABLE as error:
                    self._log.warning("database unreachable, webhooks wait", error=str(error))
                except Exception:  # noqa: BLE001 - webhooks wait in the store; a defect here must not end the sending
                    self._log.exception("webhooks could not be digested, trying again")
                    await asyncio.sleep(_REST_SECONDS)
                await pause(bell)

    async def step(self, most: int) -> int:
        """Digest up to `most` bodies and return how many; a batch that fails is halved until the unfit stand alone."""
        try:
            return await self._step(most, is_caught_up=False)
        except FutureError:
            await self._times.catch_up()
        return await self._step(most, is_caught_up=True)

    async def _step(self, most: int, *, is_caught_up: bool) -> int:
        try:
            return await self._digest(self._together, most, is_caught_up=is_caught_up)
        except UNFIT as error:
            self._log.warning("a webhook batch failed, looking for what is unfit", error=type(error).__name__)
        return await self._digest(self._in_pieces, most, is_caught_up=is_caught_up)

    async def _digest(
        self, write: Callable[[Connection, Harvest], Awaitable[None]], most: int, *, is_caught_up: bool
    ) -> int:
        harvest, taken = Harvest(self._ids), list[Raw]()

        async def understand(connection: Connection, raws: list[Raw]) -> None:
            nonlocal harvest, taken
            taken = raws
            harvest = await gather(
                connection, raws, self._times, self._ids, self._token_keys(), is_caught_up=is_caught_up
            )
            await write(connection, harvest)
            await quarantine.add(connection, harvest.aside)

        digested = await raw.digest(self._pool, understand, most=most)
        SET_ASIDE.inc(len(harvest.aside))
        DUPLICATES.inc(harvest.doubled)
        for fact in (one.fact for one in harvest.heard):
            if isinstance(fact, StatusSeen):
                self._heard[fact.sender_id] = max(fact.received_at, self._heard.get(fact.sender_id, fact.received_at))
        for one in taken:
            DIGESTED.observe(max(0.0, self._times.since(one.received_at)))
        return digested

    def take_heard(self) -> dict[UUID, datetime]:
        """Return when a status of each number last came in, of all that was taken in since this was last asked."""
        heard, self._heard = self._heard, {}
        return heard

    async def _together(self, connection: Connection, harvest: Harvest) -> None:
        harvest.doubled = await self._write(connection, harvest.heard)

    async def _in_pieces(self, connection: Connection, harvest: Harvest) -> None:
        pieces = [harvest.heard]
        while pieces:
            piece = pieces.pop()
            try:
                async with connection.transaction():
                    harvest.doubled += await self._write(connection, piece)
            except UNFIT as error:
                if len(piece) > 1:
                    pieces += [piece[len(piece) // 2 :], piece[: len(piece) // 2]]
                    continue
                for one in piece:
                    harvest.put_aside(one.raw_id, "$", f"It cannot be stored: {type(error).__name__}.", one.item)
                    # It was not heard, as far as anybody can tell.
                    harvest.heard = [other for other in harvest.heard if other is not one]

    async def _write(self, connection: Connection, heard: Sequence[Heard]) -> int:
        facts = [one.fact for one in heard]
        messages = [fact for fact in facts if isinstance(fact, MessageReceived)]
        await receive.messages(connection, messages, self._ids)
        await notices.add(connection, [fact for fact in facts if isinstance(fact, Notice)])
        return await witness.statuses(connection, [fact for fact in facts if isinstance(fact, StatusSeen)])
