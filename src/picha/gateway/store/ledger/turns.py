"""Whose turn it is: when the next message of a thread may go, by the order and the pace of the two who talk.

A row of `pair` says when its thread is to be looked at. Whoever puts a message into the queue makes it due; the lane's
owner, who alone sends, works out the next moment after each message that left. Both hold the row's lock, and it is
worked out by a statement of its own after the lock was got, so that neither misses what the other has just written.
Every deed locks messages first and pairs last.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from picha.gateway.domain.pace import PairPace
from picha.gateway.store.pool import Connection, Pool, in_transaction

# What is not over yet; the words are those of the index `message_waiting`.
IS_WAITING = "is_outbound AND phase IN ('image_wait', 'queued', 'sending', 'unknown')"
# Of a thread's waiting messages, oldest first, the first for which this holds decides: it may start, or it holds the
# others up.
DECIDES = "((phase = 'queued' AND due_at <= now()) OR held_until IS NULL OR held_until > now())"

_LOCK = """
SELECT FROM pair JOIN unnest($1::uuid[]) AS asked (id) ON conversation_id = asked.id
ORDER BY conversation_id FOR NO KEY UPDATE OF pair
"""

# Messages before the deciding one were put off and hold nobody up any more: they wait for their own time. A bound of
# the index finds them, so that it costs nothing how many follow.
_TURN = f"""
WITH turn AS (
    SELECT sent.conversation_id, sent.rest, least(decides.at, (
        SELECT min(due_at) FROM message WHERE {IS_WAITING} AND sender_id = sent.sender_id
            AND conversation_id = sent.conversation_id AND phase = 'queued'
            AND id < coalesce(decides.id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))) AS at
    FROM unnest($1::uuid[], $2::uuid[], $3::interval[]) AS sent (conversation_id, sender_id, rest)
    LEFT JOIN LATERAL (
        SELECT id, CASE WHEN phase = 'queued' THEN least(due_at, held_until) ELSE held_until END AS at FROM message
        WHERE {IS_WAITING} AND sender_id = sent.sender_id AND conversation_id = sent.conversation_id AND {DECIDES}
        ORDER BY id LIMIT 1
    ) AS decides ON true
), paced AS (
    SELECT conversation_id, turn.at, CASE WHEN rest IS NULL THEN opens_at ELSE greatest(
        greatest(opens_at, now() - $5::interval) + $4::interval, now() + nullif(rest, '0')) END AS opens_at
    FROM turn JOIN pair USING (conversation_id)
)
UPDATE pair SET opens_at = paced.opens_at, next_due = CASE WHEN at IS NOT NULL THEN greatest(at, paced.opens_at) END
FROM paced WHERE pair.conversation_id = paced.conversation_id
"""  # noqa: S608 - constants of this module only

_WAKE = """
UPDATE pair SET next_due = greatest(now(), opens_at), rank = greatest(rank, $2) WHERE conversation_id = $1
"""
_RING = "SELECT pg_notify('picha_send', '')"


class Turn(msgspec.Struct, frozen=True):
    """A thread whose turn is to be worked out.

    `rest` counts a message that has left for the thread's pace: it is zero, or how long Meta wants the pair to rest.
    None when nothing left.
    """

    conversation_id: UUID
    sender_id: UUID
    rest: timedelta | None = None


async def pass_on(connection: Connection, turns: Sequence[Turn], pace: PairPace) -> None:
    """Work out when each thread is due next, inside the caller's transaction and after all its changes of messages."""
    await connection.execute(_LOCK, [turn.conversation_id for turn in turns])
    await connection.execute(
        _TURN,
        [turn.conversation_id for turn in turns],
        [turn.sender_id for turn in turns],
        [turn.rest for turn in turns],
        pace.interval,
        pace.credit,
    )


async def rest(pool: Pool, sender: UUID, threads: Sequence[UUID], pace: PairPace) -> None:
    """Let threads of a number rest that were due and had nothing to start, until something in them may."""

    async def work(connection: Connection) -> None:
        await pass_on(connection, [Turn(thread, sender) for thread in threads], pace)

    await in_transaction(pool, work)


async def wake(connection: Connection, thread: UUID, priority: int = 0) -> None:
    """Have a thread looked at soon, because one of its messages became ready or is no longer in the others' way."""
    await connection.execute(_WAKE, thread, priority)


async def ring(connection: Connection) -> None:
    """Have the owners of send lanes look at once, when the caller's transaction is committed."""
    await connection.execute(_RING)
