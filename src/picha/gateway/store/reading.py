"""What waits in the whole gateway, read at most once in a few seconds, whoever asks and however many do."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from picha.gateway.store import lanes
from picha.gateway.store.pool import Connection, Pool

# Counting stops here: that there are ten thousand says enough, and a longer count takes from those who send.
COUNT_TO = 10_000
READ_EVERY_S = 5
# Work that is due and has no owner for this long has been missed: a lease is over by then, and everyone has looked.
ORPHAN_AFTER_S = lanes.LEASE_SECONDS

_CLAIM = """
UPDATE reading SET read_at = clock_timestamp()
WHERE read_at <= clock_timestamp() - make_interval(secs => $1) RETURNING true
"""
_STORE = "UPDATE reading SET told = $1"
_TOLD = "SELECT read_at, told FROM reading"


class SenderReading(msgspec.Struct, frozen=True, kw_only=True):
    """One number: messages queued, for how long the oldest could have been sent, and who works on it."""

    id: UUID
    is_active: bool
    is_owned: bool
    waiting: int
    oldest_s: float


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The whole gateway's queues: counts stop at `COUNT_TO`, ages are in seconds."""

    waiting: Mapping[str, int]
    webhooks: int
    webhooks_oldest_s: float
    parked: int
    quarantined: int
    senders: tuple[SenderReading, ...]
    orphaned: Mapping[str, int]


# Each count reads a partial index that holds nothing but what waits.
_WAITING: Mapping[str, str] = {
    "image_wait": "message WHERE phase = 'image_wait'",
    "queued": "message WHERE phase = 'queued'",
    "sending": "attempt WHERE outcome IS NULL",
    "unknown": "message WHERE phase = 'unknown'",
    "fetch": "message WHERE image_state = 'pending' AND NOT is_outbound",
}


def _counted(rows: str) -> str:
    return f"(SELECT count(*) FROM (SELECT FROM {rows} LIMIT {COUNT_TO}) AS counted)"  # noqa: S608 - constants


_OLDEST_WEBHOOK = "SELECT received_at FROM raw_webhook WHERE digested_at IS NULL ORDER BY id LIMIT 1"
_ALL = f"""
SELECT {", ".join(f"{_counted(rows)} AS {name}" for name, rows in _WAITING.items())},
    {_counted("raw_webhook WHERE digested_at IS NULL")} AS webhooks,
    greatest(extract(epoch FROM now() - ({_OLDEST_WEBHOOK})), 0)::float8 AS webhooks_oldest_s,
    {_counted("evidence WHERE attempt_id IS NULL")} AS parked,
    {_counted("quarantine")} AS quarantined
"""  # noqa: S608 - constants

_SENDERS = f"""
SELECT id, is_active, coalesce(leased_until > now(), false) AS is_owned,
    {_counted("message WHERE sender_id = sender.id AND phase = 'queued'")} AS waiting,
    coalesce(greatest(extract(epoch FROM now() -
        (SELECT min(due_at) FROM message WHERE sender_id = sender.id AND phase = 'queued' AND due_at <= now())
    ), 0), 0)::float8 AS oldest_s
FROM sender LEFT JOIN lane ON kind = 'send' AND key = sender.id
ORDER BY id
"""  # noqa: S608 - constants

# What each kind of lane has to do, were it this much earlier.
_ORPHANED = """
SELECT kind, count(*) FROM lane
WHERE (leased_until IS NULL OR leased_until < now()) AND CASE kind
    WHEN 'prepare' THEN EXISTS (SELECT FROM message WHERE workspace_id = lane.key AND phase = 'image_wait'
        AND due_at <= now() - make_interval(secs => $1))
    WHEN 'send' THEN EXISTS (SELECT FROM message WHERE sender_id = lane.key AND phase = 'queued'
        AND due_at <= now() - make_interval(secs => $1))
    WHEN 'hear' THEN EXISTS (SELECT FROM message WHERE sender_id = lane.key AND image_state = 'pending'
        AND NOT is_outbound AND due_at <= now() - make_interval(secs => $1))
END
GROUP BY kind
"""

Told: TypeAlias = tuple[datetime, Reading]


async def read(connection: Connection) -> Reading:
    """Read what waits now."""
    row = await connection.fetchrow(_ALL)
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    senders = [SenderReading(**one) for one in await connection.fetch(_SENDERS)]
    orphaned = {one["kind"]: one["count"] for one in await connection.fetch(_ORPHANED, float(ORPHAN_AFTER_S))}
    return Reading(
        waiting={name: row[name] for name in _WAITING},
        webhooks=row["webhooks"],
        webhooks_oldest_s=row["webhooks_oldest_s"] or 0.0,
        parked=row["parked"],
        quarantined=row["quarantined"],
        senders=tuple(senders),
        orphaned={kind: orphaned.get(kind, 0) for kind in lanes.CHANNELS},
    )


async def told(pool: Pool) -> Told | None:
    """Return the last reading and when it was made; make it anew where it is older than a few seconds.

    None while the first is being made. Of all processes that ask, one reads.
    """
    async with pool.acquire() as connection:
        if await connection.fetchval(_CLAIM, float(READ_EVERY_S)):
            made = await read(connection)
            await connection.execute(_STORE, msgspec.to_builtins(made))
        row = await connection.fetchrow(_TOLD)
    return (row["read_at"], msgspec.convert(row["told"], Reading)) if row and row["told"] is not None else None
