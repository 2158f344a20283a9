"""API keys: who a presented key speaks for, and how keys are made, rotated and revoked."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from picha.gateway.domain.caps import Cap
from picha.gateway.domain.keys import PresentedKey, Scope
from picha.gateway.store import audit
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.tenants import App
from picha.kit.ids import Ids

EVERYTHING = frozenset(Scope)

_IS_ACTIVE = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"


class KeyRefusedError(Exception):
    """A key cannot be made, rotated or revoked; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An active API key: whose it is, what it may do and how much, and the SHA-256 that a presented key must have."""

    workspace_id: UUID
    app_id: UUID
    environment: str
    scopes: frozenset[Scope]
    digest: bytes
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as it is listed: its public part, and nothing of its secret."""

    public_id: str
    name: str
    environment: str
    scopes: frozenset[Scope]
    workspace_id: UUID
    workspace: str
    app_id: UUID
    app: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_active: bool
    per_day: int | None
    per_month: int | None


_FIND = f"""
SELECT workspace_id, app_id, environment, scopes, digest, line, api_key.per_day, api_key.per_month,
    workspace.per_day AS workspace_per_day, workspace.per_month AS workspace_per_month
FROM api_key JOIN workspace ON workspace.id = workspace_id WHERE public_id = $1 AND {_IS_ACTIVE}
"""  # noqa: S608 - constants of this module only

_LISTED = f"""
SELECT public_id, api_key.name, environment, scopes, workspace.id, workspace.name, app.id, app.name,
    api_key.created_at, expires_at, revoked_at, last_used_at, {_IS_ACTIVE}, api_key.per_day, api_key.per_month
FROM api_key JOIN app ON app.id = app_id JOIN workspace ON workspace.id = api_key.workspace_id
WHERE ($1::uuid IS NULL OR app_id = $1) AND ($2::text IS NULL OR public_id = $2)
    AND ($3::uuid IS NULL OR api_key.workspace_id = $3) ORDER BY api_key.id
"""  # noqa: S608 - as above

_NAMED = f"""
SELECT public_id FROM api_key WHERE app_id = $1 AND environment = $2 AND name = $3 AND {_IS_ACTIVE}
"""  # noqa: S608 - as above

_ADD = """
INSERT INTO api_key (id, workspace_id, app_id, environment, public_id, digest, name, scopes, line)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $1)
"""

_INHERIT = """
INSERT INTO api_key (id, workspace_id, app_id, environment, public_id, digest, name, scopes, line, per_day, per_month)
SELECT $1, workspace_id, app_id, environment, $2, $3, name, scopes, line, per_day, per_month
FROM api_key WHERE public_id = $4
"""

# A key that was rotated and its heir have one cap.
_CAP = f"""
UPDATE api_key SET per_day = CASE WHEN $2::int IS NULL THEN per_day WHEN $2 >= 0 THEN $2 END,
    per_month = CASE WHEN $3::int IS NULL THEN per_month WHEN $3 >= 0 THEN $3 END
WHERE line = (SELECT line FROM api_key WHERE public_id = $1 AND {_IS_ACTIVE})
RETURNING workspace_id, per_day, per_month
"""  # noqa: S608 - as above

_END = f"""
UPDATE api_key SET expires_at = now() + $2::interval WHERE public_id = $1 AND expires_at IS NULL AND {_IS_ACTIVE}
RETURNING expires_at, workspace_id
"""  # noqa: S608 - as above

_REVOKE = f"UPDATE api_key SET revoked_at = now() WHERE public_id = $1 AND {_IS_ACTIVE} RETURNING workspace_id"  # noqa: S608 - as above


# Several processes tell of one key; locked in one order, so that they do not wait for each other in a ring.
_USED = """
WITH used AS (
    SELECT id FROM api_key WHERE public_id = ANY($1)
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 min') ORDER BY id FOR NO KEY UPDATE
)
UPDATE api_key SET last_used_at = now() FROM used WHERE api_key.id = used.id
"""


async def find(pool: Pool, public_id: str) -> KeyRow | None:
    """Look a key up by the public part of its text; one that was revoked or has ended is not found."""
    row = await pool.fetchrow(_FIND, public_id)
    if row is None:
        return None
    whose = row["workspace_id"], row["app_id"], row["environment"]
    return KeyRow(*whose, _scopes(row["scopes"]), row["digest"], tuple(caps_of(row)))


async def listed(
    pool: Pool, *, app: UUID | None = None, only: str | None = None, workspace: UUID | None = None
) -> list[KeyView]:
    """Return the keys of one app or of all, or the one with this public part; revoked and ended ones too.

    With `workspace` none of any other is found.
    """
    rows = await pool.fetch(_LISTED, app, only, workspace)
    return [KeyView(*row[:3], *(_scopes(row[3]), *row[4:])) for row in map(tuple, rows)]


async def add(
    pool: Pool,
    ids: Ids,
    app: App,
    key: PresentedKey,
    *,
    name: str = "",
    scopes: Collection[Scope] = EVERYTHING,
    who: str = audit.CLI,
) -> None:
    """Let a key speak for an app; only its digest is stored.

    Raises:
        KeyRefusedError: an active key of the app's has that name in the same environment.
    """
    async with pool.acquire() as connection, connection.transaction():
        # Whoever makes a key of the same app waits, and then sees this one's name.
        await connection.execute("SELECT FROM app WHERE id = $1 FOR NO KEY UPDATE", app.app_id)
        taken = name and await connection.fetchval(_NAMED, app.app_id, key.environment, name)
        if taken:
            raise KeyRefusedError(
                f"The key {taken} of this app is called {name!r} already: rotate it, revoke it, or take another --name."
            )
        of = (app.workspace_id, app.app_id, key.environment, key.public_id, key.digest)
        await connection.execute(_ADD, ids.uuid(), *of, name, sorted(scopes))
        about = {"key": key.public_id, "app": app.app_id, "environment": key.environment, "scopes": sorted(scopes)}
        await audit.note(connection, who, "key.created", workspace=app.workspace_id, about=about)


async def rotate(
    pool: Pool, ids: Ids, public_id: str, heir: PresentedKey, overlap: timedelta, *, who: str = audit.CLI
) -> datetime:
    """Make `heir` speak for whom a key speaks, with its name and scopes; return when the former key ends.

    `heir` is of the same environment.

    Raises:
        KeyRefusedError: the key is not active, or was rotated already.
    """
    async with pool.acquire() as connection, connection.transaction():
        ended = await connection.fetchrow(_END, public_id, overlap)
        if ended is None:
            raise KeyRefusedError(
                f"No key {public_id} can be rotated: it is not there, was revoked, or was rotated already and ends by "
                "itself. `picha keys list --all` tells which, and what took its place."
            )
        await connection.execute(_INHERIT, ids.uuid(), heir.public_id, heir.digest, public_id)
        ends_at: datetime = ended["expires_at"]
        about = {"key": public_id, "heir": heir.public_id, "former_ends_at": ends_at}
        await audit.note(connection, who, "key.rotated", workspace=ended["workspace_id"], about=about)
    return ends_at


async def revoke(pool: Pool, public_id: str, *, who: str = audit.CLI) -> None:
    """Let a key speak for nobody from now on.

    Raises:
        KeyRefusedError: no active key has that public part.
    """

    async def work(connection: Connection) -> None:
        workspace = await connection.fetchval(_REVOKE, public_id)
        if workspace is None:
            raise KeyRefusedError(f"No key {public_id} is active; `picha keys list` tells which are.")
        await audit.note(connection, who, "key.revoked", workspace=workspace, about={"key": public_id})

    await in_transaction(pool, work)


async def note_uses(pool: Pool, used: Collection[str]) -> None:
    """Write down that the keys with these public parts were used just now; to the minute, whoever says so."""
    if used:
        await pool.execute(_USED, sorted(used))


async def cap(pool: Pool, public_id: str, *, per_day: int | None, per_month: int | None) -> None:
    """Cap what a key and its heirs may send: None leaves a cap as it is, and less than 0 takes it away.

    Raises:
        KeyRefusedError: no active key has that public part.
    """

    async def work(connection: Connection) -> None:
        row = await connection.fetchrow(_CAP, public_id, per_day, per_month)
        if row is None:
            raise KeyRefusedError(f"No key {public_id} is active; `picha keys list` tells which are.")
        about = {"key": public_id, "per_day": row["per_day"], "per_month": row["per_month"]}
        await audit.note(connection, audit.CLI, "key.capped", workspace=row["workspace_id"], about=about)

    await in_transaction(pool, work)


def caps_of(row: asyncpg.Record) -> Iterator[Cap]:
    """Yield what a row tells of a key's line and its caps, and of those of its `workspace_id`."""
    yield from _caps(row["line"], "key", row["per_day"], row["per_month"])
    yield from workspace_caps(row)


def workspace_caps(row: asyncpg.Record) -> Iterator[Cap]:
    """Yield what a row tells of the caps of its `workspace_id`."""
    yield from _caps(row["workspace_id"], "workspace", row["workspace_per_day"], row["workspace_per_month"])


def _caps(owner: UUID, whose: Literal["key", "workspace"], per_day: int | None, per_month: int | None) -> Iterator[Cap]:
    if per_day is not None:
        yield Cap(owner, whose, "day", per_day)
    if per_month is not None:
        yield Cap(owner, whose, "month", per_month)


def _scopes(words: Collection[str]) -> frozenset[Scope]:
    return frozenset(map(Scope, words))
