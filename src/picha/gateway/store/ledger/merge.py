"""Two contacts turned out to be one person: the older keeps its id, and so does the older conversation with a number.

The younger conversation's messages move into the older, and its id stays as an alias of it. It is rare and not in a
hurry, so it goes step by step, with both contacts' conversations locked.
"""

from uuid import UUID

from picha.gateway.store.pool import Connection

_ADDRESSES = "UPDATE contact_address SET contact_id = $1 WHERE contact_id = $2"

_CONTACT = """
UPDATE contact SET phone = coalesce(contact.phone, gone.phone), user_id = coalesce(contact.user_id, gone.user_id),
    addressed_at = greatest(contact.addressed_at, gone.addressed_at),
    profile_name = coalesce(contact.profile_name, gone.profile_name),
    identity_key_hash = coalesce(contact.identity_key_hash, gone.identity_key_hash), updated_at = now()
FROM contact AS gone WHERE contact.id = $1 AND gone.id = $2
"""

_CONVERSATIONS = """
SELECT id, sender_id FROM conversation WHERE contact_id IN ($1, $2) ORDER BY id FOR UPDATE
"""

_MOVE = """
UPDATE message SET conversation_id = $1, contact_id = $2
WHERE conversation_id = $3 AND (conversation_id <> $1 OR contact_id <> $2)
"""

# What a person wrote in a group stands in the group's conversation.
_IN_GROUPS = """
UPDATE message SET contact_id = $1
WHERE contact_id = $2 AND conversation_id IN (SELECT conversation.id FROM conversation JOIN contact
    ON contact.id = contact_id WHERE group_id IS NOT NULL
    AND conversation.workspace_id = (SELECT workspace_id FROM contact WHERE id = $1))
"""

_ALIAS = """
INSERT INTO conversation_alias (id, workspace_id, conversation_id) SELECT id, workspace_id, $1 FROM conversation
WHERE id = $2
"""
_FOLLOW = "UPDATE conversation_alias SET conversation_id = $1 WHERE conversation_id = $2"

# What nobody deleted is not hidden, even if something shows again that was deleted.
_TAKE_OVER = """
UPDATE conversation SET window_until = greatest(conversation.window_until, gone.window_until),
    unread_count = conversation.unread_count + gone.unread_count,
    last_message_at = greatest(conversation.last_message_at, gone.last_message_at),
    deleted_at = CASE WHEN gone.deleted_at IS NOT NULL THEN conversation.deleted_at END,
    cleared_upto = CASE WHEN conversation.cleared_upto IS NOT NULL AND gone.cleared_upto IS NOT NULL
        THEN least(conversation.cleared_upto, gone.cleared_upto) END,
    updated_at = now()
FROM conversation AS gone WHERE conversation.id = $1 AND gone.id = $2
"""


# Of both threads what is sooner due, more urgent and later allowed.
_PAIR = """
WITH gone AS (DELETE FROM pair WHERE conversation_id = $2 RETURNING sender_id, next_due, rank, opens_at)
INSERT INTO pair (conversation_id, sender_id, next_due, rank, opens_at) SELECT $1, gone.* FROM gone
ON CONFLICT (conversation_id) DO UPDATE SET rank = greatest(pair.rank, excluded.rank),
    opens_at = greatest(pair.opens_at, excluded.opens_at),
    next_due = CASE WHEN least(pair.next_due, excluded.next_due) IS NOT NULL
        THEN greatest(least(pair.next_due, excluded.next_due), pair.opens_at, excluded.opens_at) END
"""


async def contacts(connection: Connection, *, survivor: UUID, gone: UUID) -> None:
    """Make the contact `gone` part of `survivor`, inside the caller's transaction."""
    kept: dict[UUID, UUID] = {}
    # In id order, so that the older conversation of each number comes first.
    for row in await connection.fetch(_CONVERSATIONS, survivor, gone):
        older = kept.setdefault(row["sender_id"], row["id"])
        if older != row["id"]:
            await _conversations(connection, survivor=older, gone=row["id"], contact=survivor)
    for conversation in kept.values():
        await connection.execute(_MOVE, conversation, survivor, conversation)
    await connection.execute("UPDATE conversation SET contact_id = $1 WHERE contact_id = $2", survivor, gone)
    await connection.execute(_IN_GROUPS, survivor, gone)
    await connection.execute(_ADDRESSES, survivor, gone)
    await connection.execute(_CONTACT, survivor, gone)
    await connection.execute("DELETE FROM contact WHERE id = $1", gone)


async def _conversations(connection: Connection, *, survivor: UUID, gone: UUID, contact: UUID) -> None:
    await connection.execute(_MOVE, survivor, contact, gone)
    await connection.execute(_ALIAS, survivor, gone)
    await connection.execute(_FOLLOW, survivor, gone)
    await connection.execute(_TAKE_OVER, survivor, gone)
    await connection.execute(_PAIR, survivor, gone)
    await connection.execute("DELETE FROM conversation WHERE id = $1", gone)
