"""What became of messages, hour by hour and number by number, for charts: counted beside the work, read in no time.

An hour is counted from its messages, whole, in the order of their primary ids, so that counting it again changes
nothing but what changed. It is counted anew ever more seldom, and for the last time when it is three days old: what
is read of it later than that is in its messages, and not in the charts. What is counted outlives the messages: no
person is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from picha.gateway.store.ledger.turns import IS_WAITING
from picha.gateway.store.pool import Connection, Pool, in_transaction, take_longer
from picha.gateway.store.views import COUNT_TO
from picha.kit.ids import earliest

SETTLED_AFTER = timedelta(days=3)
"""When an hour is counted for the last time."""

KEPT = timedelta(days=31)
"""How far back hours are counted that nobody counted before, unless told otherwise."""

STEPS_OF_TEN = 8
"""Into how many steps the scale of durations divides each power of ten milliseconds."""

_HOUR = timedelta(hours=1)
_COUNT_S = 60

# How old an hour is at its end, and how long until it is counted anew.
_AGAIN = """
CASE WHEN now() < at + interval '2 hours' THEN now() + interval '15 seconds'
    WHEN now() < at + interval '7 hours' THEN now() + interval '15 minutes'
    WHEN now() < at + interval '1 hour' + $2::interval THEN now() + interval '3 hours' END
"""
_THIS_HOUR = "date_bin('1 hour', now(), 'epoch')"
# The first 48 bits of a UUIDv7 are its moment in milliseconds.
_FIRST_HOUR = """
SELECT date_bin('1 hour', to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1e3), 'epoch')
FROM (
    SELECT (SELECT id FROM message WHERE workspace_id = workspace.id ORDER BY id LIMIT 1) AS id FROM workspace
) AS oldest ORDER BY id LIMIT 1
"""
_OPEN = f"""
INSERT INTO turnout_hour (at, due_at)
SELECT hour, now() FROM generate_series(
    greatest({_THIS_HOUR} - $1::interval,
        coalesce((SELECT max(at) + interval '1 hour' FROM turnout_hour), ({_FIRST_HOUR}), {_THIS_HOUR})),
    {_THIS_HOUR}, interval '1 hour') AS hour
ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of this module only
_NEXT = """
SELECT at FROM turnout_hour WHERE due_at <= now() ORDER BY at DESC LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_CLEAR = "DELETE FROM turnout WHERE at = $1"
_STEP = f"floor({STEPS_OF_TEN} * log(greatest(extract(epoch FROM {{span}}) * 1000, 1)::float8))::int"
# Each message is read once; what is counted on is a few hundred kinds of them. OFFSET 0 keeps the index's order.
_COUNT = f"""
WITH folded AS (
    SELECT workspace.id AS workspace_id, sender_id, became,
        CASE WHEN is_ours THEN {_STEP.format(span="one.sent_at - one.created_at")} END AS to_sent,
        CASE WHEN is_ours THEN {
    _STEP.format(span="one.delivered_at - one.sent_at")
} END AS to_delivered, count(*) AS number
    FROM workspace CROSS JOIN LATERAL (
        SELECT sender_id, created_at, sent_at, delivered_at, is_outbound AND NOT is_echo AS is_ours,
            CASE WHEN NOT is_outbound THEN 'received' WHEN is_echo THEN 'echoed'
                WHEN phase IN ('cancelled', 'unknown') THEN phase
                WHEN status = 'pending' THEN 'waiting' ELSE status END AS became
        FROM message WHERE message.workspace_id = workspace.id AND id >= $2 AND id < $3 OFFSET 0
    ) AS one
    GROUP BY 1, 2, 3, 4, 5
), numbers AS (
    SELECT workspace_id, sender_id, {
    ", ".join(
        f"coalesce(sum(number) FILTER (WHERE became = '{one}'), 0) AS {one}"
        for one in ("received", "echoed", "waiting", "unknown", "sent", "delivered", "read", "failed", "cancelled")
    )
}
    FROM folded GROUP BY 1, 2
)
INSERT INTO turnout (workspace_id, environment, sender_id, at, received, echoed, waiting, unknown, sent, delivered,
    read, failed, cancelled, to_sent, to_delivered)
SELECT numbers.workspace_id, environment, sender_id, $1, received, echoed, waiting, unknown, sent, delivered, read,
    failed, cancelled, {{to_sent}}, {{to_delivered}}
FROM numbers JOIN sender ON sender.id = sender_id
"""  # noqa: S608 - constants of this module only
_STEPS = """
coalesce((SELECT jsonb_object_agg({name}, number) FROM (
    SELECT {name}, sum(number)::bigint AS number FROM folded
    WHERE folded.workspace_id = numbers.workspace_id AND folded.sender_id = numbers.sender_id AND {name} IS NOT NULL
    GROUP BY 1
) AS steps), '{{}}')
"""
_COUNT = _COUNT.format(to_sent=_STEPS.format(name="to_sent"), to_delivered=_STEPS.format(name="to_delivered"))
_COUNTED = f"UPDATE turnout_hour SET counted_at = clock_timestamp(), due_at = {_AGAIN} WHERE at = $1"  # noqa: S608

_MATCHES = "workspace_id = $1 AND environment = $2 AND at >= $3 AND ($5::uuid IS NULL OR sender_id = $5)"
_TOLD = f"""
SELECT date_bin($4::interval, at, 'epoch') AS at, sum(received)::bigint AS received, sum(echoed)::bigint AS echoed,
    sum(waiting)::bigint AS waiting, sum(unknown)::bigint AS unknown, sum(sent)::bigint AS sent,
    sum(delivered)::bigint AS delivered, sum(read)::bigint AS read, sum(failed)::bigint AS failed,
    sum(cancelled)::bigint AS cancelled
FROM turnout WHERE {_MATCHES} GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - constants of this module only
_STEPS_TOLD = f"""
SELECT date_bin($4::interval, at, 'epoch') AS at, one.which, step::int AS step, sum(number::bigint)::bigint AS number
FROM turnout CROSS JOIN LATERAL (VALUES ('to_sent', to_sent), ('to_delivered', to_delivered)) AS one (which, steps)
CROSS JOIN LATERAL jsonb_each_text(one.steps) AS each (step, number)
WHERE {_MATCHES} GROUP BY 1, 2, 3
"""  # noqa: S608 - as above
_AS_OF = "SELECT counted_at FROM turnout_hour WHERE counted_at IS NOT NULL ORDER BY at DESC LIMIT 1"
_QUEUES = f"""
SELECT coalesce(sum(waiting), 0)::bigint, coalesce(sum(unknown), 0)::bigint FROM sender CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE phase <> 'unknown') AS waiting, count(*) FILTER (WHERE phase = 'unknown') AS unknown
    FROM (SELECT phase FROM message WHERE {IS_WAITING} AND sender_id = sender.id LIMIT {COUNT_TO}) AS counted
) AS queue WHERE workspace_id = $1 AND environment = $2
"""  # noqa: S608 - as above
_DROP = "DELETE FROM turnout WHERE ctid = ANY(ARRAY(SELECT ctid FROM turnout WHERE at < now() - $1::interval LIMIT $2))"
_DROP_HOURS = "DELETE FROM turnout_hour WHERE at < now() - $1::interval"

Which = Literal["to_sent", "to_delivered"]


@dataclass(frozen=True, slots=True)
class Turnout:
    """What became of the messages that came in a span of time from `at` on.

    Of what was sent each message is in one of `waiting` to `cancelled`: `sent` are those that were not delivered yet,
    `delivered` those that were not read. `steps` has how many took how long, in steps of the scale.
    """

    at: datetime
    received: int = 0
    echoed: int = 0
    waiting: int = 0
    unknown: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    cancelled: int = 0
    steps: Mapping[Which, dict[int, int]] = field(default_factory=lambda: {"to_sent": {}, "to_delivered": {}})

    @property
    def accepted(self) -> int:
        """How many were accepted to be sent."""
        return self.waiting + self.unknown + self.gone + self.failed + self.cancelled

    @property
    def gone(self) -> int:
        """How many WhatsApp has."""
        return self.sent + self.delivered + self.read


@dataclass(frozen=True, slots=True)
class Queues:
    """How many messages of a workspace wait now, and of how many nobody knows yet; each number's are counted so far."""

    waiting: int
    unknown: int

    @property
    def is_exact(self) -> bool:
        """Tell whether nothing was left uncounted."""
        return self.waiting + self.unknown < COUNT_TO


async def count_next(pool: Pool, *, back: timedelta = KEPT) -> datetime | None:
    """Count one hour that is due, the newest first, and return which; None where none is. Several workers may do so.

    Hours that nobody counted before are due as far `back`, and none before there was a message.
    """
    await pool.execute(_OPEN, back)

    async def work(connection: Connection) -> datetime | None:
        await take_longer(connection, _COUNT_S)
        hour: datetime | None = await connection.fetchval(_NEXT)
        if hour is None:
            return None
        await connection.execute(_CLEAR, hour)
        await connection.execute(_COUNT, hour, earliest(hour), earliest(hour + _HOUR), timeout=_COUNT_S)
        await connection.execute(_COUNTED, hour, SETTLED_AFTER)
        return hour

    return await in_transaction(pool, work)


async def told(
    pool: Pool, workspace: UUID, environment: str, *, since: datetime, every: timedelta, sender: UUID | None = None
) -> list[Turnout]:
    """Return what became of the messages of each span of length `every` in which there were any, the oldest first."""
    asked = (workspace, environment, since, every, sender)
    found = {row["at"]: Turnout(*row) for row in await pool.fetch(_TOLD, *asked)}
    for at, which, step, number in await pool.fetch(_STEPS_TOLD, *asked):
        # A span may have been counted for the first time between the two questions.
        if at in found:
            found[at].steps[which][step] = number
    return list(found.values())


async def as_of(pool: Pool) -> datetime | None:
    """Return when the newest hour was counted last."""
    moment: datetime | None = await pool.fetchval(_AS_OF)
    return moment


async def queues(pool: Pool, workspace: UUID, environment: str) -> Queues:
    """Count what waits now; of each number at most `COUNT_TO`."""
    row = await pool.fetchrow(_QUEUES, workspace, environment)
    return Queues(*row) if row else Queues(0, 0)


async def drop(pool: Pool, *, after: timedelta, most: int) -> int:
    """Delete up to `most` counts of hours that are so long ago; return how many."""
    gone = int((await pool.execute(_DROP, after, most)).rpartition(" ")[2])
    if gone < most:
        await pool.execute(_DROP_HOURS, max(after, KEPT + _HOUR))
    return gone
