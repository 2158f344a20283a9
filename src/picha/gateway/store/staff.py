"""The people who work in the inbox: who there is, with which role and password."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from picha.gateway.domain.staff import Role, called
from picha.gateway.store import audit
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.kit.ids import Ids

BUILT_IN = "admin"
"""The name of the admin that `picha up` makes where there is none."""


class PersonRefusedError(Exception):
    """Somebody cannot be added or changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody as they are listed."""

    id: UUID
    workspace_id: UUID
    workspace: str
    name: str
    role: Role
    has_password: bool
    created_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None


_LISTED = """
SELECT person.id, workspace_id, workspace.name, person.name, role, password_hash IS NOT NULL, person.created_at,
    (SELECT max(session.seen_at) FROM session WHERE person_id = person.id), disabled_at
FROM person JOIN workspace ON workspace.id = workspace_id
WHERE ($1::uuid IS NULL OR workspace_id = $1) AND ($2::text IS NULL OR called = $2) ORDER BY person.id
"""
_ADD = """
INSERT INTO person (id, workspace_id, name, called, role) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (called) DO NOTHING RETURNING id
"""
_FIRST_ADMIN = "SELECT id FROM person WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id LIMIT 1"
_MAKE_ADMIN = "UPDATE person SET role = 'admin', disabled_at = NULL WHERE called = $1 RETURNING id, workspace_id"
# In one order, so that of two admins who disable each other at one moment the second sees that nobody would be left.
_ADMINS = """
SELECT id FROM person WHERE role = 'admin' AND disabled_at IS NULL
    AND workspace_id = (SELECT workspace_id FROM person WHERE id = $1) ORDER BY id FOR UPDATE
"""
_SET_ROLE = "UPDATE person SET role = $2 WHERE id = $1 RETURNING workspace_id"
# What is open is closed with them: whoever is disabled is out at once.
_DISABLE = "UPDATE person SET disabled_at = coalesce(disabled_at, now()) WHERE id = $1 RETURNING workspace_id"
_ENABLE = "UPDATE person SET disabled_at = NULL WHERE id = $1 RETURNING workspace_id"
_END_SESSIONS = "DELETE FROM session WHERE person_id = $1"
_END_LINKS = "DELETE FROM sign_in_link WHERE person_id = $1 AND used_at IS NULL"
_SET_PASSWORD = "UPDATE person SET password_hash = $2 WHERE id = $1 RETURNING workspace_id"  # noqa: S105 - a statement
_PASSWORD = "SELECT id, password_hash FROM person WHERE called = $1 AND disabled_at IS NULL"  # noqa: S105 - as above


async def listed(pool: Pool, *, workspace: UUID | None = None, name: str | None = None) -> list[PersonView]:
    """Return the people of one workspace or of all, or the one of this name; disabled ones too."""
    rows = await pool.fetch(_LISTED, workspace, None if name is None else called(name))
    return [PersonView(*row[:4], *(Role(row[4]), *row[5:])) for row in map(tuple, rows)]


async def add(pool: Pool, ids: Ids, workspace: UUID, name: str, role: Role, *, who: str = audit.CLI) -> UUID:
    """Add somebody, who has no password yet; return their id.

    Raises:
        PersonRefusedError: somebody has that name already, in whichever workspace.
    """

    async def work(connection: Connection) -> UUID:
        person: UUID | None = await connection.fetchval(_ADD, ids.uuid(), workspace, name, called(name), role)
        if person is None:
            raise PersonRefusedError(f"Somebody is called {name!r} already; take another name.")
        await _note(connection, "person.added", person, workspace, who, role=role)
        return person

    return await in_transaction(pool, work)


async def ensure_admin(pool: Pool, ids: Ids, workspace: UUID) -> UUID:
    """Return the first admin, made where there is none; one of that name who is no admin, or disabled, becomes one."""

    async def work(connection: Connection) -> UUID:
        person: UUID | None = await connection.fetchval(_FIRST_ADMIN)
        if person is not None:
            return person
        made: UUID | None = await connection.fetchval(_ADD, ids.uuid(), workspace, BUILT_IN, BUILT_IN, Role.ADMIN)
        if made is not None:
            await _note(connection, "person.added", made, workspace, role=Role.ADMIN)
            return made
        row = await connection.fetchrow(_MAKE_ADMIN, BUILT_IN)
        assert row is not None  # noqa: S101 - it was in the way of the row above
        await _note(connection, "person.changed", row["id"], row["workspace_id"], role=Role.ADMIN)
        found: UUID = row["id"]
        return found

    return await in_transaction(pool, work)


async def set_role(pool: Pool, person: UUID, role: Role, *, who: str = audit.CLI, leaves_admin: bool = False) -> None:
    """Change what somebody may do, from their next request on.

    Raises:
        PersonRefusedError: with `leaves_admin`, they are the last admin of their workspace.
    """

    async def work(connection: Connection) -> None:
        if leaves_admin and role is not Role.ADMIN:
            await _demand_another_admin(connection, person)
        workspace = await connection.fetchval(_SET_ROLE, person, role)
        await _note(connection, "person.changed", person, workspace, who, role=role)

    await in_transaction(pool, work)


async def disable(pool: Pool, person: UUID, *, who: str = audit.CLI, leaves_admin: bool = False) -> None:
    """Let somebody in no more: what they have open ends, and links they were given open nothing.

    Raises:
        PersonRefusedError: with `leaves_admin`, they are the last admin of their workspace.
    """

    async def work(connection: Connection) -> None:
        if leaves_admin:
            await _demand_another_admin(connection, person)
        workspace = await connection.fetchval(_DISABLE, person)
        await connection.execute(_END_SESSIONS, person)
        await connection.execute(_END_LINKS, person)
        await _note(connection, "person.disabled", person, workspace, who)

    await in_transaction(pool, work)


async def enable(pool: Pool, person: UUID, *, who: str = audit.CLI) -> None:
    """Let somebody in again who was disabled, with the password that they had."""

    async def work(connection: Connection) -> None:
        workspace = await connection.fetchval(_ENABLE, person)
        await _note(connection, "person.enabled", person, workspace, who)

    await in_transaction(pool, work)


async def password_of(pool: Pool, name: str) -> tuple[UUID, str | None] | None:
    """Return whom a name means and the hash of their password, unless they are disabled or nobody."""
    row: asyncpg.Record | None = await pool.fetchrow(_PASSWORD, called(name))
    return (row["id"], row["password_hash"]) if row else None


async def put_password(connection: Connection, person: UUID, password_hash: str) -> None:
    """Give somebody a new password inside the caller's transaction; whoever came in with the former one is out.

    So is who has a link that was not used yet.
    """
    workspace = await connection.fetchval(_SET_PASSWORD, person, password_hash)
    await connection.execute(_END_SESSIONS, person)
    await connection.execute(_END_LINKS, person)
    await _note(connection, "person.password_set", person, workspace, person.hex)


async def _demand_another_admin(connection: Connection, person: UUID) -> None:
    admins = [row[0] for row in await connection.fetch(_ADMINS, person)]
    if admins == [person]:
        raise PersonRefusedError("They are the last admin of this workspace. Make somebody else an admin first.")


async def _note(
    connection: Connection, deed: str, person: UUID, workspace: UUID | None, who: str = audit.CLI, **about: object
) -> None:
    await audit.note(connection, who, deed, workspace=workspace, about={"person": person, **about})
