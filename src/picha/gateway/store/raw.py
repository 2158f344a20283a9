"""Webhook bodies as they came: kept before the answer, read when they are digested."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool, in_transaction, take_longer
from picha.kit.crashpoints import crashpoint

# A batch may hold tens of thousands of updates.
_MOST_SECONDS = 60

_KEEP = """
WITH kept AS (
    INSERT INTO raw_webhook (id, meta_app_id, digest, body, received_at)
    SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[])
    ON CONFLICT (meta_app_id, digest) DO NOTHING RETURNING id
)
SELECT count(*), pg_notify('picha_digest', '') FROM kept HAVING count(*) > 0
"""

_TAKE = """
SELECT id, meta_app_id, body, received_at FROM raw_webhook WHERE digested_at IS NULL
ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""

_DONE = "UPDATE raw_webhook SET digested_at = clock_timestamp() WHERE id = ANY($1::uuid[])"

_QUARANTINE = """
INSERT INTO quarantine (id, raw_id, path, reason, item, at)
SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """A webhook body that is to be kept; `meta_app_id` is the app whose secret verified it, `digest` its SHA-256."""

    id: UUID
    meta_app_id: str
    digest: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Raw:
    """A webhook body that was kept; `received_at` is by the database's clock, as an attempt's times are."""

    id: UUID
    meta_app_id: str
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An item that could not be understood: where it stood in its body, and why it was put aside."""

    id: UUID
    raw_id: UUID
    path: str
    reason: str
    item: bytes


async def keep(pool: Pool, verified: Sequence[Verified]) -> None:
    """Store bodies durably, each content once; when it returns they may be answered 200."""
    crashpoint("intake_before_keep")
    await pool.execute(
        _KEEP,
        [one.id for one in verified],
        [one.meta_app_id for one in verified],
        [one.digest for one in verified],
        [one.body for one in verified],
    )
    crashpoint("intake_after_keep")


async def digest(pool: Pool, work: Callable[[Connection, list[Raw]], Awaitable[None]], *, most: int) -> int:
    """Run `work` on up to `most` bodies that nobody digested, in the transaction that marks them; return how many.

    Several workers may do so at once: none takes what another holds.
    """

    async def step(connection: Connection) -> int:
        await take_longer(connection, _MOST_SECONDS)
        rows = await connection.fetch(_TAKE, most)
        raws = [Raw(row["id"], row["meta_app_id"], row["body"], row["received_at"]) for row in rows]
        if raws:
            await work(connection, raws)
            await connection.execute(_DONE, [raw.id for raw in raws])
            crashpoint("digest_before_commit")
        return len(raws)

    count = await in_transaction(pool, step)
    if count:
        crashpoint("digest_after_commit")
    return count


async def quarantine(connection: Connection, items: Sequence[Quarantined]) -> None:
    """Put items aside, inside the caller's transaction."""
    if items:
        await connection.execute(
            _QUARANTINE,
            [item.id for item in items],
            [item.raw_id for item in items],
            [item.path for item in items],
            [item.reason for item in items],
            [item.item for item in items],
        )
