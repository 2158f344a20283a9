"""Take in what customers send: contact, conversation, window and message, each inbound message once.

A batch costs the same few statements whatever its size: where a few a message carried 1,300 messages a second, this
carries 15,000.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from picha.gateway.domain.facts import MessageReceived
from picha.gateway.store.pool import Connection
from picha.kit.ids import Ids

# Two workers that meet the same new person wait for each other here.
_LOCK_PEOPLE = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended(address, 1) AS key FROM unnest($1::text[]) AS address ORDER BY key) AS keys
"""

# Looked up row by row: an index look-up each, whatever the planner believes of the table's size.
_KNOWN = """
SELECT workspace_id, kind, value, (SELECT contact_id FROM contact_address AS known
    WHERE known.workspace_id = asked.workspace_id AND known.kind = asked.kind AND known.value = asked.value)
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS asked (workspace_id, kind, value)
"""

_NEW_CONTACTS = "INSERT INTO contact (id, workspace_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])"

_ADDRESSES = """
INSERT INTO contact_address (workspace_id, kind, value, contact_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) ON CONFLICT DO NOTHING
"""

_TEACH = """
UPDATE contact SET profile_name = coalesce(name, profile_name), identity_key_hash = coalesce(hash, identity_key_hash),
    updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS taught (contact, name, hash) WHERE id = contact
"""

_NEW_THREADS = """
INSERT INTO conversation (id, workspace_id, sender_id, contact_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) ON CONFLICT DO NOTHING
"""

# Every deed locks conversations in id order.
_THREADS = """
SELECT id, sender_id, contact_id FROM conversation
JOIN unnest($1::uuid[], $2::uuid[]) AS asked (sender_id, contact_id) USING (sender_id, contact_id)
ORDER BY id FOR NO KEY UPDATE OF conversation
"""

# Written in the order of the key that makes each once, so that two workers with the same messages cannot lock up.
_MESSAGES = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    due_at, caption, image_state, facts, provider_message_id, created_at, reply_to)
SELECT id, workspace_id, conversation_id, sender_id, contact_id, false, message_type, 'received', 'received',
    CASE WHEN image_state = 'pending' THEN clock_timestamp() END, caption, image_state, facts, wamid, at, reply_to
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
    $10::text[], $11::timestamptz[], $12::text[])
    AS row (id, workspace_id, conversation_id, sender_id, contact_id, message_type, caption, image_state, facts, wamid,
    at, reply_to)
ORDER BY sender_id, wamid
ON CONFLICT (sender_id, provider_message_id) WHERE NOT is_outbound DO NOTHING RETURNING id
"""

_OPEN = """
UPDATE conversation SET window_until = greatest(window_until, until), unread_count = unread_count + new,
    last_message_at = greatest(last_message_at, at), deleted_at = NULL, updated_at = now()
FROM (SELECT conversation, count(*) AS new, max(until) AS until, max(at) AS at
    FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS row (conversation, until, at) GROUP BY 1) AS heard
WHERE id = conversation
"""

_Address = tuple[UUID, str, str]


async def messages(connection: Connection, received: Sequence[MessageReceived], ids: Ids) -> int:
    """Write customers' messages inside the caller's transaction; return how many were new.

    A message that was seen before changes nothing, however its webhook was batched.
    """
    if not received:
        return 0
    contacts = await _contacts(connection, received, ids)
    threads = await _threads(connection, received, contacts, ids)
    # Ids grow as the messages came, so that a thread shows them in that order.
    rows = {
        ids.uuid(): (one, threads[one.sender_id, contact], contact)
        for one, contact in zip(received, contacts, strict=True)
    }
    inserted = await connection.fetch(_MESSAGES, *zip(*(_row(new, *row) for new, row in rows.items()), strict=True))
    if inserted:
        heard = [rows[row["id"]] for row in inserted]
        await connection.execute(
            _OPEN,
            [thread for _, thread, _ in heard],
            [one.window_until for one, _, _ in heard],
            [one.received_at for one, _, _ in heard],
        )
        await connection.execute("SELECT pg_notify('picha_hear', '')")
    return len(inserted)


def _addresses(one: MessageReceived) -> list[_Address]:
    return [(one.workspace_id, kind, value) for kind, value in one.person.addresses.items()]


async def _contacts(connection: Connection, received: Sequence[MessageReceived], ids: Ids) -> list[UUID]:
    """Find or make the contact that answers to any of each person's addresses, and learn the new ones."""
    asked = sorted({address for one in received for address in _addresses(one)})
    await connection.execute(_LOCK_PEOPLE, ["|".join(map(str, address)) for address in asked])
    rows = await connection.fetch(_KNOWN, *zip(*asked, strict=True))
    known: dict[_Address, UUID] = {(row[0], row[1], row[2]): row[3] for row in rows if row[3] is not None}
    new, fresh, found = dict[UUID, UUID](), dict[_Address, UUID](), list[UUID]()
    for one in received:
        addresses = _addresses(one)
        contact = min((known[address] for address in addresses if address in known), default=None)
        if contact is None:
            contact = ids.uuid()
            new[contact] = one.workspace_id
        learnt = {address: contact for address in addresses if address not in known}
        fresh.update(learnt)
        known.update(learnt)
        found.append(contact)
    await connection.execute(_NEW_CONTACTS, list(new), list(new.values()))
    if fresh:
        await connection.execute(_ADDRESSES, *zip(*((*address, fresh[address]) for address in fresh), strict=True))
    await _teach(connection, zip(received, found, strict=True))
    return found


async def _teach(connection: Connection, met: Iterable[tuple[MessageReceived, UUID]]) -> None:
    """Write the last name and identity hash that were heard of each contact."""
    names, hashes = dict[UUID, str | None](), dict[UUID, str | None]()
    for one, contact in met:
        names[contact] = one.person.name or names.get(contact)
        hashes[contact] = one.person.identity_key_hash or hashes.get(contact)
    taught = sorted(names)
    await connection.execute(_TEACH, taught, [names[one] for one in taught], [hashes[one] for one in taught])


async def _threads(
    connection: Connection, received: Sequence[MessageReceived], contacts: Sequence[UUID], ids: Ids
) -> dict[tuple[UUID, UUID], UUID]:
    """Find or make, and lock, the conversation of each message; return their ids by sender and contact."""
    pairs = {(one.sender_id, contact): one.workspace_id for one, contact in zip(received, contacts, strict=True)}
    senders, people = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    await connection.execute(_NEW_THREADS, [ids.uuid() for _ in pairs], list(pairs.values()), senders, people)
    rows = await connection.fetch(_THREADS, senders, people)
    return {(row["sender_id"], row["contact_id"]): row["id"] for row in rows}


def _row(new: UUID, one: MessageReceived, thread: UUID, contact: UUID) -> tuple[object, ...]:
    return (
        new,
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
