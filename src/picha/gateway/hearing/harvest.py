"""What a batch of webhook bodies comes to: facts, and items put aside because they could not be understood."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import msgspec

from picha.cloudapi.webhooks import Item, OtherItem, Reading, read
from picha.gateway.domain.facts import StatusSeen
from picha.gateway.hearing import translate
from picha.gateway.hearing.said import Arrival
from picha.gateway.hearing.translate import Fact
from picha.gateway.meta.times import Times
from picha.gateway.metrics import EVIDENCE_LAG
from picha.gateway.store import tenants
from picha.gateway.store.pool import Connection
from picha.gateway.store.quarantine import Quarantined
from picha.gateway.store.raw import Raw
from picha.gateway.store.tenants import Owner, Route
from picha.kit.ids import Ids
from picha.kit.logs import logger

# What an item's own content can bring about: values the database cannot hold, or that our reading did not foresee.
UNFIT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
)


class FutureError(Exception):
    """A message is later than its account's clock as we know it, so that its window could not be reckoned."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A fact, and where it was heard: the body's id and the item as it stood there."""

    fact: Fact
    raw_id: UUID
    item: bytes


@dataclass(slots=True)
class Harvest:
    """What a batch of bodies came to; `doubled` counts messages that turned out to have been taken by Meta twice."""

    ids: Ids
    heard: list[Heard] = field(default_factory=list)
    aside: list[Quarantined] = field(default_factory=list)
    doubled: int = 0

    def put_aside(self, raw_id: UUID, path: str, reason: str, item: bytes) -> None:
        """Keep an item for a person to look at."""
        self.aside.append(Quarantined(self.ids.uuid(), raw_id, path, reason, item))
        logger("hearing").warning("a webhook item was put aside", path=path, reason=reason)


@dataclass(frozen=True, slots=True)
class _Map:
    """Where items belong: by (Meta app, phone_number_id) and by (Meta app, WABA id)."""

    routes: Mapping[tuple[str, str], Route]
    owners: Mapping[tuple[str, str], Owner]


async def gather(
    connection: Connection, raws: Sequence[Raw], times: Times, ids: Ids, token_key: bytes, *, is_caught_up: bool
) -> Harvest:
    """Turn every item into a fact, or put it aside.

    Raises:
        FutureError: unless `is_caught_up`, when a message is later than its account's clock.
    """
    readings = [read(one.body) for one in raws]
    map_ = await _map(connection, raws, readings)
    harvest = Harvest(ids)
    for one, reading in zip(raws, readings, strict=True):
        for trouble in reading.troubles:
            harvest.put_aside(one.id, trouble.path, trouble.reason, trouble.raw)
        for place, item in enumerate(reading.items):
            route = map_.routes.get((one.meta_app_id, _number(item) or ""))
            if not is_caught_up and translate.is_from_the_future(item, route, one.received_at, times):
                raise FutureError
            try:
                if isinstance(item, OtherItem):
                    owner = map_.owners.get((one.meta_app_id, item.waba_id))
                    fact: Fact = translate.news(item, owner, one.id, one.received_at)
                elif route is None:
                    raise ValueError("No sender of this Meta app has the item's phone_number_id.")
                else:
                    fact = translate.fact(item, Arrival(route, one.id, place, one.received_at), times, token_key)
            except UNFIT as error:
                harvest.put_aside(one.id, "$", str(error), item.raw)
            else:
                harvest.heard.append(Heard(fact, one.id, item.raw))
                if isinstance(fact, StatusSeen) and route is not None:
                    lag = times.shifted(route.account_id, fact.received_at) - fact.provider_at
                    EVIDENCE_LAG.observe(max(0.0, lag.total_seconds()))
    return harvest


async def _map(connection: Connection, raws: Sequence[Raw], readings: Sequence[Reading]) -> _Map:
    apps = list({one.meta_app_id for one in raws})
    numbers = {number for item in _items(readings) if (number := _number(item))}
    wabas = {item.waba_id for item in _items(readings) if isinstance(item, OtherItem) and "\0" not in item.waba_id}
    return _Map(
        await tenants.routes(connection, apps, list(numbers)), await tenants.owners(connection, apps, list(wabas))
    )


def _items(readings: Sequence[Reading]) -> Iterator[Item]:
    return (item for reading in readings for item in reading.items)


def _number(item: Item) -> str | None:
    """Return the id of the number that an item is about, if it can be one: digits."""
    number = None if isinstance(item, OtherItem) else item.metadata.phone_number_id
    return number if number and number.isascii() and number.isdigit() else None
