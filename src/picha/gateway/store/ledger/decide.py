"""What we conclude by ourselves, without evidence: expiry, a closing window, a lost owner, giving up.

Such a decision is shown only while no evidence is bound; evidence that comes later overrides it.
"""

from uuid import UUID

from picha.gateway.domain.outcomes import GIVE_UP_AFTER, UNKNOWN
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
UPDATE message SET phase = 'unknown', due_at = clock_timestamp() + $3::interval
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


async def refuse(pool: Pool, message: UUID, *, code: str, title: str, detail: str) -> None:
    """Fail a message that has not been handed to Meta."""
    await pool.execute(_REFUSE, message, code, title, detail)


async def orphan(pool: Pool, lease: Lease) -> int:
    """Mark what an earlier owner of a send lane left in flight as unknown; return how many messages."""

    async def work(connection: Connection) -> int:
        return len(await connection.fetch(_ORPHAN, lease.key, lease.fence, GIVE_UP_AFTER))

    return await in_transaction(pool, work)


async def give_up(pool: Pool) -> int:
    """Fail messages whose outcome stayed unknown for too long; return how many."""
    return len(await pool.fetch(_GIVE_UP, UNKNOWN))
