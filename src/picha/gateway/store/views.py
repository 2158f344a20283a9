"""Reads take the short road: what the API shows, straight from the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from picha.gateway.store.ledger.turns import IS_WAITING
from picha.gateway.store.pool import Pool

# Counting stops here: nobody pages through more, and counting on would grow with the table.
COUNT_TO = 10_000


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as it is shown, with its sender, the customer and its picture's facts."""

    id: UUID
    conversation_id: UUID
    sender_id: UUID
    is_outbound: bool
    is_echo: bool
    message_type: str
    phase: str
    status: str
    waiting_for: UUID | None
    attempts: int
    caption: str | None
    media_url: str | None
    file_id: UUID | None
    image_state: str | None
    facts: dict[str, Any]
    provider_message_id: str | None
    reply_to: str | None
    client_reference: str | None
    error_code: str | None
    error_message: str | None
    error_detail: str | None
    warning_code: str | None
    warning_detail: str | None
    duplicates: int
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    sender: str
    contact_name: str | None
    recipient: str | None
    digest: bytes | None
    mime_type: str | None
    size_bytes: int | None
    width: int | None
    height: int | None
    changes: list[str] | None
    came: dict[str, Any] | None
    notes: list[dict[str, str]] | None
    filed_at: datetime | None
    paired_id: UUID | None
    batch_id: UUID | None


# A send is paired with the first received message that quotes it, a received message with the send that it quotes.
_MESSAGE = """
SELECT m.id, m.conversation_id, m.sender_id, is_outbound, is_echo, message_type, phase, status,
    CASE WHEN is_outbound AND phase IN ('image_wait', 'queued') THEN (
        SELECT id FROM message WHERE {waiting} AND sender_id = m.sender_id AND conversation_id = m.conversation_id
            AND id < m.id AND (held_until IS NULL OR held_until > now()) ORDER BY id DESC LIMIT 1
    ) END AS waiting_for, attempts, caption, media_url,
    file_id, image_state, coalesce(facts, '{{}}') AS facts, provider_message_id, reply_to, client_reference, error_code,
    error_message, error_detail, warning_code, warning_detail, duplicates, m.created_at, sent_at, delivered_at,
    read_at, failed_at,
    sender.display_number AS sender, contact.profile_name AS contact_name, contact.phone AS recipient,
    file.digest, file.mime_type, file.size_bytes, file.width, file.height, file.changes, file.came, file.notes,
    file.created_at AS filed_at,
    CASE WHEN is_outbound THEN (
        SELECT min(answer.id::text)::uuid FROM message AS answer WHERE answer.conversation_id = m.conversation_id
            AND NOT answer.is_outbound AND answer.reply_to = m.provider_message_id
    ) ELSE (
        SELECT message_id FROM attempt WHERE attempt.wamid = m.reply_to AND attempt.sender_id = m.sender_id LIMIT 1
    ) END AS paired_id, batch_id
FROM message AS m
JOIN sender ON sender.id = m.sender_id JOIN contact ON contact.id = m.contact_id LEFT JOIN file ON file.id = m.file_id
WHERE m.workspace_id = $1 AND sender.environment = $2 AND {where}
"""
_ONE = _MESSAGE.format(waiting=IS_WAITING, where="m.id = $3")
_SOME = _MESSAGE.format(waiting=IS_WAITING, where="m.id = ANY($3::uuid[])")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages to list; None leaves a field open. The list begins behind the place of the message `before`."""

    conversation_id: UUID | None = None
    message_type: str | None = None
    statuses: Sequence[str] | None = None
    is_outbound: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None
    limit: int = 100
    offset: int = 0


_MATCHES = """
    ($3::uuid IS NULL
        OR m.conversation_id = coalesce((SELECT conversation_id FROM conversation_alias WHERE id = $3), $3))
    AND ($4::text IS NULL OR m.message_type = $4)
    AND ($5::text[] IS NULL OR m.status = ANY($5)) AND ($6::boolean IS NULL OR m.is_outbound = $6)
    AND ($7::timestamptz IS NULL OR m.created_at >= $7) AND ($8::timestamptz IS NULL OR m.created_at < $8)
    AND EXISTS (SELECT FROM conversation WHERE conversation.id = m.conversation_id AND deleted_at IS NULL
        AND (cleared_upto IS NULL OR m.id > cleared_upto))
"""
# Read once and before the rows, so that the index begins there.
_BEHIND = " AND m.id < (SELECT coalesce($11::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"
_LIST = _MESSAGE.format(waiting=IS_WAITING, where=_MATCHES + _BEHIND) + " ORDER BY m.id DESC LIMIT $9 OFFSET $10"
_COUNT = f"""
SELECT count(*) FROM (
    SELECT FROM message AS m JOIN sender ON sender.id = m.sender_id
    WHERE m.workspace_id = $1 AND sender.environment = $2 AND {_MATCHES} LIMIT {COUNT_TO + 1}
) AS counted
"""  # noqa: S608 - constants of this module only


async def message(pool: Pool, workspace: UUID, environment: str, message_id: UUID) -> MessageView | None:
    """Look one message up by (workspace, environment, id)."""
    row = await pool.fetchrow(_ONE, workspace, environment, message_id)
    return MessageView(*row) if row else None


async def some(pool: Pool, workspace: UUID, environment: str, ids: Sequence[UUID]) -> dict[UUID, MessageView]:
    """Look messages up by (workspace, environment, id); return those that are there, by id."""
    rows = await pool.fetch(_SOME, workspace, environment, ids) if ids else []
    return {row["id"]: MessageView(*row) for row in rows}


async def messages(pool: Pool, workspace: UUID, environment: str, asked: Filter) -> tuple[list[MessageView], int]:
    """List messages, newest first, with their number counted to `COUNT_TO` + 1."""
    match = (
        workspace,
        environment,
        asked.conversation_id,
        asked.message_type,
        asked.statuses,
        asked.is_outbound,
        asked.since,
        asked.until,
    )
    rows = await pool.fetch(_LIST, *match, asked.limit, asked.offset, asked.before)
    return [MessageView(*row) for row in rows], await pool.fetchval(_COUNT, *match)


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a message's story: a decision of ours, an attempt, or evidence from Meta."""

    at: datetime
    kind: str
    what: str
    attempt: int | None
    code: str | None
    detail: str | None


_STORY = """
SELECT * FROM (
    SELECT started_at AS at, 'attempt' AS kind, 'started' AS what, number AS attempt, NULL AS code, NULL AS detail
    FROM attempt WHERE message_id = $1
    UNION ALL
    SELECT finished_at, 'attempt', outcome, number, code, detail FROM attempt
    WHERE message_id = $1 AND finished_at IS NOT NULL
    UNION ALL
    SELECT received_at, 'evidence', evidence.status, number, nullif(evidence.code, 0)::text, evidence.detail
    FROM evidence JOIN attempt ON attempt.id = attempt_id WHERE message_id = $1
    UNION ALL
    SELECT at, 'decision', kind, NULL, code, detail FROM decision WHERE message_id = $1
) AS story ORDER BY at, kind, what <> 'started'
"""


async def story(pool: Pool, message_id: UUID) -> list[Moment]:
    """Return the attempts and the evidence of one message, and what was decided, in order of time."""
    return [Moment(*row) for row in await pool.fetch(_STORY, message_id)]
