"""Record what became of an attempt, and move its message accordingly."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

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
from picha.gateway.store.columns import columns
from picha.gateway.store.ledger import standing, turns
from picha.gateway.store.ledger.turns import Turn
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.crashpoints import crashpoint

# An outcome is written once; a certain one may replace `ambiguous`, never the other way round. A wamid that evidence
# has bound stays.
_ATTEMPTS = """
UPDATE attempt SET finished_at = clock_timestamp(), outcome = seen.outcome, wamid = coalesce(attempt.wamid, seen.wamid),
    code = seen.code, title = seen.title, detail = seen.detail
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS seen (id, outcome, wamid, code, title, detail)
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

# An attempt that could not be recorded was not made. Its commit may still lie in a connection that broke and be carried
# out after this: the row that it would insert is there then, so that it fails as a whole and the message stays queued.
_NEVER_BEGUN = """
WITH counted AS (
    UPDATE message SET attempts = attempts + 1, tries = tries + 1, due_at = clock_timestamp() + after
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::interval[]) AS lost (message, attempt, detail, after)
    WHERE message.id = lost.message AND phase = 'queued'
        AND NOT EXISTS (SELECT FROM attempt WHERE attempt.id = lost.attempt)
    RETURNING attempt, workspace_id, id, sender_id, attempts, detail
)
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, finished_at, outcome, detail)
SELECT attempt, workspace_id, id, sender_id, attempts, 0, clock_timestamp(), clock_timestamp(), 'not_sent', detail
FROM counted
"""


class Settlement(msgspec.Struct, frozen=True):
    """One attempt's outcome.

    `again_after` is when a message is tried anew that was not processed, or how long Meta wants its pair to rest.
    """

    message: UUID
    attempt: UUID
    outcome: Outcome
    again_after: timedelta = timedelta(0)

    @property
    def is_not_sent(self) -> bool:
        """Whether it is certain that nothing left us."""
        return isinstance(self.outcome, NotSent)


async def settle(pool: Pool, settlements: Sequence[Settlement], pace: PairPace) -> list[bool]:
    """Write a batch of outcomes in one transaction.

    That is: attempts, messages, the fold of evidence that came early, and whose turn it is in each thread.

    Answers in order whether a message turned out to have been taken by Meta twice.
    """

    async def work(connection: Connection) -> list[bool]:
        by_attempt = {one.attempt: one for one in sorted(settlements, key=lambda one: one.attempt)}
        wamids = [one.outcome.wamid for one in by_attempt.values() if isinstance(one.outcome, Accepted)]
        await standing.lock_wamids(connection, wamids)
        threads = await standing.lock_messages(connection, [one.message for one in settlements])
        rows = await connection.fetch(_ATTEMPTS, *columns(map(_attempt, by_attempt.values())))
        # Where a wamid is bound, by the answer or by evidence before it, the fold speaks; the outcome moves the rest.
        moves = [_move(row["message_id"], row["number"], by_attempt[row["id"]]) for row in rows if not row["wamid"]]
        if moves:
            await connection.execute(_MESSAGES, *columns(moves), HOLD_UNKNOWN)
        written = {row["id"] for row in rows}
        if lost := [_lost(one) for one in by_attempt.values() if one.is_not_sent and one.attempt not in written]:
            await connection.execute(_NEVER_BEGUN, *columns(lost))
        await standing.bind(connection, wamids)
        bound = [row["message_id"] for row in rows if row["wamid"]]
        doubled = await standing.refold(connection, bound) if bound else set()
        await turns.pass_on(connection, [_turn(one, *threads[one.message]) for one in by_attempt.values()], pace)
        crashpoint("settle_before_commit")
        return [one.message in doubled for one in settlements]

    answers = await in_transaction(pool, work)
    crashpoint("settle_after_commit")
    return answers


def _attempt(one: Settlement) -> tuple[object, ...]:
    outcome = one.outcome
    name = NAMES[type(outcome)]
    match outcome:
        case Accepted(wamid):
            return one.attempt, name, wamid, None, None, None
        case NotSent(detail):
            return one.attempt, name, None, None, None, detail
        case Rejected(code, title, detail):
            return one.attempt, name, None, code, title, detail
        case Throttled() | Barred() | Ambiguous():
            return one.attempt, name, None, outcome.code, None, outcome.detail


def _lost(one: Settlement) -> tuple[object, ...]:
    assert isinstance(one.outcome, NotSent)  # noqa: S101 - who calls has looked
    return one.message, one.attempt, one.outcome.detail, one.again_after


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
