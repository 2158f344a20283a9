"""What a person does with a thread in their inbox: read it, mark it unread, delete it."""

from datetime import datetime
from uuid import UUID

from picha.gateway.store import audit
from picha.gateway.store.pool import Connection, Pool, in_transaction

# The lock comes first, by itself: only a later statement sees what those wrote that it waited for.
_LOCK = """
SELECT c.id, unread_count FROM conversation AS c JOIN sender ON sender.id = sender_id
WHERE c.workspace_id = $1 AND environment = $2 AND deleted_at IS NULL
    AND c.id = coalesce((SELECT conversation_id FROM conversation_alias WHERE id = $3), $3)
FOR NO KEY UPDATE OF c
"""

# What is unread are the last messages that came in, as many as are counted.
_LATER = """
SELECT count(*) FROM (
    SELECT created_at FROM message WHERE conversation_id = $1 AND NOT is_outbound ORDER BY id DESC LIMIT $2
) AS unread WHERE created_at > $3
"""
_READ = "UPDATE conversation SET unread_count = $2, updated_at = now() WHERE id = $1"

_DELETE = """
UPDATE conversation SET deleted_at = now(), unread_count = 0, updated_at = now(),
    cleared_upto = (SELECT id FROM message WHERE conversation_id = $1 ORDER BY id DESC LIMIT 1)
WHERE id = $1
"""


async def read(
    pool: Pool, workspace: UUID, environment: str, conversation: UUID, *, up_to: datetime | None = None
) -> tuple[UUID, int] | None:
    """Count a thread's messages as read, all of them or those that came by `up_to`.

    Returns the thread's id and how many messages were unread before; None where there is no such thread.
    """

    async def work(connection: Connection) -> tuple[UUID, int] | None:
        thread = await connection.fetchrow(_LOCK, workspace, environment, conversation)
        if thread is None:
            return None
        later = await connection.fetchval(_LATER, *thread, up_to) if up_to and thread["unread_count"] else 0
        if later != thread["unread_count"]:
            await connection.execute(_READ, thread["id"], later)
        return thread["id"], thread["unread_count"] - later

    return await in_transaction(pool, work)


async def unread(pool: Pool, workspace: UUID, environment: str, conversation: UUID) -> UUID | None:
    """Count a thread as unread that was read, as if its last message had just come; None where there is no such."""

    async def work(connection: Connection) -> UUID | None:
        thread = await connection.fetchrow(_LOCK, workspace, environment, conversation)
        if thread is None:
            return None
        if not thread["unread_count"]:
            await connection.execute(_READ, thread["id"], 1)
        found: UUID = thread["id"]
        return found

    return await in_transaction(pool, work)


async def delete(
    pool: Pool, workspace: UUID, environment: str, conversation: UUID, *, who: str | None = None
) -> UUID | None:
    """Take a thread, with all that was said in it, out of lists; return its id, None where there is no such thread.

    What was accepted for it still goes out. When its customer writes again it is there again, under the same id, and
    begins with what they write. A person `who` did it is noted in the audit.
    """

    async def work(connection: Connection) -> UUID | None:
        thread = await connection.fetchrow(_LOCK, workspace, environment, conversation)
        if thread is None:
            return None
        await connection.execute(_DELETE, thread["id"])
        found: UUID = thread["id"]
        if noting := audit.noting(who, "conversation.deleted", workspace=workspace, conversation=found):
            await noting(connection)
        return found

    return await in_transaction(pool, work)
