"""Take back what was not handed to Meta: one message, all that waits for a number, what waits past its own time."""

from datetime import datetime
from uuid import UUID

from picha.gateway.domain.outcomes import CANCELLED
from picha.gateway.store import audit
from picha.gateway.store.ledger import turns
from picha.gateway.store.pool import Connection, Pool, in_transaction

MOST = 500
"""How many messages one transaction moves at most, where it moves whatever there is."""

# An attempt of which Meta may have taken anything cannot be taken back.
IS_OURS = """
phase IN ('image_wait', 'queued') AND NOT EXISTS
    (SELECT FROM attempt WHERE message_id = message.id AND (attempt.wamid IS NOT NULL OR outcome = 'ambiguous'))
"""
# Of what fails now, an earlier attempt may yet have reached Meta: that is told with the failure.
IN_DOUBT = """
CASE WHEN EXISTS (SELECT FROM attempt WHERE message_id = message.id AND outcome = 'ambiguous' AND wamid IS NULL)
    THEN ' It was not sent again, but nobody knows whether WhatsApp took it the first time.' ELSE '' END
"""
_WITHDRAW = """
WITH chosen AS (
    {chosen} FOR NO KEY UPDATE OF message
), withdrawn AS (
    UPDATE message SET phase = '{phase}', status = 'failed', due_at = NULL, failed_at = clock_timestamp(),
        image_state = CASE image_state WHEN 'pending' THEN 'unavailable' ELSE image_state END,
        error_code = $1, error_message = $2, error_detail = $3 || {in_doubt}
    FROM chosen WHERE message.id = chosen.id
    RETURNING message.*
), told AS (
    INSERT INTO decision (message_id, kind, attempt, code, title, detail)
    SELECT id, '{kind}', attempts, error_code, error_message, error_detail FROM withdrawn
)
SELECT conversation_id FROM withdrawn
"""


def of_chosen(chosen: str) -> str:
    """Return the statement that cancels what a query chooses; the query's arguments come after the three words."""
    return _WITHDRAW.format(in_doubt=IN_DOUBT, phase="cancelled", kind="cancelled", chosen=chosen)


_CANCEL = _WITHDRAW.format(
    in_doubt=IN_DOUBT,
    phase="cancelled",
    kind="cancelled",
    chosen=f"SELECT id FROM message WHERE id = $4 AND {IS_OURS}",  # noqa: S608 - constants of this module only
)
_ALL = f"SELECT id FROM message WHERE sender_id = $4 AND is_outbound AND {IS_OURS} ORDER BY id LIMIT 1000"  # noqa: S608
_FLUSH = _WITHDRAW.format(in_doubt=IN_DOUBT, phase="cancelled", kind="cancelled", chosen=_ALL)
_OF_BATCH = f"SELECT id FROM message WHERE batch_id = $4 AND {IS_OURS} ORDER BY id LIMIT {MOST}"  # noqa: S608
_CANCEL_BATCH = _WITHDRAW.format(in_doubt=IN_DOUBT, phase="cancelled", kind="cancelled", chosen=_OF_BATCH)
# Seconds of the account's own time decide, as they did when the message was accepted.
_EXPIRE = _WITHDRAW.format(
    in_doubt=IN_DOUBT,
    phase="failed",
    kind="refused",
    chosen=f"""SELECT message.id FROM message JOIN sender ON sender.id = sender_id
    WHERE account_id = $4 AND message.expires_at <= $5 AND phase IN ('image_wait', 'queued')
    ORDER BY message.id LIMIT {MOST}""",  # noqa: S608 - constants of this module only
)

EXPIRED = ("EXPIRED", "Expired", "The message's expires_at passed before it could be sent.")
_TAKEN_BACK = (CANCELLED, "Cancelled", "It was taken back before it was handed to WhatsApp.")
_BATCH = (CANCELLED, "Cancelled", "Its batch was cancelled before it was handed to WhatsApp.")
_FLUSHED = (CANCELLED, "Cancelled", "The number's queue was flushed before it was handed to WhatsApp.")


async def cancel(pool: Pool, message: UUID, *, noting: audit.Noting | None = None) -> bool:
    """Take a message back that certainly was not handed to Meta, note that it was, and tell if it was."""
    return await _withdraw(pool, _CANCEL, *_TAKEN_BACK, message, then=noting) > 0


async def flush(pool: Pool, sender: UUID, *, who: str = audit.CLI) -> int:
    """Take back all that waits for a number and was certainly not handed to Meta; return how many messages.

    `who` asked for it is noted with the first of them.
    """

    async def note(connection: Connection) -> None:
        await audit.note_of_sender(connection, sender, who, "sender.flushed")

    count = 0
    while flushed := await _withdraw(pool, _FLUSH, *_FLUSHED, sender, also=None if count else note):
        count += flushed
    return count


async def batch(pool: Pool, batch: UUID) -> int:
    """Take back all messages of a batch that certainly were not handed to Meta; return how many."""
    count = 0
    while withdrawn := await _withdraw(pool, _CANCEL_BATCH, *_BATCH, batch):
        count += withdrawn
    return count


async def expire(pool: Pool, account: UUID, now: datetime) -> int:
    """Fail up to `MOST` of what waits for an account's numbers past its expires_at, by the account's own time.

    Returns how many messages.
    """
    return await _withdraw(pool, _EXPIRE, *EXPIRED, account, now)


async def chosen(pool: Pool, statement: str, *arguments: object) -> int:
    """Withdraw what a statement of `of_chosen` chooses; return how many messages."""
    return await _withdraw(pool, statement, *arguments)


async def _withdraw(
    pool: Pool,
    statement: str,
    *arguments: object,
    also: audit.Noting | None = None,
    then: audit.Noting | None = None,
) -> int:
    """Withdraw messages, let what they held up in their threads go, and note something in the same transaction.

    `also` is noted in any case, `then` where a message was withdrawn.
    """

    async def work(connection: Connection) -> int:
        threads = [row[0] for row in await connection.fetch(statement, *arguments)]
        for thread in sorted(set(threads)):
            await turns.wake(connection, thread)
        for noting in (also, then if threads else None):
            if noting is not None:
                await noting(connection)
        return len(threads)

    return await in_transaction(pool, work)
