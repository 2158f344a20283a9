"""Take in what Meta says: statuses become evidence, messages become rows, both exactly once."""

from collections.abc import Sequence

from picha.gateway.domain.facts import StatusSeen
from picha.gateway.store.ledger import standing
from picha.gateway.store.pool import Connection

_EVIDENCE = """
INSERT INTO evidence (workspace_id, sender_id, wamid, status, provider_at, received_at, code, title, detail)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::int[],
    $8::text[], $9::text[])
ON CONFLICT DO NOTHING
"""

# A status that carries our token names its attempt even when the send's own answer was lost. The outcome stays what
# the call itself told.
_TOKENS = """
UPDATE attempt SET wamid = seen.wamid
FROM (SELECT DISTINCT ON (id) id, wamid, sender_id FROM unnest($1::uuid[], $2::text[], $3::uuid[])
    AS row (id, wamid, sender_id) ORDER BY id) AS seen
WHERE attempt.id = seen.id AND attempt.sender_id = seen.sender_id AND attempt.wamid IS NULL
"""

_TOUCHED = """
SELECT DISTINCT attempt.message_id FROM attempt
JOIN unnest($1::text[], $2::uuid[], $3::uuid[]) AS seen (wamid, sender_id, attempt)
    ON attempt.sender_id = seen.sender_id AND (attempt.wamid = seen.wamid OR attempt.id = seen.attempt)
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
    await connection.execute(_TOKENS, tokens, wamids, senders)
    await standing.refold(connection, wamids=wamids, messages=touched)
