"""Items of webhooks that could not be understood: kept, listed for the operator, and given another try."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool

_ADD = """
INSERT INTO quarantine (id, raw_id, path, reason, item, at)
SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])
"""

_LIST = """
SELECT quarantine.id, raw_id, path, reason, item, at,
    (SELECT body IS NOT NULL FROM raw_webhook WHERE raw_webhook.id = raw_id) IS TRUE
FROM quarantine WHERE $1::uuid IS NULL OR quarantine.id = $1 ORDER BY quarantine.id DESC LIMIT $2
"""

# The whole body is digested anew: what it told before is known and changes nothing, and what is still not understood
# is put aside again.
_RETRY = """
WITH again AS (
    UPDATE raw_webhook SET digested_at = NULL
    WHERE body IS NOT NULL AND id IN (SELECT raw_id FROM quarantine WHERE $1::uuid IS NULL OR id = $1)
    RETURNING id
), gone AS (
    DELETE FROM quarantine USING again WHERE raw_id = again.id RETURNING quarantine.id
), rung AS (
    SELECT pg_notify('picha_digest', '') FROM (SELECT count(*) FROM again) AS counted
)
SELECT count(*) FROM gone, rung
"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An item that could not be understood: where it stood in its body, and why it was put aside."""

    id: UUID
    raw_id: UUID
    path: str
    reason: str
    item: bytes


@dataclass(frozen=True, slots=True)
class Kept(Quarantined):
    """An item as it is listed: since when it lies there, and whether its body is still kept."""

    at: datetime
    is_retriable: bool


async def add(connection: Connection, items: Sequence[Quarantined]) -> None:
    """Put items aside, inside the caller's transaction."""
    if items:
        await connection.execute(
            _ADD,
            [item.id for item in items],
            [item.raw_id for item in items],
            [item.path for item in items],
            [item.reason for item in items],
            [item.item for item in items],
        )


async def kept(pool: Pool, *, only: UUID | None = None, most: int = 100) -> list[Kept]:
    """Return what lies in quarantine, newest first, or `only` one of it."""
    return [Kept(*row) for row in await pool.fetch(_LIST, only, most)]


async def retry(pool: Pool, *, only: UUID | None = None) -> int:
    """Have the bodies of everything in quarantine, or of `only` one item, digested anew; return of how many items.

    Items whose body is no longer kept stay.
    """
    count: int = await pool.fetchval(_RETRY, only)
    return count
