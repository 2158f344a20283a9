"""Idempotency keys: what was answered to each, so that asking again answers the same and does nothing.

A key belongs to a workspace and one of its environments. It is taken in the transaction of what it is for, so that
there is no moment in which one is known without the other. What calls out first, or is done in many transactions,
claims its key first, for as long as it may take, and keeps its answer when it is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from picha.gateway.domain.once import Once
from picha.gateway.store.pool import Connection, Pool

# A claim may be taken over after this long: its owner died, or does what does no harm when it is done twice.
CLAIM = timedelta(seconds=60)
# How long an answer is kept.
KEPT = timedelta(days=7)

_FIND = """
SELECT workspace_id, environment, key, fingerprint, status, answer,
    greatest(1, ceil(extract(epoch FROM claimed_until - clock_timestamp())))::int AS busy_s
FROM replay JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS asked (workspace_id, environment, key)
    USING (workspace_id, environment, key)
"""

# In the order of keys, as all take them: whoever comes second waits until the first is committed, and takes none.
_TAKE = """
INSERT INTO replay (workspace_id, environment, key, fingerprint, status, answer, created_at)
SELECT *, clock_timestamp() FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::smallint[], $6::jsonb[])
    AS taken (workspace_id, environment, key, fingerprint, status, answer)
ORDER BY workspace_id, environment, key ON CONFLICT DO NOTHING
RETURNING workspace_id, environment, key
"""

_CLAIM = """
INSERT INTO replay AS old (workspace_id, environment, key, fingerprint, claimed_until, created_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval, clock_timestamp())
ON CONFLICT (workspace_id, environment, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, claimed_until = excluded.claimed_until
    WHERE old.answer IS NULL AND old.claimed_until < clock_timestamp()
RETURNING claimed_until
"""
_KEEP = """
UPDATE replay SET answer = $5, status = $6, claimed_until = NULL
WHERE workspace_id = $1 AND environment = $2 AND key = $3 AND claimed_until = $4
"""
_GIVE_BACK = "DELETE FROM replay WHERE workspace_id = $1 AND environment = $2 AND key = $3 AND claimed_until = $4"

_DROP = """
DELETE FROM replay WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM replay WHERE created_at < now() - $2::interval ORDER BY created_at LIMIT $1
    FOR UPDATE SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """What is known of a key: for which request it was used, and the answer, None while the first is being made.

    `busy_s` is in how many seconds that is over at the latest.
    """

    fingerprint: bytes
    status: int | None
    answer: Any
    busy_s: int | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A key that is taken in the caller's transaction, with the answer that it stands for, if that is known by then."""

    workspace_id: UUID
    environment: str
    once: Once
    status: int | None = None
    answer: Any = None


async def find(pool: Pool, asked: Sequence[tuple[UUID, str, str]]) -> dict[tuple[UUID, str, str], Replay]:
    """Return what is known of keys, each named by its workspace, environment and text."""
    rows = await pool.fetch(_FIND, *map(list, zip(*asked, strict=True))) if asked else []
    return {(row[0], row[1], row[2]): Replay(*row[3:]) for row in map(tuple, rows)}


async def take(connection: Connection, wanted: Sequence[Taken]) -> list[bool]:
    """Take keys inside the caller's transaction; answer in order which ones were free."""
    rows = await connection.fetch(
        _TAKE,
        [one.workspace_id for one in wanted],
        [one.environment for one in wanted],
        [one.once.key for one in wanted],
        [one.once.fingerprint for one in wanted],
        [one.status for one in wanted],
        [one.answer for one in wanted],
    )
    free = {tuple(row) for row in rows}
    taken = []
    for one in wanted:
        # Of several with one key in a batch the first has it.
        name = (one.workspace_id, one.environment, one.once.key)
        taken.append(name in free)
        free.discard(name)
    return taken


_ANSWER = "UPDATE replay SET status = $4, answer = $5 WHERE workspace_id = $1 AND environment = $2 AND key = $3"


async def answer(connection: Connection, workspace: UUID, environment: str, key: str, told: tuple[int, Any]) -> None:
    """Keep the status and the answer for a key that was taken without them in the caller's transaction."""
    await connection.execute(_ANSWER, workspace, environment, key, *told)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make the first answer to a key; `until` names this claim among those of other owners."""

    workspace_id: UUID
    environment: str
    key: str
    until: Any


async def claim(pool: Pool, workspace: UUID, environment: str, once: Once) -> Claim | None:
    """Claim a key for as long as its first request may take; None when somebody has it or it is answered."""
    until = await pool.fetchval(_CLAIM, workspace, environment, once.key, once.fingerprint, CLAIM)
    return Claim(workspace, environment, once.key, until) if until else None


async def keep(pool: Pool, claimed: Claim, *, status: int, answer: Any) -> None:
    """Keep the answer of what was claimed, unless the claim ran out and another has it."""
    await pool.execute(_KEEP, claimed.workspace_id, claimed.environment, claimed.key, claimed.until, answer, status)


async def give_back(pool: Pool, claimed: Claim) -> None:
    """Let go of a key whose request was refused or failed: only what took effect is kept."""
    await pool.execute(_GIVE_BACK, claimed.workspace_id, claimed.environment, claimed.key, claimed.until)


async def drop(pool: Pool, *, most: int) -> int:
    """Forget up to `most` keys that are kept long enough; return how many."""
    return int((await pool.execute(_DROP, most, KEPT)).rpartition(" ")[2])
