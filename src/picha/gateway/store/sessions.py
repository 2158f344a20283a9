"""Who is signed in, the links that let people in once, and how often a password was tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from picha.gateway.domain.caps import Cap
from picha.gateway.domain.staff import (
    LINK_LIVES,
    SESSION_IDLES,
    SESSION_LIVES,
    TRIES,
    TRIES_WITHIN,
    Role,
    digest_of,
    fresh_token,
)
from picha.gateway.store import audit, keys, staff
from picha.gateway.store.pool import Connection, Pool, in_transaction


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in, the environments in which their workspace has numbers, and its caps."""

    id: UUID
    workspace_id: UUID
    workspace: str
    name: str
    role: Role
    has_password: bool
    environments: frozenset[str]
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom a link lets in, or would have: `is_good` tells whether it still does."""

    person_id: UUID
    name: str
    has_password: bool
    is_good: bool
    is_used: bool


# A session that is used says so now and then, and no more often: each page would write otherwise.
_SEEN_EVERY = timedelta(minutes=10)
_FIND = """
SELECT person.id, workspace_id, workspace.name, person.name, role, password_hash IS NOT NULL,
    ARRAY(SELECT DISTINCT environment FROM sender WHERE sender.workspace_id = person.workspace_id),
    session.seen_at < now() - $2::interval AS is_stale,
    workspace.per_day AS workspace_per_day, workspace.per_month AS workspace_per_month
FROM session JOIN person ON person.id = person_id JOIN workspace ON workspace.id = workspace_id
WHERE digest = $1 AND disabled_at IS NULL AND session.expires_at > now() AND session.seen_at > now() - $3::interval
"""
_SEE = "UPDATE session SET seen_at = now() WHERE digest = $1"
_BEGIN = "INSERT INTO session (digest, person_id, expires_at) VALUES ($1, $2, now() + $3::interval)"
_END = "DELETE FROM session WHERE digest = $1"
_END_ALL = """
WITH links AS (DELETE FROM sign_in_link WHERE person_id = $1 AND used_at IS NULL)
DELETE FROM session WHERE person_id = $1 RETURNING digest
"""
_WORKSPACE_OF = "SELECT workspace_id FROM person WHERE id = $1"

_INVITE = "INSERT INTO sign_in_link (digest, person_id, expires_at) VALUES ($1, $2, now() + $3::interval)"
_INVITED = """
SELECT person_id, name, password_hash IS NOT NULL, used_at IS NULL AND expires_at > now() AND disabled_at IS NULL,
    used_at IS NOT NULL
FROM sign_in_link JOIN person ON person.id = person_id WHERE digest = $1
"""
# Whoever comes at the same moment finds it used.
_USE = """
UPDATE sign_in_link SET used_at = now() FROM person
WHERE digest = $1 AND used_at IS NULL AND expires_at > now() AND person.id = person_id AND disabled_at IS NULL
RETURNING person_id, workspace_id
"""

# Rows first, then their locks in one order: whoever tries the same waits, and is counted after.
_SUBJECTS = "INSERT INTO sign_in_try (subject) SELECT unnest($1::bytea[]) ON CONFLICT (subject) DO NOTHING"
_LATELY = """
SELECT subject, ARRAY(SELECT one FROM unnest(tried_at) AS one WHERE one > now() - $2::interval ORDER BY one) AS recent
FROM sign_in_try WHERE subject = ANY($1::bytea[])
"""
_RECENT = f"{_LATELY} ORDER BY subject FOR UPDATE"
_TRY = """
UPDATE sign_in_try SET last_at = now(), tried_at = now() ||
    ARRAY(SELECT one FROM unnest(tried_at) AS one WHERE one > now() - $2::interval ORDER BY one DESC)
WHERE subject = ANY($1::bytea[])
"""
_TAKE_BACK = "UPDATE sign_in_try SET tried_at = tried_at[2:] WHERE subject = $1"

_DROP = (
    """
DELETE FROM session WHERE digest = ANY(ARRAY(
    SELECT digest FROM session WHERE seen_at < now() - $2::interval LIMIT $1 FOR UPDATE SKIP LOCKED))
""",
    """
DELETE FROM sign_in_link WHERE digest = ANY(ARRAY(
    SELECT digest FROM sign_in_link WHERE expires_at < now() - $2::interval LIMIT $1 FOR UPDATE SKIP LOCKED))
""",
    """
DELETE FROM sign_in_try WHERE subject = ANY(ARRAY(
    SELECT subject FROM sign_in_try WHERE last_at < now() - $2::interval LIMIT $1 FOR UPDATE SKIP LOCKED))
""",
)


async def find(pool: Pool, digest: bytes) -> SignedIn | None:
    """Return whose session this is; one that ended, or of somebody who is disabled, is not found."""
    row = await pool.fetchrow(_FIND, digest, _SEEN_EVERY, SESSION_IDLES)
    if row is None:
        return None
    if row["is_stale"]:
        await pool.execute(_SEE, digest)
    person, workspace, workspace_name, name, role, has_password, environments, *_ = row
    caps = tuple(keys.workspace_caps(row))
    return SignedIn(person, workspace, workspace_name, name, Role(role), has_password, frozenset(environments), caps)


async def begin(pool: Pool, person: UUID) -> str:
    """Sign somebody in who gave the right password; return their new token."""
    token = fresh_token()
    await pool.execute(_BEGIN, digest_of(token), person, SESSION_LIVES)
    return token


async def end(pool: Pool, digest: bytes) -> None:
    """Sign a session out."""
    await pool.execute(_END, digest)


async def end_all(pool: Pool, person: UUID) -> int:
    """Sign somebody out everywhere, with the links that they have not used; return of how many sessions."""
    return len(await pool.fetch(_END_ALL, person))


async def invite(pool: Pool, person: UUID, *, who: str = audit.CLI) -> str:
    """Make a link for somebody; return its token. Links that they were given before go on."""
    token = fresh_token()

    async def work(connection: Connection) -> None:
        await connection.execute(_INVITE, digest_of(token), person, LINK_LIVES)
        workspace = await connection.fetchval(_WORKSPACE_OF, person)
        await audit.note(connection, who, "person.invited", workspace=workspace, about={"person": person})

    await in_transaction(pool, work)
    return token


async def invited(pool: Pool, token: str) -> Invited | None:
    """Return whom a link is for, without using it."""
    row = await pool.fetchrow(_INVITED, digest_of(token))
    return Invited(*row) if row else None


async def accept(pool: Pool, token: str, password_hash: str | None) -> str | None:
    """Use a link up, and sign its person in, with a new password if there is one; return the token of their session.

    None where the link lets nobody in any more.
    """
    session = fresh_token()

    async def work(connection: Connection) -> str | None:
        row = await connection.fetchrow(_USE, digest_of(token))
        if row is None:
            return None
        person, workspace = row
        if password_hash is not None:
            await staff.put_password(connection, person, password_hash)
        await connection.execute(_BEGIN, digest_of(session), person, SESSION_LIVES)
        about = {"person": person}
        await audit.note(connection, person.hex, "person.signed_in_by_link", workspace=workspace, about=about)
        return session

    return await in_transaction(pool, work)


async def change_password(pool: Pool, person: UUID, password_hash: str) -> str:
    """Give somebody a new password; they are signed out everywhere, and the token returned is of a new session."""
    session = fresh_token()

    async def work(connection: Connection) -> str:
        await staff.put_password(connection, person, password_hash)
        await connection.execute(_BEGIN, digest_of(session), person, SESSION_LIVES)
        return session

    return await in_transaction(pool, work)


async def attempt(pool: Pool, subjects: Sequence[bytes]) -> datetime | None:
    """Count a try of a password for each subject; where one had too many, count none and return when the next may be.

    The count is one for all processes, and stands before the password is looked at: who comes at once is counted, too.
    """
    # Who is shut out writes nothing more.
    if until := _full_until(await pool.fetch(_LATELY, subjects, TRIES_WITHIN)):
        return until

    async def work(connection: Connection) -> datetime | None:
        await connection.execute(_SUBJECTS, sorted(subjects))
        if until := _full_until(await connection.fetch(_RECENT, subjects, TRIES_WITHIN)):
            return until
        await connection.execute(_TRY, subjects, TRIES_WITHIN)
        return None

    return await in_transaction(pool, work)


def _full_until(rows: Sequence[asyncpg.Record]) -> datetime | None:
    """Return when the next try may be, None for now."""
    full: list[datetime] = [row["recent"][-TRIES] + TRIES_WITHIN for row in rows if len(row["recent"]) >= TRIES]
    return max(full, default=None)


async def forgive(pool: Pool, subjects: Sequence[bytes]) -> None:
    """Take one try back, as its password was right, and no more: others may be guessing at the same time."""

    async def work(connection: Connection) -> None:
        # In the order in which `attempt` locks them.
        for subject in sorted(subjects):
            await connection.execute(_TAKE_BACK, subject)

    await in_transaction(pool, work)


async def drop(pool: Pool, *, most: int) -> int:
    """Forget up to `most` sessions, links and series of tries that have ended; return how many."""
    gone = 0
    for statement, after in zip(_DROP, (SESSION_IDLES, LINK_LIVES, TRIES_WITHIN), strict=True):
        gone += int((await pool.execute(statement, most - gone, after)).rpartition(" ")[2])
    return gone
