"""Webhook bodies as they came: kept before the answer, read when they are digested."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool, in_transaction

_KEEP = """
WITH kept AS (
    INSERT INTO raw_webhook (id, meta_app_id, digest, body, received_at)
    SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::bytea[])
    ON CONFLICT (meta_app_id, digest) DO NOTHING RETURNING id
)
SELECT count(*), pg_notify('picha_digest', '') FROM kept HAVING count(*) > 0
"""

_TAKE = """
SELECT id, meta_app_id, body, received_at FROM raw_webhook WHERE digested_at IS NULL AND id > $1
ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
# A body holds one update or a thousand. Bodies are taken until there is work for some 50 ms, more of them each time.
_ENOUGH_BYTES = 128 * 1024
_FIRST, _FASTER = 2, 4

_DONE = "UPDATE raw_webhook SET digested_at = clock_timestamp() WHERE id = ANY($1::uuid[])"


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


async def keep(pool: Pool, verified: Sequence[Verified]) -> None:
    """Store bodies durably, each content once; when it returns they may be answered 200."""
    await pool.execute(
        _KEEP,
        [one.id for one in verified],
        [one.meta_app_id for one in verified],
        [one.digest for one in verified],
        [one.body for one in verified],
    )


async def digest(pool: Pool, work: Callable[[Connection, list[Raw]], Awaitable[None]], *, most: int) -> int:
    """Run `work` on up to `most` bodies that nobody digested, in the transaction that marks them; return how many.

    Several workers may do so at once: none takes what another holds. A transaction is kept short: when what was taken
    is large, less is taken.
    """

    async def step(connection: Connection) -> int:
        raws = await _take(connection, most)
        if raws:
            await work(connection, raws)
            await connection.execute(_DONE, [raw.id for raw in raws])
        return len(raws)

    return await in_transaction(pool, step)


async def _take(connection: Connection, most: int) -> list[Raw]:
    raws: list[Raw] = []
    wanted = _FIRST
    while len(raws) < most and sum(len(raw.body) for raw in raws) < _ENOUGH_BYTES:
        asked = min(wanted, most - len(raws))
        rows = await connection.fetch(_TAKE, raws[-1].id if raws else UUID(int=0), asked)
        raws += [Raw(row["id"], row["meta_app_id"], row["body"], row["received_at"]) for row in rows]
        if len(rows) < asked:
            break
        wanted *= _FASTER
    return raws
