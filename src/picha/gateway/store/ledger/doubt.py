"""After the database was put back to what it was: nobody knows whether what waited then was sent in between."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from picha.gateway.domain.decisions import Kind
from picha.gateway.domain.outcomes import GIVE_UP_AFTER, HOLD_UNKNOWN
from picha.gateway.domain.pace import PairPace
from picha.gateway.store.ledger.turns import IS_WAITING, Turn, pass_on
from picha.gateway.store.pool import Connection, Pool, in_transaction

_MOST = 500
_DETAIL = (
    "The database was put back to an earlier state in which this message waited. It may have been sent since, so it is "
    "not sent again unless its on_unknown asks for that."
)

_IS_OLD = "(id < restored_before OR id = ANY(restored_ahead))"
_WAITED = f"""
SELECT id FROM message, epoch WHERE {IS_WAITING} AND phase <> 'unknown' AND {_IS_OLD} ORDER BY id
"""  # noqa: S608 - constants
_LOCK = """
SELECT id FROM message WHERE id = ANY($1) AND phase IN ('image_wait', 'queued', 'sending') ORDER BY id
FOR NO KEY UPDATE
"""
_ATTEMPTS = """
UPDATE attempt SET outcome = 'ambiguous', finished_at = clock_timestamp(), detail = $2
WHERE message_id = ANY($1) AND outcome IS NULL
"""
_DOUBT = """
WITH doubted AS (
    UPDATE message SET phase = 'unknown', due_at = clock_timestamp() + $2::interval,
        held_until = clock_timestamp() + $5::interval,
        image_state = CASE image_state WHEN 'pending' THEN 'unavailable' ELSE image_state END
    WHERE id = ANY($1) RETURNING id, attempts, conversation_id, sender_id
), noted AS (
    INSERT INTO decision (message_id, kind, attempt, detail) SELECT id, $3, attempts, $4 FROM doubted
)
SELECT DISTINCT conversation_id, sender_id FROM doubted
"""

# Whom a batch had not come to by then it may have come to since.
_STOP_BATCHES = f"""
UPDATE batch SET cancelled_at = clock_timestamp(), due_at = NULL, detail =
    'The database was put back to an earlier state. Who is skipped may have been sent the picture since.'
FROM epoch WHERE due_at IS NOT NULL AND {_IS_OLD} AND on_unknown = 'hold'
"""  # noqa: S608 - constants of this module only


async def count(pool: Pool) -> int:
    """Return how many messages wait or are being sent that did so when the database was put back."""
    return len(await pool.fetch(_WAITED))


async def doubt(pool: Pool, pace: PairPace) -> int:
    """Call unknown all messages that waited or were being sent when the database was put back; return how many.

    Batches of then go no further, unless they ask for `resend`.
    Running it again goes on where it stopped.
    """
    waited = [row[0] for row in await pool.fetch(_WAITED)]
    await pool.execute(_STOP_BATCHES)
    doubted = 0
    for start in range(0, len(waited), _MOST):
        doubted += await in_transaction(pool, _step(waited[start : start + _MOST], pace))
    return doubted


def _step(messages: Sequence[UUID], pace: PairPace) -> Callable[[Connection], Awaitable[int]]:
    async def work(connection: Connection) -> int:
        locked = [row[0] for row in await connection.fetch(_LOCK, messages)]
        await connection.execute(_ATTEMPTS, locked, _DETAIL)
        threads = await connection.fetch(_DOUBT, locked, GIVE_UP_AFTER, Kind.DOUBTED, _DETAIL, HOLD_UNKNOWN)
        await pass_on(connection, [Turn(row["conversation_id"], row["sender_id"]) for row in threads], pace)
        return len(locked)

    return work
