"""Counts what became of messages, hour by hour, so that charts need not: often, and never much of the time."""

import asyncio

from picha.gateway.store import turnouts
from picha.gateway.store.pool import Pool
from picha.kit.clock import Clock
from picha.kit.logs import logger

_LOOK_S = 10.0
# Between two hours the database is left alone for so many times as long as the first took: busy ones are counted later.
_REST, _REST_MAX_S = 9, 300.0


async def follow(pool: Pool, clock: Clock, *, look_s: float = _LOOK_S) -> None:
    """Count every hour that is due, for ever; what fails is counted later."""
    while True:
        rest = look_s
        try:
            began = clock.monotonic()
            if await turnouts.count_next(pool) is not None:
                rest = min(_REST * (clock.monotonic() - began), _REST_MAX_S)
        except Exception as error:  # noqa: BLE001 - charts are as they were, and say as of when
            logger("upkeep").warning("an hour is counted later", error=type(error).__name__)
        await asyncio.sleep(rest)
