"""Understand kept webhooks: decode, turn items into facts, and hand the facts to the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from picha.cloudapi.webhooks import Item, OtherItem, Reading, read
from picha.gateway.domain.facts import MessageReceived, StatusSeen
from picha.gateway.hearing import translate
from picha.gateway.lanes.doorbell import Doorbell, pause
from picha.gateway.meta.times import Times
from picha.gateway.store import raw, tenants
from picha.gateway.store.ledger import receive, witness
from picha.gateway.store.pool import UNREACHABLE, Connection, Pool
from picha.gateway.store.raw import Quarantined, Raw
from picha.gateway.store.tenants import Route
from picha.kit.ids import Ids
from picha.kit.logs import logger

_BATCH = 64


@dataclass(slots=True)
class _Harvest:
    """What a batch of bodies came to."""

    statuses: list[StatusSeen] = field(default_factory=list)
    messages: list[MessageReceived] = field(default_factory=list)
    aside: list[Quarantined] = field(default_factory=list)


class Digest:
    """Digests bodies in batches; one that cannot be understood is put aside and never holds its neighbours up."""

    def __init__(self, pool: Pool, bell: Doorbell, times: Times, ids: Ids, *, token_key: bytes) -> None:
        self._pool, self._bell, self._times, self._ids = pool, bell, times, ids
        self._token_key = token_key
        self._stopping = False
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
                await pause(bell)

    async def step(self, most: int) -> int:
        """Digest up to `most` bodies and return how many; a batch that fails is digested one by one."""
        try:
            return await raw.digest(self._pool, self._understand, most=most)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            self._log.warning("a webhook batch failed, taking bodies singly", error=type(error).__name__)
        return await raw.digest(self._pool, self._understand_or_put_aside, most=1)

    async def _understand_or_put_aside(self, connection: Connection, raws: list[Raw]) -> None:
        try:
            async with connection.transaction():
                await self._understand(connection, raws)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            self._log.warning("a webhook was put aside", error=type(error).__name__)
            reason = f"The database refused it: {type(error).__name__}."
            await raw.quarantine(
                connection, [Quarantined(self._ids.uuid(), one.id, "$", reason, one.body) for one in raws]
            )

    async def _understand(self, connection: Connection, raws: list[Raw]) -> None:
        readings = [read(one.body) for one in raws]
        routes = await self._routes(connection, raws, readings)
        harvest = _Harvest()
        for one, reading in zip(raws, readings, strict=True):
            for trouble in reading.troubles:
                self._put_aside(harvest, one, trouble.path, trouble.reason, trouble.raw)
            for item in reading.items:
                self._sort(harvest, one, item, routes)
        await receive.messages(connection, harvest.messages, self._ids)
        await witness.statuses(connection, harvest.statuses)
        await raw.quarantine(connection, harvest.aside)

    async def _routes(
        self, connection: Connection, raws: Sequence[Raw], readings: Sequence[Reading]
    ) -> Mapping[tuple[str, str], Route]:
        numbers = {number for reading in readings for item in reading.items if (number := _number(item))}
        return await tenants.routes(connection, [one.meta_app_id for one in raws], list(numbers))

    def _put_aside(self, harvest: _Harvest, one: Raw, path: str, reason: str, item: bytes) -> None:
        harvest.aside.append(Quarantined(self._ids.uuid(), one.id, path, reason, item))
        self._log.warning("a webhook item was put aside", path=path, reason=reason)

    def _sort(self, harvest: _Harvest, one: Raw, item: Item, routes: Mapping[tuple[str, str], Route]) -> None:
        route = routes.get((one.meta_app_id, _number(item) or ""))
        try:
            fact = translate.fact(item, route, one.received_at, self._times, self._token_key)
        except ValueError as error:
            self._put_aside(harvest, one, "$", str(error), item.raw)
            return
        match fact:
            case MessageReceived():
                harvest.messages.append(fact)
            case StatusSeen():
                harvest.statuses.append(fact)


def _number(item: Item) -> str | None:
    return None if isinstance(item, OtherItem) else item.metadata.phone_number_id
