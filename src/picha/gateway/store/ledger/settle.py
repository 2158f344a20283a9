"""Record what became of an attempt, and move its message accordingly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from picha.gateway.domain.outcomes import (
    GIVE_UP_AFTER,
    HOLD_UNKNOWN,
    NAMES,
    Accepted,
    Ambiguous,
    Barred,
    NotSent,
    Outcome,
    Rejected,
    Scope,
    Throttled,
)
from picha.gateway.domain.pace import PairPace
from picha.gateway.store.ledger import standing, turns
from picha.gateway.store.ledger.turns import Turn
from picha.gateway.store.pool import Connection, Pool, in_transaction

# An outcome is written once; a certain one may replace `ambiguous`, never the other way round. A wamid that evidence
# has bound stays.
_ATTEMPTS = """
UPDATE attempt SET finished_at = clock_timestamp(), outcome = seen.outcome, wamid = coalesce(attempt.wamid, seen.wamid),
    code = seen.code, detail = seen.detail
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) AS seen (id, outcome, wamid, code, detail)
WHERE attempt.id = seen.id
    AND (attempt.outcome IS NULL OR attempt.outcome = 'ambiguous' AND seen.outcome <> 'ambiguous')
RETURNING attempt.id, message_id, number, attempt.wamid
"""

# Only a message's newest attempt moves it, and only while nothing better is known.
_MESSAGES = """
UPDATE message SET phase = moved.phase, status = CASE moved.phase WHEN 'failed' THEN 'failed' ELSE status END,
    due_at = clock_timestamp() + after, tries = tries + CASE WHEN moved.is_try THEN 1 ELSE 0 END,
    held_until = CASE moved.phase WHEN 'unknown' THEN least(held_until, clock_timestamp() + $9::interval)
        ELSE held_until END,
    error_code = moved.code, error_message = title, error_detail = detail,
    failed_at = CASE moved.phase WHEN 'failed' THEN clock_timestamp() END
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::interval[], $5::text[], $6::text[], $7::text[],
    $8::boolean[])
    AS moved (id, number, phase, after, code, title, detail, is_try)
WHERE message.id = moved.id AND message.phase IN ('sending', 'unknown') AND message.attempts = moved.number
"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """One attempt's outcome.

    `again_after` is when a message is tried anew that was not processed, or how long Meta wants its pair to rest.
    """

    message: UUID
    attempt: UUID
    outcome: Outcome
    again_after: timedelta = timedelta(0)


async def settle(pool: Pool, settlements: Sequence[Settlement], pace: PairPace) -> list[None]:
    """Write a batch of outcomes in one transaction.

    That is: attempts, messages, the fold of evidence that came early, and whose turn it is in each thread.
    """

    async def work(connection: Connection) -> list[None]:
        by_attempt = {one.attempt: one for one in sorted(settlements, key=lambda one: one.attempt)}
        wamids = [one.outcome.wamid for one in by_attempt.values() if isinstance(one.outcome, Accepted)]
        await standing.lock_wamids(connection, wamids)
        threads = await standing.lock_messages(connection, [one.message for one in settlements])
        rows = await connection.fetch(_ATTEMPTS, *zip(*map(_attempt, by_attempt.values()), strict=True))
        # Where a wamid is bound, by the answer or by evidence before it, the fold speaks; the outcome moves the rest.
        moves = [_move(row["message_id"], row["number"], by_attempt[row["id"]]) for row in rows if not row["wamid"]]
        if moves:
            await connection.execute(_MESSAGES, *zip(*moves, strict=True), HOLD_UNKNOWN)
        await standing.bind(connection, wamids)
        if bound := [row["message_id"] for row in rows if row["wamid"]]:
            await standing.refold(connection, bound)
        await turns.pass_on(connection, [_turn(one, *threads[one.message]) for one in by_attempt.values()], pace)
        return [None] * len(settlements)

    return await in_transaction(pool, work)


def _attempt(one: Settlement) -> tuple[object, ...]:
    outcome = one.outcome
    name = NAMES[type(outcome)]
    match outcome:
        case Accepted(wamid):
            return one.attempt, name, wamid, None, None
        case NotSent(detail):
            return one.attempt, name, None, None, detail
        case Rejected() | Throttled() | Barred() | Ambiguous():
            return one.attempt, name, None, outcome.code, outcome.detail


def _move(message: UUID, number: int, one: Settlement) -> tuple[object, ...]:
    """Return the row that moves a message of whose attempt no wamid is known."""
    match one.outcome:
        case Accepted():
            raise AssertionError("an accepted attempt has a wamid")
        case Rejected(code, title, detail):
            return message, number, "failed", None, code, title, detail, False
        case Throttled(scope=Scope.MESSAGE) | NotSent():
            return message, number, "queued", one.again_after, None, None, None, True
        case Throttled(scope=scope):
            # Its pair or its number rests, not the message.
            return message, number, "queued", timedelta(0), None, None, None, scope is Scope.PAIR
        case Barred():
            return message, number, "queued", timedelta(0), None, None, None, False
        case Ambiguous():
            return message, number, "unknown", GIVE_UP_AFTER, None, None, None, False


def _turn(one: Settlement, thread: UUID, sender: UUID) -> Turn:
    """Return what the thread's pace is to count: whatever Meta may have processed, and what it says of the pair."""
    match one.outcome:
        case Throttled(scope=Scope.PAIR):
            return Turn(thread, sender, one.again_after)
        case NotSent() | Throttled() | Barred():
            return Turn(thread, sender)
        case Accepted() | Rejected() | Ambiguous():
            return Turn(thread, sender, timedelta(0))
