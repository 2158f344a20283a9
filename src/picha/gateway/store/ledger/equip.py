"""Give a message its picture, or the reason why it has none."""

from datetime import timedelta
from uuid import UUID

from picha.gateway.domain.decisions import Kind, Reason
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

# Told once for each reason, by Meta's number where it has one: a picture may be put off for days, once a minute.
_TOLD_WHY = f"""
INSERT INTO decision (message_id, kind, code, detail)
SELECT id, '{Kind.PUT_OFF}', $2::text, $3::text FROM put_off WHERE NOT EXISTS (
    SELECT FROM decision WHERE message_id = $1 AND kind = '{Kind.PUT_OFF}'
        AND coalesce(code, detail) = coalesce($2::text, $3::text))
"""  # noqa: S608 - constants of the store only
_PUT_OFF = f"""
WITH put_off AS (
    UPDATE message SET {{change}}, held_until = coalesce(held_until, clock_timestamp() + $4::interval)
    WHERE id = $1 AND due_at IS NOT NULL AND (phase IN ('image_wait', 'queued') OR image_state = 'pending')
    RETURNING id
)
{_TOLD_WHY}
"""  # noqa: S608 - constants of the store only
_LATER = _PUT_OFF.format(change="tries = tries + 1, due_at = clock_timestamp() + $5::interval")
_WAIT = _PUT_OFF.format(
    change="""due_at = clock_timestamp()
        + least(greatest(clock_timestamp() - created_at, interval '1 second'), $5::interval) * $6::float8"""
)
_TELL = f"WITH put_off AS (SELECT id FROM message WHERE id = $1 AND phase = 'queued') {_TOLD_WHY}"  # noqa: S608

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


async def later(pool: Pool, message: UUID, after: timedelta, why: Reason, *, hold: timedelta = HOLD) -> None:
    """Count one more fruitless look for a picture, either way, and look again `after` that long."""
    await pool.execute(_LATER, message, why.code, why.detail, hold, after)


async def wait(
    pool: Pool, message: UUID, why: Reason, *, longest: timedelta, chance: float, hold: timedelta = HOLD
) -> None:
    """Look for a picture again later because of trouble of our own, which is no try of it.

    The pause is as long as the message has waited already, so that it doubles, from a second up to `longest`. `chance`
    in [0, 1) spreads it over the upper half.
    """
    await pool.execute(_WAIT, message, why.code, why.detail, hold, longest, 0.5 + chance / 2)


async def tell(pool: Pool, message: UUID, why: Reason) -> None:
    """Tell why a queued message waits that is not put off itself: its number is."""
    await pool.execute(_TELL, message, why.code, why.detail)


async def received(pool: Pool, message: UUID, *, state: str, file: UUID | None, detail: str | None = None) -> None:
    """Record what became of an inbound picture: `stored`, `mismatch` (kept, not as announced) or `unavailable`.

    Only now customers are told of the message.
    """
    await pool.execute(_RECEIVED, message, state, file, detail)
