"""Take in what customers send: contact, conversation, window and message, each inbound message once."""

from collections.abc import Sequence
from uuid import UUID

from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.store.pool import Connection
from picha.kit.ids import Ids

# Two workers that meet the same new person wait for each other here.
_LOCK_PEOPLE = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(address, 1) AS key FROM unnest($1::text[]) AS address ORDER BY key) AS keys
"""

_KNOWN = """
SELECT kind, value, contact_id FROM contact_address
JOIN unnest($2::text[], $3::text[]) AS asked (kind, value) USING (kind, value) WHERE workspace_id = $1
"""

_NEW_CONTACT = "INSERT INTO contact (id, workspace_id) VALUES ($1, $2)"

_ADDRESS = """
INSERT INTO contact_address (workspace_id, kind, value, contact_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""

_TEACH = """
UPDATE contact SET profile_name = coalesce($2, profile_name), identity_key_hash = coalesce($3, identity_key_hash),
    updated_at = now()
WHERE id = $1
"""

_CONVERSATION = """
INSERT INTO conversation (id, workspace_id, sender_id, contact_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (sender_id, contact_id) DO UPDATE SET deleted_at = NULL RETURNING id
"""

_MESSAGE = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    due_at, caption, image_state, facts, provider_message_id, created_at, reply_to)
VALUES ($1, $2, $3, $4, $5, false, $6, 'received', 'received', CASE WHEN $8 = 'pending' THEN clock_timestamp() END,
    $7, $8, $9, $10, $11, $12)
ON CONFLICT (sender_id, provider_message_id) WHERE NOT is_outbound DO NOTHING RETURNING id
"""

_OPEN = """
UPDATE conversation SET window_until = greatest(window_until, $2), unread_count = unread_count + 1,
    last_message_at = greatest(last_message_at, $3), updated_at = now()
WHERE id = $1
"""


async def messages(connection: Connection, received: Sequence[MessageReceived], ids: Ids) -> int:
    """Write customers' messages inside the caller's transaction; return how many were new.

    A message that was seen before changes nothing, however its webhook was batched.
    """
    await connection.execute(
        _LOCK_PEOPLE,
        [f"{one.workspace_id}|{kind}|{value}" for one in received for kind, value in one.person.addresses.items()],
    )
    new = 0
    for one in sorted(received, key=lambda one: (str(one.sender_id), one.wamid)):
        contact = await _contact(connection, one.workspace_id, one.person, ids)
        new += await _message(connection, one, contact, ids)
    if new:
        await connection.execute("SELECT pg_notify('picha_hear', '')")
    return new


async def _contact(connection: Connection, workspace: UUID, person: Person, ids: Ids) -> UUID:
    """Find or make the contact that answers to any of the person's addresses, and learn the new ones."""
    kinds, values = list(person.addresses), list(person.addresses.values())
    known = {
        (row["kind"], row["value"]): row["contact_id"]
        for row in await connection.fetch(_KNOWN, workspace, kinds, values)
    }
    contact: UUID | None = min(known.values(), default=None)
    if contact is None:
        contact = ids.uuid()
        await connection.execute(_NEW_CONTACT, contact, workspace)
    fresh = [(kind, value) for kind, value in person.addresses.items() if (kind, value) not in known]
    await connection.executemany(_ADDRESS, [(workspace, kind, value, contact) for kind, value in fresh])
    await connection.execute(_TEACH, contact, person.name, person.identity_key_hash)
    return contact


async def _message(connection: Connection, one: MessageReceived, contact: UUID, ids: Ids) -> bool:
    thread = await connection.fetchval(_CONVERSATION, ids.uuid(), one.workspace_id, one.sender_id, contact)
    inserted = await connection.fetchval(
        _MESSAGE,
        ids.uuid(),
        one.workspace_id,
        thread,
        one.sender_id,
        contact,
        one.message_type,
        one.caption,
        one.image_state,
        one.facts,
        one.wamid,
        one.received_at,
        one.reply_to,
    )
    if inserted:
        await connection.execute(_OPEN, thread, one.window_until, one.received_at)
    return bool(inserted)
