"""What people who run the gateway did, and whoever has a key that manages: append-only, each row sealed by the next.

The database chains the rows by itself (a trigger), in the transaction of the deed, and lets the programs' role add
rows and nothing else. Checking is done here, from the rows alone, so that it does not trust what wrote them.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from picha.gateway.store.pool import Connection, Pool

Noting: TypeAlias = Callable[[Connection], Awaitable[None]]

CLI = "cli"
"""Who did it, where that was the command line; otherwise the public id of a key."""

_ADD = "INSERT INTO audit (workspace_id, who, deed, about) VALUES ($1, $2, $3, $4)"
_ADD_OF_SENDER = """
INSERT INTO audit (workspace_id, who, deed, about)
SELECT workspace_id, $2, $3, jsonb_build_object('sender', id) || $4 FROM sender WHERE id = $1
"""
_LISTED = """
SELECT seq, at, workspace_id, who, deed, about, hash FROM audit
WHERE ($1::uuid IS NULL OR workspace_id = $1) ORDER BY seq DESC LIMIT $2
"""
_NEXT = """
SELECT seq, (extract(epoch FROM at) * 1000000)::bigint AS micros, workspace_id, who, deed, about::text AS about, hash
FROM audit WHERE seq > $1 ORDER BY seq LIMIT 1000
"""
_ENDS = "SELECT seq, hash, gone_seq, gone_hash FROM audit_chain"
_LET_GO = "SELECT let_go_of_audit($1, $2)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed: when, in which workspace (None: of the whole gateway), who, what, and the ids that it is about."""

    seq: int
    at: datetime
    workspace_id: UUID | None
    who: str
    deed: str
    about: dict[str, Any]
    hash: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: how many rows hold, the hash at the end, and what is wrong, in words, if anything is."""

    rows: int
    head: str
    trouble: str | None


async def note(
    connection: Connection, who: str, deed: str, *, workspace: UUID | None = None, about: Mapping[str, Any]
) -> None:
    """Add a deed inside the caller's transaction, as its last statement: others who add wait until it is committed.

    `about` has ids and counts; never a secret, a phone number or a wamid.
    """
    await connection.execute(_ADD, workspace, who, deed, msgspec.to_builtins(about))


def noting(who: str | None, deed: str, *, workspace: UUID, **about: Any) -> Noting | None:
    """Return what adds a deed to the transaction of whoever does it, as `note` does; None where nobody is noted."""
    if who is None:
        return None
    return lambda connection: note(connection, who, deed, workspace=workspace, about=about)


async def note_of_sender(connection: Connection, sender: UUID, who: str, deed: str, **about: Any) -> None:
    """Add a deed that is about a number, as `note` does, in the number's workspace."""
    await connection.execute(_ADD_OF_SENDER, sender, who, deed, msgspec.to_builtins(about))


async def listed(pool: Pool, workspace: UUID | None, *, most: int) -> list[Entry]:
    """Return the newest deeds, of one workspace or of all."""
    return [Entry(*row) for row in await pool.fetch(_LISTED, workspace, most)]


async def verify(pool: Pool, *, known: str | None = None) -> Verdict:
    """Check that no row was changed, removed or put in between, from the oldest that is kept to the newest.

    `known` is a hash that was told earlier: the chain must go through it. That also finds a chain that was made anew.
    """
    # All rows and both ends as of one moment.
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        last_seq, last_hash, seq, hash_ = await connection.fetchrow(_ENDS) or (0, b"", 0, b"")
        rows, is_known = 0, known in {None, hash_.hex()}
        async for row in _all(connection, seq):
            if row["seq"] != seq + 1:
                return Verdict(rows, hash_.hex(), f"Between {seq} and {row['seq']} rows are missing.")
            if _hashed(hash_, row) != row["hash"]:
                return Verdict(
                    rows, hash_.hex(), f"Row {row['seq']} is not what was written, or the one before it is not."
                )
            seq, hash_, rows = row["seq"], row["hash"], rows + 1
            is_known = is_known or hash_.hex() == known
    if (seq, hash_) != (last_seq, last_hash):
        return Verdict(rows, hash_.hex(), f"The rows end with {seq}, and the last that was written is {last_seq}.")
    if not is_known:
        return Verdict(rows, hash_.hex(), "No row has the hash that was told earlier: the chain was made anew.")
    return Verdict(rows, hash_.hex(), None)


async def let_go(pool: Pool, *, after: timedelta, most: int) -> int:
    """Delete up to `most` of the oldest rows that are older than that, at least a year; return how many."""
    return int(await pool.fetchval(_LET_GO, after, most))


async def _all(connection: Connection, after: int) -> AsyncIterator[asyncpg.Record]:
    while rows := await connection.fetch(_NEXT, after):
        for row in rows:
            yield row
        after = rows[-1]["seq"]


def _hashed(before: bytes, row: asyncpg.Record) -> bytes:
    """Return a row's hash as the migration's `chain_audit` makes it."""
    fields = (row["seq"], row["micros"], row["workspace_id"] or "", row["who"], row["deed"], row["about"])
    return hashlib.sha256(before + "\n".join(map(str, fields)).encode()).digest()
