"""What Meta tells of numbers and accounts outside any message: kept, and listed for those whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from picha.gateway.domain.facts import Notice
from picha.gateway.store.pool import Connection, Pool
from picha.gateway.store.views import COUNT_TO

_ADD = """
INSERT INTO notice (id, workspace_id, account_id, sender_id, field, code, title, detail, value, received_at)
SELECT * FROM json_to_recordset($1) AS told (id uuid, workspace_id uuid, account_id uuid, sender_id uuid, field text,
    code int, title text, detail text, value jsonb, received_at timestamptz)
ORDER BY id ON CONFLICT (id) DO NOTHING
"""

_FROM = """
FROM notice JOIN account ON account.id = account_id
WHERE notice.workspace_id = $1 AND environment = $2 AND ($3::uuid IS NULL OR sender_id = $3)
"""
_LIST = f"""
SELECT notice.id, account_id, sender_id, field, code, title, detail, value, received_at {_FROM}
ORDER BY notice.id DESC LIMIT $4 OFFSET $5
"""
_COUNT = f"SELECT count(*) FROM (SELECT {_FROM} LIMIT {COUNT_TO + 1}) AS counted"  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice as it is shown."""

    id: UUID
    account_id: UUID
    sender_id: UUID | None
    field: str
    code: int | None
    title: str | None
    detail: str | None
    value: Any
    received_at: datetime


async def add(connection: Connection, notices: Sequence[Notice]) -> None:
    """Keep notices, each once, inside the caller's transaction; NUL, which no text may hold, becomes U+FFFD."""
    if notices:
        await connection.execute(_ADD, msgspec.json.encode(notices).decode().replace("\\u0000", "\\ufffd"))


async def listed(
    pool: Pool, workspace: UUID, environment: str, *, sender: UUID | None, limit: int, offset: int
) -> tuple[list[NoticeView], int]:
    """List notices, newest first, of all numbers and accounts or of one number, with their number to `COUNT_TO` + 1."""
    rows = await pool.fetch(_LIST, workspace, environment, sender, limit, offset)
    return [NoticeView(*row) for row in rows], await pool.fetchval(_COUNT, workspace, environment, sender)
