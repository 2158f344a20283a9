"""Message templates as Meta told of them last."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.tenants import Account
from picha.kit.ids import Ids


@dataclass(frozen=True, slots=True)
class Template:
    """A template in one language. `header` is its kind; `others` tells of places beside those of its body."""

    provider_id: str
    name: str
    language: str
    status: str
    category: str
    is_named: bool
    body: str
    header: str | None
    others: bool
    components: list[dict[str, Any]]
    quality: str | None = None
    rejected_for: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template as it is shown; `sender_id` is the first number of its account."""

    id: UUID
    name: str
    language: str
    status: str
    category: str
    is_named: bool
    body: str
    components: list[dict[str, Any]]
    quality: str | None
    rejected_for: str | None
    is_deleted: bool
    created_at: datetime
    updated_at: datetime
    approved_at: datetime | None
    last_sent_at: datetime | None
    sender_id: UUID | None
    header: str | None
    others: bool


# Meta tells of no times: they are those at which we saw it. What did not change is not written.
_PUT = """
INSERT INTO template (id, workspace_id, account_id, provider_id, name, language, status, category, is_named, body,
    header, others, components, quality, rejected_for, approved_at)
SELECT id, $2, $3, provider_id, name, language, status, category, is_named, body, header, others, components, quality,
    rejected_for, CASE WHEN status = 'APPROVED' THEN now() END
FROM json_to_recordset($1) AS row (id uuid, provider_id text, name text, language text, status text, category text,
    is_named boolean, body text, header text, others boolean, components jsonb, quality text, rejected_for text)
ORDER BY name, language
ON CONFLICT (account_id, name, language) DO UPDATE SET provider_id = excluded.provider_id, status = excluded.status,
    category = excluded.category, is_named = excluded.is_named, body = excluded.body, header = excluded.header,
    others = excluded.others, components = excluded.components, quality = excluded.quality,
    rejected_for = excluded.rejected_for, is_deleted = false, updated_at = now(),
    approved_at = coalesce(template.approved_at, excluded.approved_at)
WHERE (template.provider_id, template.status, template.category, template.is_named, template.body, template.header,
    template.others, template.components, template.quality, template.rejected_for, template.is_deleted)
    IS DISTINCT FROM (excluded.provider_id, excluded.status, excluded.category, excluded.is_named, excluded.body,
    excluded.header, excluded.others, excluded.components, excluded.quality, excluded.rejected_for, false)
"""

_GONE = """
UPDATE template SET is_deleted = true, updated_at = now()
WHERE account_id = $1 AND NOT is_deleted AND NOT EXISTS (
    SELECT FROM unnest($2::text[], $3::text[]) AS kept (name, language)
    WHERE kept.name = template.name AND kept.language = template.language)
"""

_SHOWN = """
SELECT template.id, name, language, status, category, is_named, body, components, quality, rejected_for, is_deleted,
    template.created_at, updated_at, approved_at, last_sent_at,
    (SELECT sender.id FROM sender WHERE sender.account_id = template.account_id ORDER BY is_default DESC, id LIMIT 1),
    header, others
FROM template JOIN account ON account.id = template.account_id
WHERE template.workspace_id = $1 AND account.environment = $2
"""

ORDERS = {
    "updated_desc": ("updated_at", "DESC"),
    "updated_asc": ("updated_at", "ASC"),
    "created_desc": ("template.created_at", "DESC"),
    "name_asc": ("name", "ASC"),
    "name_desc": ("name", "DESC"),
}
"""How a list may be ordered; what is equal there is ordered by id."""

_LIST = """
    AND ($3::uuid IS NULL OR template.account_id = (SELECT account_id FROM sender WHERE id = $3))
    AND ($4::text[] IS NULL OR status = ANY($4)) AND ($5::text[] IS NULL OR category = ANY($5))
    AND ($6::text[] IS NULL OR language = ANY($6))
    AND ($7::text IS NULL OR strpos(lower(name || ' ' || body), lower($7)) > 0)
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which templates to list; None leaves a field open, several values mean any of them."""

    sender_id: UUID | None = None
    statuses: Sequence[str] | None = None
    categories: Sequence[str] | None = None
    languages: Sequence[str] | None = None
    holds: str | None = None
    order: str = "updated_desc"


@dataclass(frozen=True, slots=True)
class Listed:
    """A part of a list and how many there are in all."""

    items: list[TemplateView] = field(default_factory=list)
    total: int = 0


async def put(pool: Pool, account: Account, told: Sequence[Template], ids: Ids) -> None:
    """Keep what Meta told of an account's templates, all of them; what it did not tell of is gone there."""

    async def work(connection: Connection) -> None:
        rows = msgspec.json.encode([{"id": ids.uuid(), **asdict(one)} for one in told]).decode()
        # NUL is what PostgreSQL's text cannot hold.
        rows = rows.replace("\\u0000", "\\ufffd")
        await connection.execute(_PUT, rows, account.workspace_id, account.id)
        await connection.execute(_GONE, account.id, [one.name for one in told], [one.language for one in told])

    await in_transaction(pool, work)


async def get(pool: Pool, workspace: UUID, environment: str, template: UUID) -> TemplateView | None:
    """Look one template up by (workspace, environment, id)."""
    row = await pool.fetchrow(_SHOWN + "AND template.id = $3", workspace, environment, template)
    return TemplateView(*row) if row else None


async def find(pool: Pool, workspace: UUID, environment: str, wanted: Filter, *, limit: int, offset: int) -> Listed:
    """List templates; an account has a few thousand at most, so that a list may read them all."""
    column, direction = ORDERS[wanted.order]
    match = (
        workspace,
        environment,
        wanted.sender_id,
        wanted.statuses,
        wanted.categories,
        wanted.languages,
        wanted.holds,
    )
    ordered = f"{_SHOWN}{_LIST} ORDER BY {column} {direction}, template.id {direction} LIMIT $8 OFFSET $9"
    rows = await pool.fetch(ordered, *match, limit, offset)
    total = await pool.fetchval(f"SELECT count(*) FROM ({_SHOWN}{_LIST}) AS counted", *match)  # noqa: S608 - constants
    return Listed([TemplateView(*row) for row in rows], total)
