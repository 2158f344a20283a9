"""Take in what Meta says: statuses become evidence, messages become rows, both exactly once."""

from collections.abc import Sequence

from picha.gateway.domain.facts import StatusSeen
from picha.gateway.store.ledger import standing
from picha.gateway.store.pool import Connection

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


async def statuses(connection: Connection, seen: Sequence[StatusSeen]) -> None:
    """Append a batch of statuses as evidence and fold the messages they speak of, inside the caller's transaction.

    Evidence of a wamid that nobody knows yet is kept and bound when its attempt becomes known.
    """
    if not seen:
        return
    wamids = [one.wamid for one in seen]
    await standing.lock_wamids(connection, wamids)
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
    await standing.refold(connection, touched)
