"""Understand kept webhooks: decode, turn items into facts, and hand the facts to the ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from picha.cloudapi.webhooks import Item, OtherItem, Reading, read
from picha.gateway.domain.facts import MessageReceived, StatusSeen
from picha.gateway.hearing import translate
from picha.gateway.lanes.doorbell import Doorbell, pause
from picha.gateway.meta.times import Times
from picha.gateway.metrics import DIGESTED, DUPLICATES, EVIDENCE_LAG, SET_ASIDE
from picha.gateway.store import raw, tenants
from picha.gateway.store.ledger import receive, witness
from picha.gateway.store.pool import UNREACHABLE, Connection, Pool
from picha.gateway.store.raw import Quarantined, Raw
from picha.gateway.store.tenants import Route
from picha.kit.ids import Ids
from picha.kit.logs import logger

_BATCH = 64
_REST_SECONDS = 1.0

# What an item's own content can bring about: values the database cannot hold, or that our reading did not foresee.
_UNFIT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
)


class _FutureError(Exception):
    """A message is later than its account's clock as we know it, so that its window could not be reckoned."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A fact, and where it was heard: the body's id and the item as it stood there."""

    fact: MessageReceived | StatusSeen
    raw_id: UUID
    item: bytes


@dataclass(slots=True)
class _Harvest:
    """What a batch of bodies came to."""

    heard: list[_Heard] = field(default_factory=list)
    aside: list[Quarantined] = field(default_factory=list)
    doubled: int = 0


class Digest:
    """Digests bodies in batches; one that cannot be understood is put aside and never holds its neighbours up."""

    def __init__(self, pool: Pool, bell: Doorbell, times: Times, ids: Ids, *, token_key: bytes) -> None:
        self._pool, self._bell, self._times, self._ids = pool, bell, times, ids
        self._token_key = token_key
        self._stopping = False
        self._heard: dict[UUID, datetime] = {}
        self._log = logger("hearing")

    def stop(self) -> None:
        """Take nothing more; `run` returns after the batch at hand."""
        self._stopping = True
        self._bell.ring("picha_digest")

    async def run(self) -> None:
        """Digest whatever is kept, until stopped."""
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
        """Digest up to `most` bodies and return how many; of a batch that fails, the oldest is taken item by item."""
        try:
            return await self._step(most, is_caught_up=False)
        except _FutureError:
            await self._times.catch_up()
        return await self._step(most, is_caught_up=True)

    async def _step(self, most: int, *, is_caught_up: bool) -> int:
        try:
            return await self._digest(self._together, most, is_caught_up=is_caught_up)
        except _UNFIT as error:
            self._log.warning("a webhook batch failed, taking its items singly", error=type(error).__name__)
        return await self._digest(self._singly, 1, is_caught_up=is_caught_up)

    async def _digest(
        self, write: Callable[[Connection, _Harvest], Awaitable[None]], most: int, *, is_caught_up: bool
    ) -> int:
        harvest, taken = _Harvest(), list[Raw]()

        async def understand(connection: Connection, raws: list[Raw]) -> None:
            nonlocal harvest, taken
            taken = raws
            harvest = await self._gather(connection, raws, is_caught_up=is_caught_up)
            await write(connection, harvest)
            await raw.quarantine(connection, harvest.aside)

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

    async def _together(self, connection: Connection, harvest: _Harvest) -> None:
        harvest.doubled = await self._write(connection, harvest.heard)

    async def _singly(self, connection: Connection, harvest: _Harvest) -> None:
        """Write each fact by itself; one that does not fit is put aside, and its neighbours stay."""
        for one in harvest.heard:
            try:
                async with connection.transaction():
                    harvest.doubled += await self._write(connection, [one])
            except _UNFIT as error:
                self._put_aside(harvest, one.raw_id, "$", f"It cannot be stored: {type(error).__name__}.", one.item)

    async def _write(self, connection: Connection, heard: Sequence[_Heard]) -> int:
        facts = [one.fact for one in heard]
        messages = [fact for fact in facts if isinstance(fact, MessageReceived)]
        await receive.messages(connection, messages, self._ids)
        return await witness.statuses(connection, [fact for fact in facts if isinstance(fact, StatusSeen)])

    async def _gather(self, connection: Connection, raws: Sequence[Raw], *, is_caught_up: bool) -> _Harvest:
        """Turn every item into a fact, or put it aside."""
        readings = [read(one.body) for one in raws]
        routes = await self._routes(connection, raws, readings)
        harvest = _Harvest()
        for one, reading in zip(raws, readings, strict=True):
            for trouble in reading.troubles:
                self._put_aside(harvest, one.id, trouble.path, trouble.reason, trouble.raw)
            for item in reading.items:
                route = routes.get((one.meta_app_id, _number(item) or ""))
                if not is_caught_up and translate.is_from_the_future(item, route, one.received_at, self._times):
                    raise _FutureError
                try:
                    fact = translate.fact(item, route, one.received_at, self._times, self._token_key)
                except _UNFIT as error:
                    self._put_aside(harvest, one.id, "$", str(error), item.raw)
                else:
                    harvest.heard.append(_Heard(fact, one.id, item.raw))
                    if isinstance(fact, StatusSeen) and route is not None:
                        lag = self._times.shifted(route.account_id, fact.received_at) - fact.provider_at
                        EVIDENCE_LAG.observe(max(0.0, lag.total_seconds()))
        return harvest

    async def _routes(
        self, connection: Connection, raws: Sequence[Raw], readings: Sequence[Reading]
    ) -> Mapping[tuple[str, str], Route]:
        numbers = {number for reading in readings for item in reading.items if (number := _number(item))}
        return await tenants.routes(connection, [one.meta_app_id for one in raws], list(numbers))

    def _put_aside(self, harvest: _Harvest, raw_id: UUID, path: str, reason: str, item: bytes) -> None:
        harvest.aside.append(Quarantined(self._ids.uuid(), raw_id, path, reason, item))
        self._log.warning("a webhook item was put aside", path=path, reason=reason)


def _number(item: Item) -> str | None:
    """Return the id of the number that an item is about, if it can be one: digits."""
    number = None if isinstance(item, OtherItem) else item.metadata.phone_number_id
    return number if number and number.isascii() and number.isdigit() else None
