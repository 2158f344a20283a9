"""Give a message its picture, or the reason why it has none."""

from datetime import timedelta
from uuid import UUID

from picha.gateway.domain.outcomes import HOLD
from picha.gateway.store.ledger import turns
from picha.gateway.store.ledger.tell import RING, TOLD
from picha.gateway.store.pool import Connection, Pool, in_transaction

_READY = """
UPDATE message SET phase = 'queued', image_state = 'stored', file_id = $2, due_at = clock_timestamp(), tries = 0
WHERE id = $1 AND phase = 'image_wait' RETURNING conversation_id, priority
"""
_REFUSED = """
WITH refused AS (
    UPDATE message SET phase = 'failed', status = 'failed', image_state = 'unavailable', due_at = NULL,
        error_code = $2, error_message = $3, error_detail = $4, failed_at = clock_timestamp()
    WHERE id = $1 AND phase = 'image_wait' RETURNING *
), noted AS (
    INSERT INTO decision (message_id, kind, attempt, code, title, detail)
    SELECT id, 'refused', attempts, error_code, error_message, error_detail FROM refused
)
SELECT conversation_id, priority FROM refused
"""

_LATER = """
UPDATE message SET tries = tries + 1, due_at = clock_timestamp() + $2::interval,
    held_until = coalesce(held_until, clock_timestamp() + $3::interval)
WHERE id = $1 AND due_at IS NOT NULL AND (phase IN ('image_wait', 'queued') OR image_state = 'pending')
"""

_WAIT = """
UPDATE message SET due_at = clock_timestamp()
    + least(greatest(clock_timestamp() - created_at, interval '1 second'), $2::interval) * $3::float8,
    held_until = coalesce(held_until, clock_timestamp() + $4::interval)
WHERE id = $1 AND due_at IS NOT NULL AND (phase IN ('image_wait', 'queued') OR image_state = 'pending')
"""

_RECEIVED = f"""
WITH new AS (
    UPDATE message SET image_state = $2, file_id = $3, error_detail = $4, due_at = NULL
    WHERE id = $1 AND (NOT is_outbound OR is_echo) AND image_state = 'pending' RETURNING *
), {TOLD}
{RING}
"""  # noqa: S608 - constants of the store only


async def ready(pool: Pool, message: UUID, file: UUID) -> None:
    """Record that an outbound message's picture lies in the blob store as `file`, and queue it for its number."""
    await _move(pool, _READY, message, file)


async def refused(pool: Pool, message: UUID, *, code: str, title: str, detail: str) -> None:
    """Fail an outbound message whose picture could not be had."""
    await _move(pool, _REFUSED, message, code, title, detail)


async def _move(pool: Pool, statement: str, *arguments: object) -> None:
    """Take a message out of its wait for a picture, so that it or what follows it in its thread may go."""

    async def work(connection: Connection) -> None:
        if (moved := await connection.fetchrow(statement, *arguments)) is not None:
            await turns.wake(connection, moved["conversation_id"], moved["priority"])
            await turns.ring(connection)

    await in_transaction(pool, work)


async def later(pool: Pool, message: UUID, after: timedelta, *, hold: timedelta = HOLD) -> None:
    """Count one more fruitless look for a picture, either way, and look again `after` that long."""
    await pool.execute(_LATER, message, after, hold)


async def wait(pool: Pool, message: UUID, *, longest: timedelta, chance: float, hold: timedelta = HOLD) -> None:
    """Look for a picture again later because of trouble of our own, which is no try of it.

    The pause is as long as the message has waited already, so that it doubles, from a second up to `longest`. `chance`
    in [0, 1) spreads it over the upper half.
    """
    await pool.execute(_WAIT, message, longest, 0.5 + chance / 2, hold)


async def received(pool: Pool, message: UUID, *, state: str, file: UUID | None, detail: str | None = None) -> None:
    """Record what became of an inbound picture: `stored`, `mismatch` (kept, not as announced) or `unavailable`.

    Only now customers are told of the message.
    """
    await pool.execute(_RECEIVED, message, state, file, detail)
