"""Take the next recipients of a batch into the outbox, or refuse them: each once, whoever does it and dies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from picha.gateway.domain.outcomes import HOLD
from picha.gateway.store import spending
from picha.gateway.store.batches import DueBatch
from picha.gateway.store.ledger.admit import NewSend, write
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.crashpoints import crashpoint

# Whoever comes second to a place finds that the batch is past it.
_LOCK = """
SELECT FROM batch WHERE id = $1 AND upto = $2 AND due_at IS NOT NULL AND cancelled_at IS NULL FOR NO KEY UPDATE
"""
# Captions are kept with the messages from now on.
_RECORD = """
UPDATE batch_recipient SET message_id = told.message_id, code = told.code, detail = told.detail, field = told.field,
    caption = NULL
FROM unnest($2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[])
    AS told (place, message_id, code, detail, field)
WHERE batch_id = $1 AND batch_recipient.place = told.place
"""
_ON = """
UPDATE batch SET upto = $2, accepted = accepted + $3, refused = refused + $4, tries = 0, detail = NULL,
    due_at = CASE WHEN $2 < total THEN clock_timestamp() END, caption = CASE WHEN $2 < total THEN caption END
WHERE id = $1
"""

_REFUSE_REST = """
WITH refused AS (
    UPDATE batch_recipient SET code = $3, detail = $4, field = $5, caption = NULL
    WHERE batch_id = $1 AND place >= $2 AND code IS NULL RETURNING 1
)
UPDATE batch SET upto = total, refused = refused + (SELECT count(*) FROM refused), due_at = NULL, caption = NULL,
    detail = $4
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Enlisted:
    """What is decided on the recipient at a place: a message to write, or the code and words of its refusal."""

    place: int
    send: NewSend | None
    code: str | None = None
    detail: str | None = None
    field: str | None = None


async def enlist(
    pool: Pool, batch: DueBatch, decided: Sequence[Enlisted], *, upto: int, hold: timedelta = HOLD
) -> bool:
    """Write what is decided on recipients from where the batch is up to the place `upto`, in one transaction.

    False where somebody else was there first, or the batch was cancelled; then nothing is written.
    """
    sends = [one.send for one in decided if one.send]

    async def work(connection: Connection) -> bool:
        if await connection.fetchrow(_LOCK, batch.id, batch.upto) is None:
            return False
        if sends:
            await write(connection, sends, hold)
            await spending.add(connection, [send.spent for send in sends if send.spent])
        await connection.execute(
            _RECORD,
            batch.id,
            [one.place for one in decided],
            [one.send.id if one.send else None for one in decided],
            [one.code for one in decided],
            [one.detail for one in decided],
            [one.field for one in decided],
        )
        await connection.execute(_ON, batch.id, upto, len(sends), len(decided) - len(sends))
        crashpoint("enlist_before_commit")
        return True

    is_written = await in_transaction(pool, work)
    crashpoint("enlist_after_commit")
    return is_written


async def refuse_rest(pool: Pool, batch: DueBatch, *, code: str, detail: str, field: str) -> None:
    """Refuse all that a batch has not come to, because of what they have in common."""

    async def work(connection: Connection) -> None:
        if await connection.fetchrow(_LOCK, batch.id, batch.upto) is not None:
            await connection.execute(_REFUSE_REST, batch.id, batch.upto, code, detail, field)

    await in_transaction(pool, work)
