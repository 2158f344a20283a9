"""What waits to be worked on, read lane by lane."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from picha.gateway.domain.outcomes import STALE_MEDIA
from picha.gateway.store import lanes
from picha.gateway.store.ledger import turns
from picha.gateway.store.pool import Pool
from picha.images.plan import Policy


class Outgoing(msgspec.Struct, frozen=True):
    """A queued send with all that its sending needs. Without a file Meta fetches the picture from `media_url`.

    `facts` are what a text or a template says; neither needs a picture.

    `rank` is the priority of its thread: the highest of what waits there. `healed` is how often it was given another
    media id, because Meta did not know the one it was sent with.
    """

    id: UUID
    workspace_id: UUID
    conversation_id: UUID
    tries: int
    phone: str | None
    user_id: str | None
    file_id: UUID | None
    digest: bytes | None
    mime_type: str | None
    media_url: str | None
    caption: str | None
    reply_to: str | None
    recipient_identity_key_hash: str | None
    expires_at: datetime | None
    window_until: datetime | None
    spoilt_media_id: str | None
    rank: int
    message_type: str = "image"
    facts: dict[str, Any] | None = None
    healed: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A message that waits for its picture: by URL for a send, by Meta's media for one received; `age` is how long."""

    id: UUID
    workspace_id: UUID
    sender_id: UUID
    tries: int
    media_url: str | None
    image_policy: Policy | None
    facts: dict[str, Any]
    environment: str
    age: timedelta


# A user id serves where no phone is known.
# Threads are read, not messages: however much waits for one person, it starves nobody.
_DUE_THREADS = """
(SELECT conversation_id, rank, next_due FROM pair
WHERE sender_id = $1 AND rank = {rank} AND next_due <= now() AND conversation_id <> ALL($2::uuid[])
ORDER BY next_due LIMIT $3)
"""
SENDS = f"""
WITH due AS MATERIALIZED ({_DUE_THREADS.format(rank=1)} UNION ALL {_DUE_THREADS.format(rank=0)})
SELECT due.conversation_id AS thread, phase = 'queued' AND due_at <= now() AS is_ready, message.id,
    message.workspace_id, due.conversation_id, tries, phone, user_id,
    file_id, file.digest, file.mime_type, media_url, caption, reply_to, recipient_identity_key_hash, message.expires_at,
    window_until, spoilt_media_id, rank, message_type, facts, CASE WHEN attempts > 0 THEN (SELECT count(*) FROM attempt
        WHERE message_id = message.id AND outcome = 'throttled' AND code = '{STALE_MEDIA.code}') ELSE 0 END AS healed
FROM due
LEFT JOIN LATERAL (
    SELECT * FROM message
    WHERE {turns.IS_WAITING} AND sender_id = $1 AND conversation_id = due.conversation_id AND {turns.DECIDES}
    ORDER BY id LIMIT 1
) AS message ON true
LEFT JOIN file ON file.id = file_id JOIN conversation ON conversation.id = due.conversation_id
JOIN contact ON contact.id = conversation.contact_id
ORDER BY next_due
"""  # noqa: S608 - constants of the store only

_PICTURES = """
SELECT message.id, message.workspace_id, sender_id, tries, media_url, message.image_policy,
    coalesce(facts, '{{}}') AS facts, environment, now() - message.created_at AS age
FROM message JOIN sender ON sender.id = sender_id
WHERE {where} AND due_at <= now() AND message.id <> ALL($2::uuid[]) ORDER BY due_at, message.id LIMIT $3
"""
_TO_PREPARE = _PICTURES.format(where="message.workspace_id = $1 AND phase = 'image_wait'")
_TO_FETCH = _PICTURES.format(where=f"sender_id = $1 AND {lanes.IS_TO_FETCH}")


async def sends(pool: Pool, sender: UUID, *, busy: Iterable[UUID], most: int) -> tuple[list[Outgoing], list[UUID]]:
    """Return what may be sent now, the next message of each due thread of a number, none of those in `busy`.

    At most `most` threads of each priority are looked at. The second list are threads in which nothing may go yet.
    """
    rows = await pool.fetch(SENDS, sender, list(busy), most)
    ready = [Outgoing(*list(row)[2:]) for row in rows if row["is_ready"]]
    return ready, [row["thread"] for row in rows if not row["is_ready"]]


async def to_prepare(pool: Pool, workspace: UUID, *, busy: Iterable[UUID], most: int) -> list[Picture]:
    """Return the oldest sends of a workspace whose picture is to be fetched from its URL."""
    return [Picture(*row) for row in await pool.fetch(_TO_PREPARE, workspace, list(busy), most)]


async def to_fetch(pool: Pool, sender: UUID, *, busy: Iterable[UUID], most: int) -> list[Picture]:
    """Return the oldest received messages of a number whose picture is to be fetched from Meta."""
    return [Picture(*row) for row in await pool.fetch(_TO_FETCH, sender, list(busy), most)]
