"""What may go: files that no message refers to, and then bytes that no file names.

Bytes lie outside the database, so deleting them is no part of a transaction. A blob is therefore *doomed* first, which
is only done while no file names it; then its bytes are deleted, and then its row. Whoever wants to put the same bytes
holds the blob first: that moves its sweep into the future, and waits while it is doomed. A file names a blob only in
the life in which it was held. So a named blob has its bytes, whatever came between.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool, in_transaction

# How long bytes stay after they were put, and files after they ended, whoever lets go of them: longer than any upload,
# and than any send between the look at its file and the commit.
GRACE = timedelta(hours=1)
# A sweeper that doomed a blob has this long to delete its bytes; past it, another one does it again.
DOOM = timedelta(minutes=5)
# A file that ended but is referred to is looked at when a message lets go of it, and this much later in any case.
_AGAIN = timedelta(days=30)
_WAIT_S, _LOOK_S = 10.0, 0.1

_HOLD = """
INSERT INTO blob (digest, sweep_at) VALUES ($1, now() + $2::interval)
ON CONFLICT (digest) DO UPDATE SET sweep_at = excluded.sweep_at WHERE blob.doomed_at IS NULL
RETURNING born
"""

_DUE_FILES = "SELECT id FROM file WHERE sweep_at <= now() ORDER BY sweep_at LIMIT $1 FOR UPDATE SKIP LOCKED"
# A scalar look for each row: as an anti-join, a plan might read the whole index of the messages.
_DROP_FILES = """
DELETE FROM file WHERE id = ANY($1) AND (SELECT true FROM message WHERE file_id = file.id LIMIT 1) IS NULL
    AND (expires_at IS NULL OR expires_at <= now())
RETURNING digest
"""
_LATER = "UPDATE file SET sweep_at = greatest(expires_at, now() + $2::interval) WHERE id = ANY($1)"
# What has no life of its own, because a customer sent it, ends with the message that let go of it.
_LET_GO = """
UPDATE file SET expires_at = coalesce(file.expires_at, now()),
    sweep_at = greatest(file.expires_at, now()) + $2::interval
FROM (SELECT id FROM file WHERE id = ANY($1) ORDER BY id FOR UPDATE) AS named
WHERE file.id = named.id
"""
_LOOK_AT_BLOBS = """
UPDATE blob SET sweep_at = greatest(sweep_at, now())
FROM (SELECT digest FROM blob WHERE digest = ANY($1) ORDER BY digest FOR UPDATE) AS named
WHERE blob.digest = named.digest
"""

_DUE_BLOBS = "SELECT digest FROM blob WHERE sweep_at <= now() ORDER BY sweep_at LIMIT $1 FOR UPDATE SKIP LOCKED"
_DOOM = """
UPDATE blob SET doomed_at = now(), sweep_at = now() + $2::interval
WHERE digest = ANY($1) AND (SELECT true FROM file WHERE file.digest = blob.digest LIMIT 1) IS NULL
RETURNING digest, doomed_at
"""
_KEEP = "UPDATE blob SET sweep_at = NULL WHERE digest = ANY($1)"
# In the order in which all lock blobs, as who looks at some waits for them.
_FORGET = """
DELETE FROM blob
USING (SELECT digest FROM blob WHERE digest = ANY($1) AND doomed_at = $2 ORDER BY digest FOR UPDATE) AS gone
WHERE blob.digest = gone.digest AND doomed_at = $2
"""


class StillDeletingError(OSError):
    """The bytes are being deleted for longer than anybody should wait; putting them again later is right."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """Blobs whose bytes are to be deleted now, and since when they are doomed. `looked` counts what was looked at."""

    digests: Sequence[bytes]
    at: datetime | None
    looked: int


async def hold(pool: Pool, digest: bytes, *, grace: timedelta = GRACE) -> int:
    """Keep the sweep from these bytes for the grace, before they are put, and return which life of theirs this is.

    Raises:
        StillDeletingError: they are being deleted, and that does not come to its end.
    """
    for _ in range(int(_WAIT_S / _LOOK_S)):
        if (born := await pool.fetchval(_HOLD, digest, grace)) is not None:
            return int(born)
        await asyncio.sleep(_LOOK_S)
    raise StillDeletingError("these bytes are being deleted")


async def drop_files(pool: Pool, *, most: int) -> tuple[int, int]:
    """Remove up to `most` files that ended and that no message refers to; return how many were looked at, and went."""

    async def work(connection: Connection) -> tuple[int, int]:
        due = [row[0] for row in await connection.fetch(_DUE_FILES, most)]
        # The rows are locked, and this statement sees all that was committed before they were.
        dropped = [row[0] for row in await connection.fetch(_DROP_FILES, due)]
        await connection.execute(_LATER, due, _AGAIN)
        await connection.execute(_LOOK_AT_BLOBS, dropped)
        return len(due), len(dropped)

    return await in_transaction(pool, work)


async def let_go(connection: Connection, files: Collection[UUID], *, grace: timedelta = GRACE) -> None:
    """Look at files soon, inside the transaction in which a message let go of them."""
    await connection.execute(_LET_GO, list(files), grace)


async def doom(pool: Pool, *, most: int) -> Doomed:
    """Doom up to `most` blobs that no file names; also those whose sweeper did not come back in time."""

    async def work(connection: Connection) -> Doomed:
        due = [row[0] for row in await connection.fetch(_DUE_BLOBS, most)]
        # As above. A file that is being added waits for this lock, and then sees that its blob is doomed.
        doomed = await connection.fetch(_DOOM, due, DOOM)
        digests = [row["digest"] for row in doomed]
        await connection.execute(_KEEP, list(set(due).difference(digests)))
        return Doomed(digests, doomed[0]["doomed_at"] if doomed else None, len(due))

    return await in_transaction(pool, work)


async def forget(pool: Pool, digests: Sequence[bytes], doomed: Doomed) -> None:
    """Forget blobs whose bytes are deleted, unless somebody else has doomed them again meanwhile."""
    await pool.execute(_FORGET, digests, doomed.at)
