"""The pictures of a workspace, as people look through them: newest first, and where each is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from picha.gateway.store.pool import Pool

Which = Literal["all", "received", "uploaded", "sent"]

# How many pictures are looked at for one page; where fewer of them are wanted than fill it, the next page goes on.
LOOKED_AT_MOST = 500
# How many of the messages that have a picture are looked at, to show the newest of them.
_USES_LOOKED_AT = 1000
_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its facts; `is_received` tells that a customer sent it, `is_sent` that it went to one.

    One without `expires_at` stays as long as a message has it.
    """

    id: UUID
    mime_type: str
    size_bytes: int
    width: int | None
    height: int | None
    created_at: datetime
    expires_at: datetime | None
    changes: Sequence[str]
    notes: Sequence[dict[str, str]]
    is_fit: bool
    is_received: bool
    is_sent: bool
    is_nameable: bool


@dataclass(frozen=True, slots=True)
class Use:
    """A message that has a picture."""

    message_id: UUID
    conversation_id: UUID
    is_outbound: bool
    status: str
    created_at: datetime
    contact_name: str | None
    phone: str | None


_SHOWN = """
file.id, mime_type, size_bytes, width, height, created_at, expires_at, changes, notes, is_fit,
is_received, coalesce(is_sent, false), expires_at IS NULL OR expires_at > now() AS is_nameable
"""
# A picture that a customer sent has no end of its own. What is kept as the original of another is not shown.
_OWN = "SELECT *, expires_at IS NULL AS is_received FROM file WHERE workspace_id = $1 AND environment = $2"
# Each is a look for one row by an index, and none is taken for what is not shown.
_IS_SENT = """
LEFT JOIN LATERAL (SELECT true AS is_sent FROM message WHERE file_id = file.id AND is_outbound LIMIT 1) AS used ON true
"""
_PAGE = f"""
SELECT {_SHOWN} FROM (
    SELECT *, expires_at IS NULL AS is_received FROM file WHERE workspace_id = $1 AND id < $3 ORDER BY id DESC LIMIT $5
) AS file {_IS_SENT}
WHERE environment = $2 AND (is_fit OR is_received) AND CASE $4
        WHEN 'received' THEN is_received WHEN 'uploaded' THEN NOT is_received WHEN 'sent' THEN is_sent ELSE true END
    AND (expires_at IS NULL OR expires_at > now() OR (SELECT true FROM message WHERE file_id = file.id LIMIT 1))
ORDER BY file.id DESC LIMIT $6
"""  # noqa: S608 - constants of this module only
_END = "SELECT id FROM file WHERE workspace_id = $1 AND id < $2 ORDER BY id DESC OFFSET $3 LIMIT 1"
_ONE = f"SELECT {_SHOWN} FROM ({_OWN} AND id = $3) AS file {_IS_SENT}"  # noqa: S608 - as above
_USES = """
SELECT used.id, conversation_id, is_outbound, status, used.created_at, profile_name, phone FROM (
    SELECT id, conversation_id, contact_id, is_outbound, status, created_at
    FROM (SELECT * FROM message WHERE file_id = $2 LIMIT $3) AS those WHERE workspace_id = $1 ORDER BY id DESC LIMIT $4
) AS used JOIN contact ON contact.id = contact_id ORDER BY used.id DESC
"""


async def page(
    pool: Pool,
    workspace: UUID,
    environment: str,
    *,
    which: Which,
    before: UUID | None,
    limit: int,
    looked_at: int = LOOKED_AT_MOST,
) -> tuple[list[Picture], UUID | None]:
    """Return pictures behind the place of `before`, newest first, and the place where the next page begins."""
    behind = before or _LAST
    asked = (workspace, environment, behind, which, looked_at, limit)
    found = [Picture(*row) for row in await pool.fetch(_PAGE, *asked)]
    if len(found) == limit:
        return found, found[-1].id
    end: UUID | None = await pool.fetchval(_END, workspace, behind, looked_at - 1)
    return found, end


async def find(pool: Pool, workspace: UUID, environment: str, file: UUID) -> Picture | None:
    """Look one picture up by (workspace, environment, id), whether or not it may be named any more."""
    row = await pool.fetchrow(_ONE, workspace, environment, file)
    return Picture(*row) if row else None


async def uses(pool: Pool, workspace: UUID, file: UUID, *, limit: int) -> list[Use]:
    """Return messages that have a picture, the newest first; of a picture for very many, some of them."""
    return [Use(*row) for row in await pool.fetch(_USES, workspace, file, _USES_LOOKED_AT, limit)]
