"""Reads of senders and conversations, as the API shows them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.store.pool import Pool


@dataclass(frozen=True, slots=True)
class SenderView:
    """A business number as it is shown."""

    id: UUID
    account_id: UUID
    phone_number_id: str
    display_number: str
    label: str
    is_default: bool
    is_active: bool
    image_policy: str
    per_second: float
    paused_for: str | None


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A thread as it is shown."""

    id: UUID
    sender_id: UUID
    account_id: UUID
    phone: str | None
    user_id: str | None
    group_id: str | None
    contact_name: str | None
    identity_key_hash: str | None
    unread_count: int
    window_until: datetime | None
    last_message_at: datetime | None
    created_at: datetime
    updated_at: datetime


_SENDERS = """
SELECT id, account_id, phone_number_id, display_number, label, is_default, is_active, image_policy,
    per_second, paused_for FROM sender
WHERE workspace_id = $1 AND environment = $2 ORDER BY is_default DESC, id
"""

_CONVERSATION = """
SELECT c.id, sender_id, account_id, phone, user_id, group_id, profile_name, identity_key_hash, unread_count,
    window_until, last_message_at, c.created_at, c.updated_at
FROM conversation AS c JOIN sender ON sender.id = sender_id JOIN contact ON contact.id = contact_id
WHERE c.workspace_id = $1 AND environment = $2 AND deleted_at IS NULL
    AND c.id = coalesce((SELECT conversation_id FROM conversation_alias WHERE id = $3), $3)
"""


async def senders(pool: Pool, workspace: UUID, environment: str) -> list[SenderView]:
    """Return a workspace's numbers of one environment, the default one first."""
    return [SenderView(*row) for row in await pool.fetch(_SENDERS, workspace, environment)]


async def conversation(pool: Pool, workspace: UUID, environment: str, conversation_id: UUID) -> ConversationView | None:
    """Look one thread up by (workspace, environment, id), or an id that it had before two became one."""
    row = await pool.fetchrow(_CONVERSATION, workspace, environment, conversation_id)
    return ConversationView(*row) if row else None
