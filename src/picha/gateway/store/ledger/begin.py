"""Commit the attempt before the socket opens."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from picha.gateway.domain.outcomes import HOLD
from picha.gateway.store.lanes import MARGIN_SECONDS, Lease
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.crashpoints import crashpoint

# Fence and remaining lease are checked by the database's clock, and the row is held against a takeover. Once a pause is
# committed nothing more begins, nor in a database that was put back to an earlier state: it says so, or its epoch is
# less than the one we know.
_HELD = """
SELECT lane.key FROM lane JOIN unnest($1::uuid[], $2::bigint[]) AS mine (key, fence) USING (key, fence)
JOIN sender ON sender.id = lane.key
WHERE kind = 'send' AND paused_at IS NULL AND leased_until > clock_timestamp() + make_interval(secs => $3)
    AND (SELECT restored_at IS NULL AND value >= $4 FROM epoch)
ORDER BY lane.key FOR SHARE OF lane
"""

_BEGIN = """
WITH due AS (
    SELECT message.id, begun.attempt, begun.fence, begun.media_id FROM message
    JOIN unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[])
        AS begun (message, attempt, sender, fence, media_id)
        ON message.id = begun.message AND message.sender_id = begun.sender
    WHERE phase = 'queued'
    ORDER BY message.id FOR NO KEY UPDATE OF message
), sending AS (
    UPDATE message SET phase = 'sending', attempts = attempts + 1, due_at = NULL,
        held_until = coalesce(held_until, clock_timestamp() + $6::interval)
    FROM due WHERE message.id = due.id
    RETURNING message.id, workspace_id, sender_id, attempts, attempt, fence, media_id
)
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, media_id, started_at)
SELECT attempt, workspace_id, id, sender_id, attempts, fence, media_id, clock_timestamp() FROM sending
RETURNING id
"""


class Beginning(msgspec.Struct, frozen=True):
    """A message about to be sent under a lease, the id its attempt will have, and Meta's id of an uploaded picture."""

    lease: Lease
    message: UUID
    attempt: UUID
    media_id: str | None = None


async def begin(pool: Pool, beginnings: Sequence[Beginning], *, epoch: int = 0, hold: timedelta = HOLD) -> list[bool]:
    """Commit one attempt for each message that still is queued; answer in order which ones may be sent now.

    None may whose lease was lost or has under five seconds left, or whose number is paused; none at all in a database
    that was put back to an earlier state, which one with a lower epoch than `epoch` was. A message that begins holds up
    what follows it in its conversation for so long as `hold`.
    """

    async def work(connection: Connection) -> list[bool]:
        leases = {one.lease for one in beginnings}
        rows = await connection.fetch(
            _HELD, [one.key for one in leases], [one.fence for one in leases], float(MARGIN_SECONDS), epoch
        )
        held = {row["key"] for row in rows}
        lawful = [one for one in beginnings if one.lease.key in held]
        begun = await connection.fetch(
            _BEGIN,
            [one.message for one in lawful],
            [one.attempt for one in lawful],
            [one.lease.key for one in lawful],
            [one.lease.fence for one in lawful],
            [one.media_id for one in lawful],
            hold,
        )
        attempts = {row["id"] for row in begun}
        crashpoint("begin_before_commit")
        return [one.attempt in attempts for one in beginnings]

    answers = await in_transaction(pool, work)
    crashpoint("begin_after_commit")
    return answers
