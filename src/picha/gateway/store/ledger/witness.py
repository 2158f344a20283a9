"""Take in what Meta says of messages that we sent: each status becomes evidence, once, and moves its message on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.facts import StatusSeen
from picha.gateway.store.ledger import standing
from picha.gateway.store.ledger.advance import advance
from picha.gateway.store.pool import Connection, Pool, in_transaction

# A transaction that held a lock for each of many thousands would use up the server's table of locks. Numbers that other
# programs send from, too, have as many strangers as they have statuses. What is missed so, `bind_parked` finds.
_MOST_LOCKED = 1000

# Wamids that no attempt has, as far as can be seen.
_STRANGERS = """
SELECT DISTINCT wamid FROM unnest($1::text[], $2::uuid[]) AS seen (wamid, sender_id)
WHERE (SELECT true FROM attempt WHERE attempt.wamid = seen.wamid AND attempt.sender_id = seen.sender_id LIMIT 1) IS NULL
"""

# The attempt is looked up row by row: an index look-up each, whatever the planner believes of the tables' sizes.
_EVIDENCE = """
INSERT INTO evidence (workspace_id, sender_id, wamid, status, provider_at, received_at, code, title, detail, attempt_id)
SELECT *, (SELECT id FROM attempt WHERE attempt.wamid = seen.wamid AND attempt.sender_id = seen.sender_id LIMIT 1)
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::int[],
    $8::text[], $9::text[])
    AS seen (workspace_id, sender_id, wamid, status, provider_at, received_at, code, title, detail)
ON CONFLICT DO NOTHING
"""

# A status that carries our token names its attempt even when the send's own answer was lost. The outcome stays what
# the call itself told.
_TOKENS = """
UPDATE attempt SET wamid = seen.wamid
FROM (SELECT DISTINCT ON (id) id, wamid, sender_id FROM unnest($1::uuid[], $2::text[], $3::uuid[])
    AS row (id, wamid, sender_id) ORDER BY id) AS seen
WHERE attempt.id = seen.id AND attempt.sender_id = seen.sender_id AND attempt.wamid IS NULL
RETURNING attempt.wamid
"""

# Two joins and not one with OR, which no index serves.
_TOUCHED = """
SELECT message_id FROM attempt
JOIN unnest($1::text[], $2::uuid[]) AS seen (wamid, sender_id) USING (wamid, sender_id)
UNION
SELECT message_id FROM attempt
JOIN unnest($3::uuid[], $2::uuid[]) AS seen (id, sender_id) USING (id, sender_id)
"""


# Parked evidence is looked through in turns, so that what belongs to nobody costs the same however much there is.
_PARKED = """
SELECT evidence.wamid, attempt.message_id FROM
    (SELECT wamid, sender_id FROM evidence WHERE attempt_id IS NULL AND wamid > $1 ORDER BY wamid LIMIT $2) AS evidence
LEFT JOIN LATERAL (
    SELECT message_id FROM attempt
    WHERE attempt.wamid = evidence.wamid AND attempt.sender_id = evidence.sender_id LIMIT 1
) AS attempt ON true
ORDER BY evidence.wamid
"""

_HEARD = """
UPDATE sender SET heard_at = greatest(heard_at, at)
FROM (SELECT sender, at FROM unnest($1::uuid[], $2::timestamptz[]) AS heard (sender, at)
    JOIN sender ON id = sender ORDER BY id FOR NO KEY UPDATE OF sender) AS heard
WHERE id = heard.sender
"""


async def statuses(connection: Connection, seen: Sequence[StatusSeen]) -> int:
    """Append a batch of statuses as evidence and fold the messages they speak of, inside the caller's transaction.

    Evidence of a wamid that nobody knows yet is kept and bound when its attempt becomes known. Returns how many
    messages turned out to have been taken by Meta twice.
    """
    if not seen:
        return 0
    asked = [one.wamid for one in seen], [one.sender_id for one in seen]
    strangers = [row["wamid"] for row in await connection.fetch(_STRANGERS, *asked)]
    await standing.lock_wamids(connection, strangers[:_MOST_LOCKED])
    left = await advance(connection, seen)
    return await _judge(connection, left) if left else 0


async def _judge(connection: Connection, seen: Sequence[StatusSeen]) -> int:
    """Append statuses as evidence, and fold the messages they speak of from all there is."""
    wamids = [one.wamid for one in seen]
    senders, tokens = [one.sender_id for one in seen], [one.attempt for one in seen]
    touched = [row["message_id"] for row in await connection.fetch(_TOUCHED, wamids, senders, tokens)]
    await standing.lock_messages(connection, touched)
    bound = [row["wamid"] for row in await connection.fetch(_TOKENS, tokens, wamids, senders)]
    await standing.bind(connection, bound)
    await connection.execute(
        _EVIDENCE,
        [one.workspace_id for one in seen],
        senders,
        wamids,
        [one.status for one in seen],
        [one.provider_at for one in seen],
        [one.received_at for one in seen],
        [one.code for one in seen],
        [one.title for one in seen],
        [one.detail for one in seen],
    )
    return len(await standing.refold(connection, touched))


async def bind_parked(pool: Pool, *, after: str, most: int) -> tuple[str, int, int]:
    """Bind what is parked although an attempt has its wamid, among the next `most` pieces from `after` on.

    The deeds bind by themselves; this is for what they missed. Returns where to go on ("" is the beginning), how
    many pieces were bound, and how many messages turned out to have been taken by Meta twice.
    """

    async def work(connection: Connection) -> tuple[str, int, int]:
        rows = await connection.fetch(_PARKED, after, most)
        found = [row for row in rows if row["message_id"]]
        doubled = 0
        if found:
            wamids, messages = [row["wamid"] for row in found], [row["message_id"] for row in found]
            await standing.lock_wamids(connection, wamids)
            await standing.lock_messages(connection, messages)
            await standing.bind(connection, wamids)
            doubled = len(await standing.refold(connection, messages))
        return rows[-1]["wamid"] if len(rows) == most else "", len(found), doubled

    return await in_transaction(pool, work)


async def heard(pool: Pool, senders: Mapping[UUID, datetime]) -> None:
    """Record when a status of each number last came in; write it only after that status was taken in."""
    if senders:
        await pool.execute(_HEARD, list(senders), list(senders.values()))
