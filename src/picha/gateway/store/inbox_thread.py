"""A thread as people read it: a page of its messages, each with all that is shown of it, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from picha.gateway.store.pool import Pool

PAGE = 60

SAID_ABOUT = frozenset({"reaction", "edit", "revoke"})
"""Types of messages that only say something about another one, and are shown there."""

# How many of what was said about a message are looked at, the newest first.
_SAID_MAX = 30


@dataclass(frozen=True, slots=True)
class Said:
    """A reaction to a message (without `emoji` an earlier one is taken away), an edit of it, or that it was revoked."""

    message_type: str
    is_outbound: bool
    contact_id: UUID
    emoji: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Quoted:
    """The message that another one answers or says something about; `author` is the customer's name."""

    id: UUID
    is_outbound: bool
    message_type: str
    text: str | None
    file_id: UUID | None
    author: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of a thread; `colleague` is who of the business sent it from the inbox."""

    id: UUID
    conversation_id: UUID
    is_outbound: bool
    is_echo: bool
    message_type: str
    phase: str
    status: str
    attempts: int
    due_at: datetime | None
    on_unknown: str
    caption: str | None
    media_url: str | None
    image_state: str | None
    facts: dict[str, Any]
    reply_to: str | None
    error_code: str | None
    error_message: str | None
    error_detail: str | None
    warning_detail: str | None
    duplicates: int
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    author: str | None
    author_phone: str | None
    file_id: UUID | None
    mime_type: str | None
    size_bytes: int | None
    width: int | None
    height: int | None
    changes: list[str] | None
    notes: list[dict[str, str]] | None
    came: dict[str, Any] | None
    colleague: str | None
    quoted: Quoted | None
    said: list[Said]


def _about(alias: str) -> str:
    """Return what a message says something about, a wamid, in the words of the index `message_about`."""
    names = "reaction,message_id", "edit,original_message_id", "revoke,original_message_id"
    paths = (f"{alias}.facts #>> '{{{name}}}'" for name in names)
    return f"coalesce({', '.join(paths)})"


_COLUMNS = """
SELECT m.id, m.conversation_id, m.is_outbound, is_echo, m.message_type, phase, status, attempts, due_at, on_unknown,
    m.caption, media_url, image_state, coalesce(m.facts, '{}'), m.reply_to, error_code, error_message,
    error_detail, warning_detail, duplicates, m.created_at, sent_at, delivered_at, read_at, failed_at,
    who.profile_name, who.phone, m.file_id, file.mime_type, file.size_bytes, file.width, file.height, file.changes,
    file.notes, file.came, (SELECT name FROM person WHERE person.id = m.person_id),
    quoted.told, coalesce(about.told, '[]')
"""
# Each look-up is one by an index, row by row: OFFSET 0 keeps the planner from joining, whatever it believes of a table.
_JOINED = f"""
LEFT JOIN LATERAL (SELECT * FROM contact WHERE contact.id = m.contact_id OFFSET 0) AS who ON true
LEFT JOIN LATERAL (SELECT * FROM file WHERE file.id = m.file_id OFFSET 0) AS file ON true
CROSS JOIN LATERAL (SELECT coalesce(m.reply_to, {_about("m")}) AS wamid OFFSET 0) AS pointed
LEFT JOIN LATERAL (
    SELECT jsonb_build_array(one.id, one.is_outbound, one.message_type,
        left(coalesce(one.caption, one.facts ->> 'text'), 300), one.file_id,
        (SELECT profile_name FROM contact WHERE contact.id = one.contact_id)) AS told
    FROM message AS one
    WHERE one.conversation_id = m.conversation_id AND one.id = coalesce(
        (SELECT id FROM message AS heard WHERE heard.sender_id = m.sender_id
            AND heard.provider_message_id = pointed.wamid AND (NOT heard.is_outbound OR heard.is_echo)),
        (SELECT message_id FROM attempt WHERE wamid = pointed.wamid AND attempt.sender_id = m.sender_id LIMIT 1)
    ) OFFSET 0
) AS quoted ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(message_type, is_outbound, contact_id, facts #>> '{{reaction,emoji}}',
        coalesce(facts #>> '{{edit,message,image,caption}}', facts #>> '{{edit,message,text,body}}')
    ) ORDER BY id) AS told
    FROM (
        SELECT * FROM (
            SELECT * FROM message AS one
            WHERE one.sender_id = m.sender_id AND one.message_type IN ('reaction', 'edit', 'revoke')
                AND {_about("one")} = m.provider_message_id OFFSET 0
        ) AS pointing
        WHERE pointing.conversation_id = m.conversation_id ORDER BY id DESC LIMIT {_SAID_MAX}
    ) AS newest
) AS about ON true
ORDER BY m.id
"""  # noqa: S608 - constants of this module only
_KEPT = "id > (SELECT coalesce(cleared_upto, '00000000-0000-0000-0000-000000000000') FROM conversation WHERE id = $1)"
_LAST = f"""
SELECT * FROM message WHERE conversation_id = $1 AND {_KEPT}
    AND id < (SELECT coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')) ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - constants of this module only
_CHOSEN = f"""
SELECT message.* FROM unnest($2::uuid[]) AS asked (id)
CROSS JOIN LATERAL (SELECT * FROM message WHERE message.id = asked.id OFFSET 0) AS message
WHERE conversation_id = $1 AND message.{_KEPT}
"""  # noqa: S608 - as above
_PAGE = f"{_COLUMNS} FROM ({_LAST}) AS m {_JOINED}"
_SOME = f"{_COLUMNS} FROM ({_CHOSEN}) AS m {_JOINED}"
_THREAD_OF = """
SELECT conversation_id FROM message JOIN sender ON sender.id = sender_id
WHERE message.workspace_id = $1 AND environment = $2 AND message.id = $3
"""


async def page(pool: Pool, conversation: UUID, *, before: UUID | None = None, limit: int = PAGE) -> list[Entry]:
    """Return the last messages of a thread, or the last before the message `before`; the oldest of them first."""
    return [_entry(row) for row in await pool.fetch(_PAGE, conversation, before, limit)]


async def some(pool: Pool, conversation: UUID, ids: Sequence[UUID]) -> list[Entry]:
    """Return those of some messages that are of a thread, the oldest first."""
    return [_entry(row) for row in await pool.fetch(_SOME, conversation, ids)] if ids else []


async def thread_of(pool: Pool, workspace: UUID, environment: str, message: UUID) -> UUID | None:
    """Return in which thread a message is, looked up by (workspace, environment, id)."""
    found: UUID | None = await pool.fetchval(_THREAD_OF, workspace, environment, message)
    return found


def _entry(row: Any) -> Entry:
    *plain, quoted, about = row
    said = [Said(kind, is_outbound, UUID(who), *told) for kind, is_outbound, who, *told in about]
    return Entry(*(*plain, _quoted(quoted), said))


def _quoted(told: list[Any] | None) -> Quoted | None:
    if told is None:
        return None
    message, is_outbound, message_type, text, file, author = told
    return Quoted(UUID(message), is_outbound, message_type, text, UUID(file) if file else None, author)
