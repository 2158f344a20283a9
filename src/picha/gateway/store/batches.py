"""Batches: one picture for many recipients, kept whole before they are accepted, and looked at while they are.

What becomes of a recipient is written by the ledger, with the message (`ledger.enlist`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from picha.gateway.domain.caps import Cap
from picha.gateway.domain.outcomes import OnUnknown
from picha.gateway.store import replays
from picha.gateway.store.keys import caps_of
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.replays import Taken
from picha.gateway.store.walks import Step
from picha.images.plan import Policy
from picha.kit.crashpoints import crashpoint

_KEEP = """
INSERT INTO batch (id, workspace_id, app_id, environment, sender, sender_id, media_url, file_id, caption, image_policy,
    is_high, on_unknown, expires_at, total, refused, created_at, key, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, clock_timestamp())
"""
_LIST = """
INSERT INTO batch_recipient (batch_id, place, recipient, conversation_id, caption, client_reference, code, detail,
    field)
SELECT $1, row.* FROM unnest($2::int[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[]) AS row
"""
_RING = "SELECT pg_notify('picha_batch', '')"
# Whose turn was the longest ago comes first, so that batches of a workspace go on side by side. The caps are as they
# are now; those of a key that was rotated or revoked are its line's.
_DUE = """
SELECT batch.id, batch.workspace_id, batch.app_id, batch.environment, sender, sender_id, media_url, file_id, caption,
    image_policy, is_high, on_unknown, batch.expires_at, total, upto, tries, cancelled_at IS NOT NULL,
    line, api_key.per_day, api_key.per_month,
    workspace.per_day AS workspace_per_day, workspace.per_month AS workspace_per_month
FROM batch JOIN workspace ON workspace.id = batch.workspace_id LEFT JOIN api_key ON public_id = batch.key
WHERE batch.workspace_id = $1 AND due_at <= now() AND batch.id <> ALL($2::uuid[]) ORDER BY due_at LIMIT $3
"""
_NEXT = """
SELECT place, recipient, conversation_id, caption, client_reference, code IS NOT NULL
FROM batch_recipient WHERE batch_id = $1 AND place >= $2 ORDER BY place LIMIT $3
"""
_LATER = """
UPDATE batch SET due_at = clock_timestamp() + $3::interval, detail = $4, tries = tries + $5
WHERE id = $1 AND upto = $2 AND due_at IS NOT NULL AND cancelled_at IS NULL
"""
_BROUGHT = "UPDATE batch SET file_id = $2, tries = 0, detail = NULL WHERE id = $1 AND file_id IS NULL"

# Of a batch that is over there is nothing to cancel.
_CANCEL = """
UPDATE batch SET cancelled_at = clock_timestamp(), due_at = clock_timestamp(), detail = NULL
WHERE id = $1 AND cancelled_at IS NULL AND (due_at IS NOT NULL
    OR EXISTS (SELECT FROM message WHERE batch_id = $1 AND phase IN ('image_wait', 'queued')))
"""
_CLOSE = "UPDATE batch SET due_at = NULL, caption = NULL WHERE id = $1 AND cancelled_at IS NOT NULL"

# A cancelled message is a failed one to Karibu; here it is counted by itself.
_VIEW = """
SELECT id, total, upto, accepted, refused, media_url, file_id, detail, created_at, cancelled_at, counted.*
FROM batch, LATERAL (
    SELECT count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'sent') AS sent,
        count(*) FILTER (WHERE status = 'delivered') AS delivered, count(*) FILTER (WHERE status = 'read') AS read,
        count(*) FILTER (WHERE status = 'failed' AND phase <> 'cancelled') AS failed,
        count(*) FILTER (WHERE phase = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE phase IN ('image_wait', 'queued', 'sending', 'unknown')) AS on_its_way
    FROM message WHERE batch_id = batch.id AND batch_id IS NOT NULL
) AS counted
WHERE workspace_id = $1 AND environment = $2 AND id = $3
"""
_RESULTS = """
SELECT place, recipient, one.conversation_id, one.client_reference, message_id, message.status,
    coalesce(code, error_code), coalesce(one.detail, error_detail, error_message), field, code IS NOT NULL
FROM batch_recipient AS one LEFT JOIN message ON message.id = message_id
WHERE one.batch_id = $1 AND place >= $2 ORDER BY place LIMIT $3
"""

# Ids are in the order of time, so the oldest ones lie at the beginning.
_OLD = """
SELECT id FROM (SELECT id, created_at, due_at FROM batch ORDER BY id LIMIT 1000) AS oldest
WHERE due_at IS NULL AND created_at < now() - $1::interval ORDER BY id LIMIT 1
"""
_DROP_RECIPIENTS = """
DELETE FROM batch_recipient WHERE batch_id = $1 AND place = ANY(ARRAY(
    SELECT place FROM batch_recipient WHERE batch_id = $1 LIMIT $2))
"""
_DROP = "DELETE FROM batch WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient as it is kept: digits or a thread. With a `code` it is refused before it is looked at."""

    to: str | None
    conversation_id: UUID | None
    caption: str | None
    client_reference: str | None
    code: str | None = None
    detail: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to be kept, with what all its messages have in common; `taken` is the idempotency key taken with it.

    `key` is the public part of the API key that it came with, under whose caps it goes on.
    """

    id: UUID
    workspace_id: UUID
    app_id: UUID
    environment: str
    sender: str | None
    sender_id: UUID | None
    media_url: str | None
    file_id: UUID | None
    caption: str | None
    image_policy: Policy
    is_high: bool
    on_unknown: OnUnknown
    expires_at: datetime | None
    created_at: datetime
    recipients: Sequence[Recipient]
    taken: Taken | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class DueBatch:
    """A batch that is to go on: at the recipient whose place is `upto`, once it has its picture."""

    id: UUID
    workspace_id: UUID
    app_id: UUID
    environment: str
    sender: str | None
    sender_id: UUID | None
    media_url: str | None
    file_id: UUID | None
    caption: str | None
    image_policy: Policy
    is_high: bool
    on_unknown: OnUnknown
    expires_at: datetime | None
    total: int
    upto: int
    tries: int
    is_cancelled: bool
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recipient that is to be looked at; one that `is_refused` was when it was kept."""

    place: int
    to: str | None
    conversation_id: UUID | None
    caption: str | None
    client_reference: str | None
    is_refused: bool


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch as it is shown, with its messages by status; cancelled ones are not among the failed.

    `on_its_way` are those that WhatsApp has not taken yet, and may.
    """

    id: UUID
    total: int
    upto: int
    accepted: int
    refused: int
    media_url: str | None
    file_id: UUID | None
    detail: str | None
    created_at: datetime
    cancelled_at: datetime | None
    pending: int
    sent: int
    delivered: int
    read: int
    failed: int
    cancelled: int
    on_its_way: int


@dataclass(frozen=True, slots=True)
class ResultView:
    """What became of one recipient."""

    place: int
    to: str | None
    conversation_id: UUID | None
    client_reference: str | None
    message_id: UUID | None
    status: str | None
    code: str | None
    detail: str | None
    field: str | None
    is_refused: bool


async def keep(pool: Pool, batch: NewBatch) -> bool:
    """Keep a batch with all its recipients, to be gone on with at once; False where its key was taken meanwhile."""

    async def work(connection: Connection) -> bool:
        if batch.taken and await replays.take(connection, [batch.taken]) == [False]:
            return False
        await connection.execute(
            _KEEP,
            batch.id,
            batch.workspace_id,
            batch.app_id,
            batch.environment,
            batch.sender,
            batch.sender_id,
            batch.media_url,
            batch.file_id,
            batch.caption,
            batch.image_policy,
            batch.is_high,
            batch.on_unknown,
            batch.expires_at,
            len(batch.recipients),
            sum(one.code is not None for one in batch.recipients),
            batch.created_at,
            batch.key,
        )
        await _list(connection, batch)
        await connection.execute(_RING)
        crashpoint("batch_before_commit")
        return True

    is_kept = await in_transaction(pool, work)
    crashpoint("batch_after_commit")
    return is_kept


async def _list(connection: Connection, batch: NewBatch) -> None:
    names = ("to", "conversation_id", "caption", "client_reference", "code", "detail", "field")
    columns: list[list[Any]] = [[getattr(one, name) for one in batch.recipients] for name in names]
    await connection.execute(_LIST, batch.id, list(range(len(batch.recipients))), *columns)


async def due(pool: Pool, workspace: UUID, *, busy: Iterable[UUID], most: int) -> list[DueBatch]:
    """Return the batches of a workspace that are to go on, none of those in `busy`."""
    rows = await pool.fetch(_DUE, workspace, list(busy), most)
    return [replace(DueBatch(*row[:17]), caps=tuple(caps_of(row))) for row in rows]


async def following(pool: Pool, batch: DueBatch, *, most: int) -> list[Waiting]:
    """Return the next recipients of a batch, in order."""
    return [Waiting(*row) for row in await pool.fetch(_NEXT, batch.id, batch.upto, most)]


async def later(pool: Pool, batch: DueBatch, after: timedelta, why: str, *, is_try: bool = False) -> None:
    """Go on with a batch later, and say why; with `is_try` that was one more fruitless look for its picture."""
    await pool.execute(_LATER, batch.id, batch.upto, after, why, int(is_try))


async def brought(pool: Pool, batch: UUID, file: UUID) -> None:
    """Record that a batch's picture lies in the blob store as `file`."""
    await pool.execute(_BROUGHT, batch, file)


async def cancel(pool: Pool, batch: UUID) -> None:
    """Have no more of a batch's recipients accepted; its messages are to be withdrawn, and it to be closed, then."""
    await pool.execute(_CANCEL, batch)


async def close(pool: Pool, batch: UUID) -> None:
    """Be done with a batch that was cancelled."""
    await pool.execute(_CLOSE, batch)


async def view(pool: Pool, workspace: UUID, environment: str, batch: UUID) -> BatchView | None:
    """Look a batch up by (workspace, environment, id)."""
    row = await pool.fetchrow(_VIEW, workspace, environment, batch)
    return BatchView(*row) if row else None


async def results(pool: Pool, batch: UUID, *, start: int, most: int) -> list[ResultView]:
    """Return what became of up to `most` recipients, from the place `start` on."""
    return [ResultView(*row) for row in await pool.fetch(_RESULTS, batch, start, most)]


async def drop(pool: Pool, *, after: timedelta, most: int) -> Step:
    """Let go of up to `most` recipients of the oldest batch that was made so long ago, and of it once it has none.

    One that still waits is kept.
    """

    async def work(connection: Connection) -> Step:
        old = await connection.fetchval(_OLD, after)
        if old is None:
            return Step(0, is_full=False)
        gone = int((await connection.execute(_DROP_RECIPIENTS, old, most)).rpartition(" ")[2])
        if gone < most:
            await connection.execute(_DROP, old)
        return Step(gone, is_full=True)

    return await in_transaction(pool, work)
