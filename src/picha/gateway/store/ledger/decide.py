"""What we conclude by ourselves, without evidence: expiry, a closing window, a lost owner, giving up.

Such a decision is shown only while no evidence is bound; evidence that comes later overrides it.
"""

from datetime import datetime
from uuid import UUID

from picha.gateway.domain.outcomes import GIVE_UP_AFTER, HOLD_UNKNOWN, UNKNOWN
from picha.gateway.store.lanes import Lease
from picha.gateway.store.pool import Connection, Pool, in_transaction

_REFUSE = """
WITH refused AS (
    UPDATE message SET phase = 'failed', status = 'failed', due_at = NULL, failed_at = clock_timestamp(),
        error_code = $2, error_message = $3, error_detail = $4
    WHERE id = $1 AND phase IN ('queued', 'image_wait') RETURNING *
)
INSERT INTO decision (message_id, kind, attempt, code, title, detail)
SELECT id, 'refused', attempts, error_code, error_message, error_detail FROM refused
"""

# Attempts that an earlier owner of this lane left open: something may have left, so they are ambiguous.
_ORPHAN = """
WITH lost AS (
    UPDATE attempt SET outcome = 'ambiguous', finished_at = clock_timestamp(),
        detail = 'The worker that sent it stopped before it knew the outcome.'
    WHERE sender_id = $1 AND fence < $2 AND outcome IS NULL RETURNING message_id, number
), orphans AS (
    SELECT message.id FROM message JOIN lost ON message.id = message_id AND attempts = number
    WHERE phase = 'sending' ORDER BY message.id FOR NO KEY UPDATE OF message
)
UPDATE message SET phase = 'unknown', due_at = clock_timestamp() + $3::interval,
    held_until = clock_timestamp() + $4::interval
FROM orphans WHERE message.id = orphans.id
RETURNING message.id
"""

_GIVE_UP = """
WITH tired AS (
    SELECT id FROM message WHERE phase = 'unknown' AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED
), given_up AS (
    UPDATE message SET phase = 'failed', status = 'failed', due_at = NULL, failed_at = clock_timestamp(),
        error_code = $1, error_message = 'Send outcome unknown',
        error_detail = 'WhatsApp never said whether it took this message, so it was not sent again. Ask the customer, '
            'or send it anew.'
    FROM tired WHERE message.id = tired.id
    RETURNING message.*
)
INSERT INTO decision (message_id, kind, attempt, code, title, detail)
SELECT id, 'given_up', attempts, error_code, error_message, error_detail FROM given_up
RETURNING message_id
"""

_FLUSH = """
WITH waiting AS (
    SELECT id FROM message WHERE is_outbound AND sender_id = $1 AND phase IN ('image_wait', 'queued')
    ORDER BY id LIMIT 1000 FOR NO KEY UPDATE
), flushed AS (
    UPDATE message SET phase = 'cancelled', status = 'failed', due_at = NULL, failed_at = clock_timestamp(),
        error_code = 'CANCELLED', error_message = 'Cancelled',
        error_detail = 'The number''s queue was flushed before the message was sent.'
    FROM waiting WHERE message.id = waiting.id
    RETURNING message.*
)
INSERT INTO decision (message_id, kind, attempt, code, title, detail)
SELECT id, 'cancelled', attempts, error_code, error_message, error_detail FROM flushed
RETURNING message_id
"""

# Seconds of the account's own time decide, as they did when the message was accepted.
_EXPIRE = """
WITH late AS (
    SELECT message.id FROM message JOIN sender ON sender.id = sender_id
    WHERE account_id = $1 AND message.expires_at <= $2 AND phase IN ('image_wait', 'queued')
    ORDER BY message.id LIMIT 500 FOR NO KEY UPDATE OF message SKIP LOCKED
), expired AS (
    UPDATE message SET phase = 'failed', status = 'failed', due_at = NULL, failed_at = clock_timestamp(),
        error_code = 'EXPIRED', error_message = 'Expired', error_detail = $3
    FROM late WHERE message.id = late.id
    RETURNING message.*
)
INSERT INTO decision (message_id, kind, attempt, code, title, detail)
SELECT id, 'refused', attempts, error_code, error_message, error_detail FROM expired
RETURNING message_id
"""
EXPIRED = "The message's expires_at passed before it could be sent."


async def refuse(pool: Pool, message: UUID, *, code: str, title: str, detail: str) -> None:
    """Fail a message that has not been handed to Meta."""
    await pool.execute(_REFUSE, message, code, title, detail)


async def orphan(pool: Pool, lease: Lease) -> int:
    """Mark what an earlier owner of a send lane left in flight as unknown; return how many messages."""

    async def work(connection: Connection) -> int:
        return len(await connection.fetch(_ORPHAN, lease.key, lease.fence, GIVE_UP_AFTER, HOLD_UNKNOWN))

    return await in_transaction(pool, work)


async def give_up(pool: Pool) -> int:
    """Fail messages whose outcome stayed unknown for too long; return how many."""
    return len(await pool.fetch(_GIVE_UP, UNKNOWN))


async def flush(pool: Pool, sender: UUID) -> int:
    """Cancel all that waits for a number and was not begun; return how many messages."""
    count = 0
    while flushed := len(await pool.fetch(_FLUSH, sender)):
        count += flushed
    return count


async def expire(pool: Pool, account: UUID, now: datetime) -> int:
    """Fail what waits for an account's numbers past its expires_at, by the account's own time; return how many."""
    return len(await pool.fetch(_EXPIRE, account, now, EXPIRED))
