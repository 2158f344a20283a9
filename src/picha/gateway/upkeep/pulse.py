"""Tells how the process and the gateway are, for its metrics: felt every second, read in the database every few."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import get_args

from picha.gateway import metrics
from picha.gateway.store import reading
from picha.gateway.store.numbers import PausedFor
from picha.gateway.store.pool import Pool
from picha.gateway.store.reading import READ_EVERY_S, Reading
from picha.kit.clock import Clock
from picha.kit.logs import logger

_BEAT_S = 1.0


@asynccontextmanager
async def pulse(pool: Pool, clock: Clock) -> AsyncIterator[None]:
    """Measure, as long as the block lasts."""
    tasks = [asyncio.create_task(_feel(pool, clock)), asyncio.create_task(_read(pool))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _feel(pool: Pool, clock: Clock) -> None:
    """Measure how late the loop is, and how long a connection is waited for."""
    while True:
        due = clock.monotonic() + _BEAT_S
        await asyncio.sleep(_BEAT_S)
        metrics.LOOP_LAG.observe(max(0.0, clock.monotonic() - due))
        metrics.POOL.labels("idle").set(pool.get_idle_size())
        metrics.POOL.labels("busy").set(pool.get_size() - pool.get_idle_size())
        asked = clock.monotonic()
        try:
            async with pool.acquire():
                metrics.POOL_WAIT.observe(clock.monotonic() - asked)
        except Exception as error:  # noqa: BLE001 - whoever needs the database tells that it is away
            logger("upkeep").debug("no connection to measure", error=type(error).__name__)


async def _read(pool: Pool) -> None:
    while True:
        try:
            if told := await reading.told(pool):
                show(*told)
        except Exception as error:  # noqa: BLE001 - the gauges tell of what time they are
            logger("upkeep").warning("gauges not read", error=type(error).__name__)
        await asyncio.sleep(READ_EVERY_S)


def show(read_at: datetime, told: Reading) -> None:
    """Set the gauges to a reading; what it does not name any more is shown no longer."""
    metrics.READ_AT.set(read_at.timestamp())
    for phase, count in told.waiting.items():
        metrics.WAITING.labels(phase).set(count)
    for kind, count in told.orphaned.items():
        metrics.LANES_ORPHANED.labels(kind).set(count)
    metrics.WEBHOOKS_WAITING.set(told.webhooks)
    metrics.WEBHOOKS_OLDEST.set(told.webhooks_oldest_s)
    metrics.DELIVERIES_WAITING.set(told.deliveries)
    metrics.DELIVERIES_OLDEST.set(told.deliveries_oldest_s)
    metrics.ENDPOINTS_FAILING.set(told.endpoints_failing)
    metrics.ENDPOINTS_OFF.set(told.endpoints_off)
    metrics.PARKED.set(told.parked)
    metrics.QUARANTINED.set(told.quarantined)
    for gauge in metrics.OF_SENDERS:
        gauge.clear()
    for one in told.senders:
        metrics.SENDER_WAITING.labels(str(one.id)).set(one.waiting)
        metrics.SENDER_OLDEST.labels(str(one.id)).set(one.oldest_s)
        metrics.SENDER_ACTIVE.labels(str(one.id)).set(one.is_active)
        metrics.SENDER_OWNED.labels(str(one.id)).set(one.is_owned)
        for why in get_args(PausedFor):
            metrics.SENDER_PAUSED.labels(str(one.id), why).set(one.paused_for == why)
