"""What waits in the whole gateway, read at most once in a few seconds, whoever asks and however many do."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from picha.gateway.store import lanes
from picha.gateway.store.ledger.turns import IS_WAITING
from picha.gateway.store.numbers import PausedFor
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
    """One number: messages that are not over, for how long the oldest could have gone, and who works on it."""

    id: UUID
    is_active: bool
    paused_for: PausedFor | None
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
    deliveries: int
    deliveries_oldest_s: float
    endpoints_failing: int
    endpoints_off: int


_PHASES = ("image_wait", "queued", "sending", "unknown")


def _counted(rows: str) -> str:
    return f"(SELECT count(*) FROM (SELECT FROM {rows} LIMIT {COUNT_TO}) AS counted)"  # noqa: S608 - constants


# Each count reads a partial index that holds nothing but what waits.
_WAITING = f"""
SELECT phase, count(*) FROM (SELECT phase FROM message WHERE {IS_WAITING} LIMIT {COUNT_TO}) AS counted GROUP BY phase
"""  # noqa: S608 - constants
_OLDEST_WEBHOOK = "SELECT received_at FROM raw_webhook WHERE digested_at IS NULL ORDER BY id LIMIT 1"
_OLDEST_DELIVERY = """
SELECT min(oldest.due_at) FROM webhook CROSS JOIN LATERAL (
    SELECT due_at FROM delivery WHERE webhook_id = webhook.id AND status = 'pending' ORDER BY due_at LIMIT 1
) AS oldest WHERE disabled_at IS NULL
"""
_REST = f"""
SELECT {_counted(f"message WHERE {lanes.IS_TO_FETCH}")} AS fetch,
    {_counted("raw_webhook WHERE digested_at IS NULL")} AS webhooks,
    greatest(extract(epoch FROM now() - ({_OLDEST_WEBHOOK})), 0)::float8 AS webhooks_oldest_s,
    {_counted("evidence WHERE attempt_id IS NULL")} AS parked,
    {_counted("quarantine")} AS quarantined,
    {_counted("delivery WHERE status = 'pending'")} AS deliveries,
    greatest(extract(epoch FROM now() - ({_OLDEST_DELIVERY})), 0)::float8 AS deliveries_oldest_s,
    {_counted("webhook WHERE failing_since IS NOT NULL AND disabled_at IS NULL")} AS endpoints_failing,
    {_counted("webhook WHERE disabled_for IN ('gone', 'failing')")} AS endpoints_off
"""  # noqa: S608 - constants

# A thread that has been due for a while could have been looked at; what its pace or order holds up is due later.
_DUE_SINCE = "SELECT min(next_due) FROM pair WHERE sender_id = {sender} AND rank = {rank} AND next_due <= now()"
_SENDERS = f"""
SELECT id, is_active, paused_for, coalesce(leased_until > now(), false) AS is_owned,
    {_counted(f"message WHERE {IS_WAITING} AND sender_id = sender.id")} AS waiting,
    coalesce(extract(epoch FROM now() - least(
        ({_DUE_SINCE.format(sender="sender.id", rank=0)}), ({_DUE_SINCE.format(sender="sender.id", rank=1)})
    )), 0)::float8 AS oldest_s
FROM sender LEFT JOIN lane ON kind = 'send' AND key = sender.id
ORDER BY id
"""  # noqa: S608 - constants

_ORPHANED = f"""
SELECT kind, count(*) FROM lane, make_interval(secs => $1) AS late
WHERE (leased_until IS NULL OR leased_until < now()) AND CASE kind
    WHEN 'prepare' THEN EXISTS
        (SELECT FROM message WHERE workspace_id = lane.key AND phase = 'image_wait' AND due_at <= now() - late)
    WHEN 'batch' THEN EXISTS (SELECT FROM batch WHERE workspace_id = lane.key AND due_at <= now() - late)
    WHEN 'send' THEN EXISTS (SELECT FROM sender WHERE id = lane.key AND paused_at IS NULL) AND least(
        ({_DUE_SINCE.format(sender="lane.key", rank=0)}), ({_DUE_SINCE.format(sender="lane.key", rank=1)})
    ) <= now() - late
    WHEN 'hear' THEN EXISTS
        (SELECT FROM message WHERE sender_id = lane.key AND {lanes.IS_TO_FETCH} AND due_at <= now() - late)
    WHEN 'tell' THEN EXISTS (SELECT FROM webhook WHERE id = lane.key AND disabled_at IS NULL) AND EXISTS
        (SELECT FROM delivery WHERE webhook_id = lane.key AND status = 'pending' AND due_at <= now() - late)
END
GROUP BY kind
"""  # noqa: S608 - constants

Told: TypeAlias = tuple[datetime, Reading]


async def read(connection: Connection) -> Reading:
    """Read what waits now."""
    row = await connection.fetchrow(_REST)
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    phases = {one["phase"]: one["count"] for one in await connection.fetch(_WAITING)}
    senders = [SenderReading(**one) for one in await connection.fetch(_SENDERS)]
    orphaned = {one["kind"]: one["count"] for one in await connection.fetch(_ORPHANED, float(ORPHAN_AFTER_S))}
    return Reading(
        waiting={phase: phases.get(phase, 0) for phase in _PHASES} | {"fetch": row["fetch"]},
        webhooks=row["webhooks"],
        webhooks_oldest_s=row["webhooks_oldest_s"] or 0.0,
        parked=row["parked"],
        quarantined=row["quarantined"],
        senders=tuple(senders),
        orphaned={kind: orphaned.get(kind, 0) for kind in lanes.CHANNELS},
        deliveries=row["deliveries"],
        deliveries_oldest_s=row["deliveries_oldest_s"] or 0.0,
        endpoints_failing=row["endpoints_failing"],
        endpoints_off=row["endpoints_off"],
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
