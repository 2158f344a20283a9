"""What we conclude by ourselves, without evidence: expiry, a closing window, a lost owner, giving up, sending again.

Such a decision is shown only while no evidence is bound; evidence that comes later overrides it.
"""

from datetime import timedelta
from uuid import UUID

from picha.gateway.domain.outcomes import GIVE_UP_AFTER, HOLD_UNKNOWN, SOFT_WAIT, UNKNOWN
from picha.gateway.domain.pace import PairPace
from picha.gateway.store import audit
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import standing, turns
from picha.gateway.store.ledger.turns import Turn
from picha.gateway.store.ledger.withdraw import IN_DOUBT, MOST
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.crashpoints import crashpoint

# What of the time until a message is given up is left when its soft wait is over.
_SILENT_FOR = GIVE_UP_AFTER - SOFT_WAIT
# A webhook that nobody has read for so long may hold the very status whose absence would be concluded from.
_READ_WITHIN = timedelta(seconds=10)

_REFUSE = f"""
WITH refused AS (
    UPDATE message SET phase = 'failed', status = 'failed', due_at = NULL, failed_at = clock_timestamp(),
        error_code = $2, error_message = $3, error_detail = $4 || {IN_DOUBT}
    WHERE id = $1 AND phase IN ('queued', 'image_wait') RETURNING *
)
INSERT INTO decision (message_id, kind, attempt, code, title, detail)
SELECT id, 'refused', attempts, error_code, error_message, error_detail FROM refused
"""  # noqa: S608 - constants of the store only

# Attempts that an earlier owner of this lane left open: something may have left, so they are ambiguous.
_ORPHAN = """
WITH lost AS (
    UPDATE attempt SET outcome = 'ambiguous', finished_at = clock_timestamp(),
        detail = 'The worker that sent it stopped before it knew the outcome.'
    WHERE sender_id = $1 AND fence < $2 AND outcome IS NULL RETURNING message_id, number
), orphans AS (
    SELECT message.id FROM message JOIN lost ON message.id = message_id AND attempts = number
    WHERE phase = 'sending' ORDER BY message.id FOR NO KEY UPDATE OF message
), unknown AS (
    UPDATE message SET phase = 'unknown', due_at = clock_timestamp() + $3::interval,
        held_until = clock_timestamp() + $4::interval
    FROM orphans WHERE message.id = orphans.id
    RETURNING message.id
)
SELECT conversation_id, sender_id, unknown.id IS NOT NULL AS is_unknown
FROM lost JOIN message ON message.id = message_id LEFT JOIN unknown ON unknown.id = message_id
"""

_GIVE_UP = f"""
WITH tired AS (
    SELECT id FROM message WHERE phase = 'unknown' AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT {MOST} FOR NO KEY UPDATE SKIP LOCKED
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
"""  # noqa: S608 - constants of the store only

# Silence means something only while WhatsApp is heard and what it says is read: a status of another message of this
# number came in after the attempt began. The database's clock counts both. What waited in a database that was put back
# may have no attempt; of it silence tells least, but who asked for `resend` wants it rather twice than never.
_RESEND = f"""
WITH silent AS (
    SELECT message.id, attempts FROM message
    LEFT JOIN attempt ON attempt.message_id = message.id AND number = attempts
    JOIN sender ON sender.id = message.sender_id
    WHERE phase = 'unknown' AND on_unknown = 'resend' AND due_at <= clock_timestamp() + $1::interval
        AND due_at > clock_timestamp() AND heard_at > greatest(started_at,
            (SELECT max(at) FROM decision WHERE message_id = message.id AND decision.kind = 'doubted'))
        AND NOT EXISTS (SELECT FROM decision WHERE message_id = message.id AND kind = 'resent')
        AND NOT EXISTS (SELECT FROM raw_webhook WHERE digested_at IS NULL
            AND received_at < clock_timestamp() - $2::interval)
    ORDER BY message.id LIMIT {MOST} FOR NO KEY UPDATE OF message SKIP LOCKED
)
INSERT INTO decision (message_id, kind, attempt, detail)
SELECT id, 'resent', attempts, 'WhatsApp tells of other messages of this number, but not of this one.' FROM silent
RETURNING message_id
"""  # noqa: S608 - constants of the store only

_SEND_AGAIN = """
WITH doubtful AS (
    SELECT id, attempts FROM message WHERE id = $1
        AND (phase = 'failed' AND error_code = $2 OR phase = 'unknown' AND due_at <= clock_timestamp() + $3::interval)
    FOR NO KEY UPDATE
)
INSERT INTO decision (message_id, kind, attempt, detail)
SELECT id, 'sent_again', attempts, 'If WhatsApp took it before, the customer gets it twice.' FROM doubtful
RETURNING message_id
"""


async def refuse(pool: Pool, message: UUID, *, code: str, title: str, detail: str) -> None:
    """Fail a message that has not been handed to Meta."""
    await pool.execute(_REFUSE, message, code, title, detail)


async def orphan(pool: Pool, lease: Lease, pace: PairPace) -> int:
    """Mark what an earlier owner of a send lane left in flight as unknown; return how many messages.

    Meta may have taken them, so each counts for the pace of its pair.
    """

    async def work(connection: Connection) -> int:
        lost = await connection.fetch(_ORPHAN, lease.key, lease.fence, GIVE_UP_AFTER, HOLD_UNKNOWN)
        if lost:
            turns_lost = [Turn(row["conversation_id"], row["sender_id"], timedelta(0)) for row in lost]
            await turns.pass_on(connection, turns_lost, pace)
        crashpoint("orphan_before_commit")
        return sum(row["is_unknown"] for row in lost)

    count = await in_transaction(pool, work)
    crashpoint("orphan_after_commit")
    return count


async def give_up(pool: Pool) -> int:
    """Fail messages whose outcome stayed unknown for too long, up to `MOST`; return how many."""
    return len(await pool.fetch(_GIVE_UP, UNKNOWN))


async def resend(pool: Pool) -> int:
    """Queue anew what is unknown, was sent under `on_unknown: resend`, and shows to be absent; return how many.

    At most `MOST` are. That is done once a message, after its soft wait. Where absence does not show, giving up is what
    is left.
    """

    async def work(connection: Connection) -> int:
        decided = [row[0] for row in await connection.fetch(_RESEND, _SILENT_FOR, _READ_WITHIN)]
        await standing.ground(connection, decided)
        if decided:
            crashpoint("resend_before_commit")
        return len(decided)

    count = await in_transaction(pool, work)
    if count:
        crashpoint("resend_after_commit")
    return count


async def send_again(pool: Pool, message: UUID, *, noting: audit.Noting | None = None) -> bool:
    """Queue anew, because a person wants it, a message that was given up or whose soft wait is over; tell if it was."""

    async def work(connection: Connection) -> bool:
        decided = [row[0] for row in await connection.fetch(_SEND_AGAIN, message, UNKNOWN, _SILENT_FOR)]
        await standing.ground(connection, decided)
        if decided and noting is not None:
            await noting(connection)
        return bool(decided)

    return await in_transaction(pool, work)
