"""The log of what customers are told, read by cursor.

A cursor is a place in the order of (transaction, number). Only what is below the oldest open transaction is read, since
nothing can be committed there any more: so a reader passes over nothing, however late something is committed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from picha.gateway.store import views
from picha.gateway.store.pool import Pool
from picha.gateway.store.views import MessageView

CHANNEL = "picha_event"
# The largest numbers of a transaction and of a row.
_TX_MAX, _SEQ_MAX = 2**64 - 1, 2**63 - 1


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the log: everything up to it has been read."""

    tx: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return f"{self.tx}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what `str` wrote; raises ValueError."""
        tx, dot, seq = text.partition(".")
        if not (dot and all(part.isascii() and part.isdigit() and len(part) <= 20 for part in (tx, seq))):  # noqa: PLR2004
            raise ValueError("no cursor")
        cursor = cls(int(tx), int(seq))
        if cursor.tx > _TX_MAX or cursor.seq > _SEQ_MAX:
            raise ValueError("no cursor")
        return cursor


LATEST = Cursor(_TX_MAX, _SEQ_MAX)
"""Where whoever wants to know of nothing that has happened begins."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One thing that a customer is told: `kind` is sent, delivered, read, failed or received, of a message.

    `heard` is the message itself, of what people wrote. Of a webhook it is `disabled`, or `test`.
    """

    cursor: Cursor
    kind: str
    app_id: UUID | None
    message_id: UUID | None
    webhook_id: UUID | None
    sequence: int
    occurred_at: datetime
    told_at: datetime
    provider_message_id: str | None
    error_code: str | None
    error_message: str | None
    error_detail: str | None
    conversation_id: UUID | None
    sender: str | None
    recipient: str | None
    client_reference: str | None
    heard: MessageView | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the log, oldest first, and the cursor to go on from.

    With `has_gap` there may have been more between the cursor that was asked with and the first of these.
    """

    events: Sequence[EventView]
    cursor: Cursor
    has_gap: bool
    is_full: bool


# A cursor from beyond the newest transaction is from another life of the database: nothing is known of what it missed.
# So may be the mark of what is gone, where the rows were moved from another server: nothing of this life is behind it.
_HORIZON = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
    ($1::text::xid8, $2::bigint) < (tx, seq) AND tx <= pg_snapshot_xmax(pg_current_snapshot())
        OR $1::text::xid8 > pg_snapshot_xmax(pg_current_snapshot()) AS has_gap
FROM event_gone
"""

SHOWN = """
event.*, message.conversation_id, sender.display_number AS sender, contact.phone AS recipient, message.client_reference
"""
"""What `view` needs of a row that joins `event` with `ABOUT`."""

ABOUT = """
LEFT JOIN message ON message.id = event.message_id LEFT JOIN sender ON sender.id = message.sender_id
LEFT JOIN contact ON contact.id = message.contact_id
"""

# What is for one app and what is for all of them are two ranges of one index, each read in its order. What is sent by
# hand, and what is told to a webhook alone, is not in the feed.
_NEXT = f"""
SELECT {SHOWN}
FROM (
    (SELECT * FROM event WHERE workspace_id = $1 AND environment = $2 AND app_id = $3 AND kind <> 'test'
        AND (tx, seq) > ($4::text::xid8, $5::bigint) AND tx < $6::text::xid8 ORDER BY app_id, tx, seq LIMIT $7)
    UNION ALL
    (SELECT * FROM event WHERE workspace_id = $1 AND environment = $2 AND app_id IS NULL AND NOT is_inbox
        AND (tx, seq) > ($4::text::xid8, $5::bigint) AND tx < $6::text::xid8 ORDER BY app_id, tx, seq LIMIT $7)
    ORDER BY tx, seq LIMIT $7
) AS event {ABOUT}
ORDER BY tx, seq
"""  # noqa: S608 - constants of this module only


async def after(pool: Pool, workspace: UUID, environment: str, *, app: UUID, cursor: Cursor | None, limit: int) -> Part:
    """Return up to `limit` events after `cursor`, or the oldest kept: an app's own statuses, and all that was received.

    A cursor that is older than what is kept, or that this database never gave, starts over from the oldest kept;
    `LATEST` stands behind all that there is.
    """
    asked = cursor or Cursor()
    async with pool.acquire() as connection:
        now = await connection.fetchrow(_HORIZON, str(asked.tx), asked.seq)
        assert now is not None  # noqa: S101 - the table has one row
        horizon, has_gap = now["horizon"], cursor is not None and now["has_gap"]
        if cursor == LATEST:
            return Part((), Cursor(int(horizon), 0), has_gap=False, is_full=False)
        start = Cursor() if has_gap else asked
        rows = await connection.fetch(_NEXT, workspace, environment, app, str(start.tx), start.seq, horizon, limit)
    events = await viewed(pool, workspace, environment, rows)
    is_full = len(rows) == limit
    # Whoever has read everything goes on from where it ended, and so is never behind what is let go of.
    end = events[-1].cursor if is_full else max(start, Cursor(int(horizon), 0))
    return Part(events, end, has_gap, is_full)


async def viewed(pool: Pool, workspace: UUID, environment: str, rows: Iterable[asyncpg.Record]) -> list[EventView]:
    """Return the events that rows of `SHOWN` are, each with what people wrote, as it is shown now."""
    rows = list(rows)
    spoken = [row["message_id"] for row in rows if row["kind"] == "received"]
    heard = await views.some(pool, workspace, environment, spoken)
    return [
        EventView(
            cursor=Cursor(row["tx"], row["seq"]),
            kind=row["kind"],
            app_id=row["app_id"],
            message_id=row["message_id"],
            webhook_id=row["webhook_id"],
            sequence=row["sequence"],
            occurred_at=row["occurred_at"],
            told_at=row["told_at"],
            provider_message_id=row["provider_message_id"],
            error_code=row["error_code"],
            error_message=row["error_message"],
            error_detail=row["error_detail"],
            conversation_id=row["conversation_id"],
            sender=row["sender"],
            recipient=row["recipient"],
            client_reference=row["client_reference"],
            heard=heard.get(row["message_id"]),
        )
        for row in rows
    ]
