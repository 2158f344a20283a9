"""The database's epoch: a number that only grows, unless the database is put back to what it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from picha.gateway.store import audit
from picha.gateway.store.ledger.turns import IS_WAITING
from picha.gateway.store.pool import Connection, Pool, in_transaction

# What a confirmation adds, so that no number that any process has ever seen comes again.
_LEAP = 1000

_READ = "SELECT lineage, value, beaten_at, restored_at FROM epoch"
_BEAT = """
UPDATE epoch SET value = value + (restored_at IS NULL)::int, beaten_at = clock_timestamp()
RETURNING lineage, value, beaten_at, restored_at
"""
_HOLD = f"""
UPDATE epoch SET restored_at = clock_timestamp(), restored_before = $1, restored_ahead = ARRAY(
    SELECT id FROM message WHERE {IS_WAITING} AND id >= $1 UNION ALL
    SELECT id FROM batch WHERE due_at IS NOT NULL AND id >= $1)
WHERE restored_at IS NULL RETURNING value
"""  # noqa: S608 - a constant of the store only
_CONFIRM = """
UPDATE epoch SET restored_at = NULL, restored_before = NULL, restored_ahead = '{}', value = greatest(value, $1) + $2
WHERE restored_at IS NOT NULL RETURNING value
"""


@dataclass(frozen=True, slots=True)
class Epoch:
    """The number, which database's it is, when a worker last beat, and since when nothing is sent if that is so."""

    lineage: UUID
    value: int
    beaten_at: datetime | None
    restored_at: datetime | None

    @property
    def name(self) -> str:
        """The name of the note of this database's epoch in the blob store."""
        return f"epoch-{self.lineage}"


async def read(pool: Pool) -> Epoch:
    """Return the epoch."""
    return _epoch(await pool.fetchrow(_READ))


async def beat(pool: Pool) -> Epoch:
    """Let the number grow, unless nothing is sent, and say that a worker works; return the epoch."""
    return _epoch(await pool.fetchrow(_BEAT))


async def hold(pool: Pool, before: UUID) -> bool:
    """Send nothing more until somebody confirms.

    What waits now, or has an id less than `before`, may have been sent already.

    Tells whether something was sent until now.
    """
    return await pool.fetchval(_HOLD, before) is not None


async def confirm(pool: Pool, noted: int, *, about: Mapping[str, Any]) -> int | None:
    """Let everything be sent again and return the new number, greater than `noted` and all others; None if it is.

    `about` is what is noted of the deed.
    """

    async def work(connection: Connection) -> int | None:
        value: int | None = await connection.fetchval(_CONFIRM, noted, _LEAP)
        if value is not None:
            await audit.note(connection, audit.CLI, "restore.confirmed", about={"epoch": value, **about})
        return value

    return await in_transaction(pool, work)


def _epoch(row: "asyncpg.Record | None") -> Epoch:
    assert row is not None  # noqa: S101 - the migration made the row
    return Epoch(*row)
