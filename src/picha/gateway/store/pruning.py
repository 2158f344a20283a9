"""Let go of what is of no message's state: webhooks, what was put aside, notices, dead media ids, old events."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool
from picha.gateway.store.walks import Walk

# A body that was answered 200 and not digested is all there is of what it tells.
_UNDIGESTED = "SELECT id FROM raw_webhook WHERE id = ANY($1) AND digested_at IS NULL"
_BODIES = "UPDATE raw_webhook SET body = NULL WHERE id = ANY($1)"
_HASHES = "DELETE FROM raw_webhook WHERE id = ANY($1)"
_QUARANTINE = "DELETE FROM quarantine WHERE id = ANY($1)"
_NOTICES = "DELETE FROM notice WHERE id = ANY($1)"
_DEAD_MEDIA = """
DELETE FROM uploaded_media WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM uploaded_media WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))
"""
# Who comes with a cursor that is older than what went is told so. Transactions beyond the newest are another server's.
_OLD_EVENTS = """
WITH old AS (
    DELETE FROM event WHERE seq = ANY(ARRAY(
        SELECT seq FROM (SELECT seq, told_at FROM event ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED) AS oldest
        WHERE told_at < now() - $1::interval))
    RETURNING tx, seq
), noted AS (
    UPDATE event_gone SET tx = last.tx, seq = last.seq
    FROM pg_snapshot_xmax(pg_current_snapshot()) AS newest,
        (SELECT tx, seq FROM old WHERE tx <= pg_snapshot_xmax(pg_current_snapshot()) ORDER BY tx DESC, seq DESC LIMIT 1)
        AS last
    WHERE (event_gone.tx, event_gone.seq) < (last.tx, last.seq) OR event_gone.tx > newest
)
SELECT count(*) FROM old
"""


async def _bodies(connection: Connection, webhooks: Sequence[UUID]) -> Collection[UUID]:
    return await _when_digested(connection, _BODIES, webhooks)


async def _hashes(connection: Connection, webhooks: Sequence[UUID]) -> Collection[UUID]:
    return await _when_digested(connection, _HASHES, webhooks)


async def _when_digested(connection: Connection, statement: str, webhooks: Sequence[UUID]) -> Collection[UUID]:
    unready = [row[0] for row in await connection.fetch(_UNDIGESTED, webhooks)]
    await connection.execute(statement, list(set(webhooks).difference(unready)))
    return unready


async def _quarantined(connection: Connection, items: Sequence[UUID]) -> Collection[UUID]:
    await connection.execute(_QUARANTINE, items)
    return ()


async def _noticed(connection: Connection, notices: Sequence[UUID]) -> Collection[UUID]:
    await connection.execute(_NOTICES, notices)
    return ()


BODIES = Walk("bodies", "raw_webhook", _bodies)
"""Empties the bodies of digested webhooks; the same body again is still known by its hash."""

HASHES = Walk("hashes", "raw_webhook", _hashes)
"""Deletes digested webhooks, hashes and all."""

QUARANTINE = Walk("quarantine", "quarantine", _quarantined)
"""Deletes items that were put aside."""

NOTICES = Walk("notices", "notice", _noticed)
"""Deletes what Meta told of numbers and accounts."""


async def dead_media(pool: Pool, *, most: int) -> int:
    """Delete up to `most` media ids that Meta has let go of; return how many."""
    return int((await pool.execute(_DEAD_MEDIA, most)).rpartition(" ")[2])


async def old_events(pool: Pool, *, after: timedelta, most: int) -> int:
    """Delete up to `most` events that were told so long ago; return how many."""
    return int(await pool.fetchval(_OLD_EVENTS, after, most))
