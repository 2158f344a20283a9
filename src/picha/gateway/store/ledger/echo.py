"""Echoes: what the business sent from its own phone stands as a message that was sent, and statuses of it count.

An echo is Meta's word that the message was sent. So it gets an attempt, that of the phone, and one piece of evidence;
from there on it is folded like everything that was sent.
"""

from collections.abc import Sequence
from uuid import UUID

from picha.gateway.domain.facts import MessageReceived
from picha.gateway.store.ledger import standing
from picha.gateway.store.pool import Connection
from picha.kit.ids import Ids

_OURS = """
SELECT wamid FROM unnest($1::text[], $2::uuid[]) AS heard (wamid, sender_id)
WHERE (SELECT true FROM attempt WHERE attempt.wamid = heard.wamid AND attempt.sender_id = heard.sender_id
    AND NOT (SELECT is_echo FROM message WHERE message.id = message_id) LIMIT 1)
"""

_ATTEMPTS = """
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, finished_at, outcome, wamid)
SELECT id, workspace_id, message_id, sender_id, 1, 0, at, at, 'accepted', wamid
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[])
    AS echoed (id, workspace_id, message_id, sender_id, at, wamid)
"""

_EVIDENCE = """
INSERT INTO evidence (attempt_id, workspace_id, sender_id, wamid, status, provider_at, received_at)
SELECT id, workspace_id, sender_id, wamid, 'sent', at, received_at
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS echoed (id, workspace_id, sender_id, wamid, at, received_at)
ON CONFLICT DO NOTHING
"""


async def without_our_own(connection: Connection, received: Sequence[MessageReceived]) -> Sequence[MessageReceived]:
    """Leave out echoes of messages that we sent ourselves: they stand already."""
    echoes = [one for one in received if one.is_echo]
    if not echoes:
        return received
    rows = await connection.fetch(_OURS, [one.wamid for one in echoes], [one.sender_id for one in echoes])
    ours = {row["wamid"] for row in rows}
    return [one for one in received if not (one.is_echo and one.wamid in ours)]


async def stand(connection: Connection, echoes: Sequence[tuple[UUID, MessageReceived]], ids: Ids) -> None:
    """Give new echoes, by the ids of their messages, the attempt and the evidence that they are."""
    if not echoes:
        return
    wamids, attempts = [one.wamid for _, one in echoes], [ids.uuid() for _ in echoes]
    workspaces, senders = [one.workspace_id for _, one in echoes], [one.sender_id for _, one in echoes]
    messages, moments = [message for message, _ in echoes], [one.provider_at for _, one in echoes]
    await standing.lock_wamids(connection, wamids)
    await connection.execute(_ATTEMPTS, attempts, workspaces, messages, senders, moments, wamids)
    received = [one.received_at for _, one in echoes]
    await connection.execute(_EVIDENCE, attempts, workspaces, senders, wamids, moments, received)
    await standing.bind(connection, wamids)
    await standing.refold(connection, messages)
