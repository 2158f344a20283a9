"""How many messages were accepted for those who have a cap, in the transactions that accepted them.

Each process counts in rows of its own, so that nobody waits for another; what counts is their sum.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from picha.gateway.domain.caps import Tally, month_of
from picha.gateway.store.pool import Connection, Pool

_ADD = """
INSERT INTO spend (owner, day, process, count) SELECT * FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::int[])
ON CONFLICT (owner, day, process) DO UPDATE SET count = spend.count + excluded.count
"""
_TALLIES = """
SELECT owner, coalesce(sum(count) FILTER (WHERE day = $2), 0)::bigint, sum(count)::bigint FROM spend
WHERE owner = ANY($1::uuid[]) AND day BETWEEN $3 AND $2 GROUP BY owner
"""
# The month before this one is over everywhere.
_DROP = """
DELETE FROM spend WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM spend WHERE day < date_trunc('month', now()) - interval '1 month' LIMIT $1
    FOR UPDATE SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """A message to be counted: for whom, on which day (UTC), by which process."""

    owners: Sequence[UUID]
    day: date
    process: UUID


async def add(connection: Connection, spent: Sequence[Spent]) -> None:
    """Count messages, inside the transaction that accepts them."""
    counts = Counter((owner, one.day, one.process) for one in spent for owner in one.owners)
    if counts:
        rows = sorted(counts.items())
        await connection.execute(
            _ADD,
            [owner for (owner, _, _), _ in rows],
            [day for (_, day, _), _ in rows],
            [process for (_, _, process), _ in rows],
            [count for _, count in rows],
        )


async def tallies(pool: Pool, owners: Sequence[UUID], today: date) -> dict[UUID, Tally]:
    """Return how much was accepted for each owner, today and in its month."""
    rows = await pool.fetch(_TALLIES, list(owners), today, month_of(today))
    return dict.fromkeys(owners, Tally()) | {row[0]: Tally(row[1], row[2]) for row in rows}


async def drop(pool: Pool, *, most: int) -> int:
    """Forget up to `most` counts of months before the last; return how many."""
    return int((await pool.execute(_DROP, most)).rpartition(" ")[2])
