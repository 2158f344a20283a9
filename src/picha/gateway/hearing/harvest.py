"""What a batch of webhook bodies comes to: facts, and items put aside because they could not be understood."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import msgspec

from picha.cloudapi.webhooks import Item, MessageItem, OtherItem, Reading, read
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
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
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
class _Reader:
    """Turns items into facts; knows where they belong by (Meta app, phone_number_id) and by (Meta app, WABA id)."""

    routes: Mapping[tuple[str, str], Route]
    owners: Mapping[tuple[str, str], Owner]
    times: Times
    token_keys: Sequence[bytes]

    def route(self, raw: Raw, item: Item) -> Route | None:
        """Return the sender that an item is about."""
        return self.routes.get((raw.meta_app_id, _number(item) or ""))

    def is_early(self, raw: Raw, item: Item) -> bool:
        """Tell whether an item is a message later than its account's clock as we know it."""
        if not isinstance(item, MessageItem):
            return False
        return translate.is_from_the_future(item.message, self.route(raw, item), raw.received_at, self.times)

    def fact(self, raw: Raw, place: int, item: Item) -> Fact:
        """Return what an item tells; raises `UNFIT` with the reason where that cannot be understood."""
        if isinstance(item, OtherItem):
            return translate.news(item, self.owners.get((raw.meta_app_id, item.waba_id)), raw.id, raw.received_at)
        route = self.route(raw, item)
        if route is None:
            raise ValueError("No sender of this Meta app has the item's phone_number_id.")
        fact = translate.fact(item, Arrival(route, raw.id, place, raw.received_at), self.times, self.token_keys)
        if place == 0 and isinstance(fact, StatusSeen):
            lag = self.times.shifted(route.account_id, raw.received_at) - fact.provider_at
            EVIDENCE_LAG.observe(max(0.0, lag.total_seconds()))
        return fact


async def gather(
    connection: Connection,
    raws: Sequence[Raw],
    times: Times,
    ids: Ids,
    token_keys: Sequence[bytes],
    *,
    is_caught_up: bool,
) -> Harvest:
    """Turn every item into a fact, or put it aside.

    Raises:
        FutureError: unless `is_caught_up`, when a message is later than its account's clock.
    """
    readings = [read(one.body) for one in raws]
    reader = _Reader(*await _places(connection, raws, readings), times, token_keys)
    harvest = Harvest(ids)
    for raw, reading in zip(raws, readings, strict=True):
        for trouble in reading.troubles:
            harvest.put_aside(raw.id, trouble.path, trouble.reason, trouble.raw)
        for place, item in enumerate(reading.items):
            if not is_caught_up and reader.is_early(raw, item):
                raise FutureError
            try:
                harvest.heard.append(Heard(reader.fact(raw, place, item), raw.id, item.raw))
            except UNFIT as error:
                harvest.put_aside(raw.id, "$", str(error), item.raw)
    return harvest


async def _places(
    connection: Connection, raws: Sequence[Raw], readings: Sequence[Reading]
) -> tuple[Mapping[tuple[str, str], Route], Mapping[tuple[str, str], Owner]]:
    """Find the senders and the accounts that a batch is about."""
    apps = list({one.meta_app_id for one in raws})
    numbers = {number for item in _items(readings) if (number := _number(item))}
    wabas = {item.waba_id for item in _items(readings) if isinstance(item, OtherItem) and "\0" not in item.waba_id}
    routes = await tenants.routes(connection, apps, list(numbers))
    return routes, await tenants.owners(connection, apps, list(wabas))


def _items(readings: Sequence[Reading]) -> Iterator[Item]:
    return (item for reading in readings for item in reading.items)


def _number(item: Item) -> str | None:
    """Return the id of the number that an item is about, if it can be one: digits."""
    number = None if isinstance(item, OtherItem) else item.metadata.phone_number_id
    return number if number and number.isascii() and number.isdigit() else None
