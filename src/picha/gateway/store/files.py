"""Pictures by file_id, and the ids that Meta gave their bytes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from asyncpg import Record

from picha.gateway.store import audit, retention
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.retention import GRACE
from picha.images.facts import Note
from picha.kit.crashpoints import crashpoint


class Came(msgspec.Struct, frozen=True):
    """What a picture was before it was changed, in bytes and in pixels as far as they are known."""

    mime_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A stored picture and its facts.

    `changes` says what was altered on the way in and `came` what it was before, `notes` what is worth knowing of it,
    `original_id` names the file that it was made from where that is kept. Only what `is_fit` may be sent.
    """

    id: UUID
    workspace_id: UUID
    environment: str
    digest: bytes
    mime_type: str
    size_bytes: int
    width: int | None
    height: int | None
    created_at: datetime
    expires_at: datetime | None = None
    changes: Sequence[str] = ()
    is_fit: bool = True
    original_id: UUID | None = None
    notes: Sequence[Note] = ()
    came: Came | None = None


_COLUMNS = (
    "id, workspace_id, environment, digest, mime_type, size_bytes, width, height, created_at, expires_at, changes,"
    " is_fit, original_id, notes, came"
)


_RETIRE = "UPDATE file SET expires_at = now(), sweep_at = now() + $2::interval WHERE id = $1"
_NAME = f"""
INSERT INTO file ({_COLUMNS}, sweep_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $16, $17,
    coalesce($10::timestamptz, $9::timestamptz) + $15::interval
FROM blob WHERE digest = $4 AND born = $14 AND doomed_at IS NULL FOR KEY SHARE
"""  # noqa: S608 - constants


async def add(pool: Pool, file: File, put: Callable[[], Awaitable[object]], *, grace: timedelta = GRACE) -> None:
    """Name bytes, after `put` has put them into the blob store; they stay as long as the file does.

    Between the first word to the sweep and the name, the bytes may be swept away by others who let go of them. That is
    seen, and they are put again.

    Raises:
        StillDeletingError: these bytes are being deleted, and that does not come to its end.
    """
    while True:
        born = await retention.hold(pool, file.digest, grace=grace)
        crashpoint("picture_before_put")
        await put()
        crashpoint("picture_before_name")
        if await _name(pool, file, born, grace):
            crashpoint("picture_after_name")
            return


async def _name(pool: Pool, file: File, born: int, grace: timedelta) -> bool:
    done = await pool.execute(
        _NAME,
        file.id,
        file.workspace_id,
        file.environment,
        file.digest,
        file.mime_type,
        file.size_bytes,
        file.width,
        file.height,
        file.created_at,
        file.expires_at,
        list(file.changes),
        file.is_fit,
        file.original_id,
        born,
        grace,
        list(file.notes),
        file.came,
    )
    return done == "INSERT 0 1"


async def retire(pool: Pool, file: UUID, *, grace: timedelta = GRACE, noting: audit.Noting | None = None) -> None:
    """Let nobody name a picture any more, and note that; messages that have it keep it."""

    async def work(connection: Connection) -> None:
        await connection.execute(_RETIRE, file, grace)
        if noting is not None:
            await noting(connection)

    await in_transaction(pool, work)


async def find(pool: Pool, workspace: UUID, environment: str, file: UUID) -> File | None:
    """Look a picture up that may still be named, by (workspace, environment, id)."""
    row = await pool.fetchrow(
        f"SELECT {_COLUMNS} FROM file WHERE workspace_id = $1 AND environment = $2 AND id = $3"  # noqa: S608 - constants
        " AND (expires_at IS NULL OR expires_at > now())",
        workspace,
        environment,
        file,
    )
    return _file(row)


async def kept(pool: Pool, workspace: UUID, environment: str, file: UUID) -> File | None:
    """Look a picture up by (workspace, environment, id) that lies here, also one that may no longer be named."""
    row = await pool.fetchrow(
        f"SELECT {_COLUMNS} FROM file WHERE workspace_id = $1 AND environment = $2 AND id = $3",  # noqa: S608 - constants
        workspace,
        environment,
        file,
    )
    return _file(row)


async def find_anywhere(pool: Pool, file: UUID) -> File | None:
    """Look a picture up by id alone, for a signed link that must then hold for its workspace."""
    row = await pool.fetchrow(f"SELECT {_COLUMNS} FROM file WHERE id = $1", file)  # noqa: S608 - constants
    return _file(row)


def _file(row: Record | None) -> File | None:
    if row is None:
        return None
    notes, came = msgspec.convert((row["notes"], row["came"]), tuple[list[Note], Came | None])
    return replace(File(*row), notes=notes, came=came)


@dataclass(frozen=True, slots=True)
class MediaId:
    """Meta's id for bytes on one number, and when it dies there."""

    media_id: str
    expires_at: datetime


async def media_id(pool: Pool, sender: UUID, digest: bytes, *, alive_at: datetime) -> MediaId | None:
    """Return Meta's id for these bytes on this number, if it still lives at `alive_at`."""
    row = await pool.fetchrow(
        "SELECT media_id, expires_at FROM uploaded_media WHERE sender_id = $1 AND digest = $2 AND expires_at > $3",
        sender,
        digest,
        alive_at,
    )
    return MediaId(*row) if row else None


async def remember_media_id(pool: Pool, *, workspace: UUID, sender: UUID, digest: bytes, found: MediaId) -> None:
    """Keep Meta's id for these bytes on this number, in place of an older one."""
    await pool.execute(
        "INSERT INTO uploaded_media (workspace_id, sender_id, digest, media_id, expires_at) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (sender_id, digest) DO UPDATE SET media_id = excluded.media_id, expires_at = excluded.expires_at",
        workspace,
        sender,
        digest,
        found.media_id,
        found.expires_at,
    )


async def forget_media_id(pool: Pool, sender: UUID, digest: bytes, media_id: str) -> None:
    """Remove an id that Meta no longer knows, unless it was replaced meanwhile."""
    await pool.execute(
        "DELETE FROM uploaded_media WHERE sender_id = $1 AND digest = $2 AND media_id = $3", sender, digest, media_id
    )
