"""What a number does: sending or paused, how fast, and how much waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from picha.gateway.store import audit
from picha.gateway.store.ledger.turns import IS_WAITING
from picha.gateway.store.pool import Connection, Pool, in_transaction

PausedFor = Literal["operator", "token"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number as its lane and its operator need it; `waiting` is counted up to where it was asked."""

    id: UUID
    per_second: float
    paused_at: datetime | None
    paused_for: PausedFor | None
    waiting: int

    @property
    def backlog_s(self) -> float:
        """How long it takes to send what waits, in seconds."""
        return self.waiting / self.per_second


@dataclass(frozen=True, slots=True)
class NumberState:
    """A number as whoever looks after it sees it; `heard_at` is when a status of one of its messages last came in."""

    id: UUID
    account_id: UUID
    waba_id: str
    phone_number_id: str
    display_number: str
    label: str
    is_default: bool
    is_active: bool
    image_policy: str
    per_second: float
    paused_at: datetime | None
    paused_for: PausedFor | None
    heard_at: datetime | None


_STATES = """
SELECT sender.id, account_id, waba_id, phone_number_id, display_number, label, is_default, is_active, image_policy,
    per_second, paused_at, paused_for, heard_at
FROM sender JOIN account ON account.id = account_id
WHERE sender.workspace_id = $1 AND sender.environment = $2 AND ($3::uuid IS NULL OR sender.id = $3)
ORDER BY is_default DESC, sender.id
"""
_NUMBERS = f"""
SELECT id, per_second, paused_at, paused_for, (SELECT count(*) FROM (
    SELECT FROM message WHERE {IS_WAITING} AND phase <> 'unknown' AND sender_id = sender.id
    LIMIT ceil(per_second * $2)::bigint
) AS counted)
FROM sender WHERE id = ANY($1::uuid[])
"""  # noqa: S608 - constants of the store only

# A pause that a person asked for is not lifted because a token was mended, nor told anew by each send that failed.
_PAUSE = """
UPDATE sender SET paused_at = coalesce(paused_at, now()), paused_for = coalesce(paused_for, $2)
WHERE id = $1 AND paused_at IS NULL RETURNING id
"""
_RESUME = """
WITH resumed AS (UPDATE sender SET paused_at = NULL, paused_for = NULL WHERE id = $1 RETURNING id)
SELECT pg_notify('picha_send', '') FROM resumed
"""


async def numbers(pool: Pool, senders: Sequence[UUID], *, count_s: float) -> dict[UUID, Number]:
    """Return the numbers with these ids; what waits is counted up to a backlog of `count_s` seconds."""
    return {row["id"]: Number(*row) for row in await pool.fetch(_NUMBERS, list(senders), count_s)}


async def speed(pool: Pool, sender: UUID) -> float | None:
    """Return how many messages a second a number sends, None while it is paused; raises `LookupError` if it is gone."""
    row = await pool.fetchrow("SELECT per_second, paused_at FROM sender WHERE id = $1", sender)
    if row is None:
        raise LookupError("there is no such number")
    return None if row["paused_at"] else row["per_second"]


async def states(pool: Pool, workspace: UUID, environment: str, *, only: UUID | None = None) -> list[NumberState]:
    """Return how the numbers of a workspace are, or one of them, the default one first."""
    return [NumberState(*row) for row in await pool.fetch(_STATES, workspace, environment, only)]


async def pause(pool: Pool, sender: UUID, why: PausedFor, *, who: str | None = None) -> bool:
    """Send nothing more from a number until it is resumed; tell whether it was sending.

    `who` asked for it is noted; nobody did where a token was refused.
    """

    async def work(connection: Connection) -> bool:
        was_sending = await connection.fetchval(_PAUSE, sender, why) is not None
        if who is not None:
            await audit.note_of_sender(connection, sender, who, "sender.paused")
        return was_sending

    return await in_transaction(pool, work)


async def resume(pool: Pool, sender: UUID, *, who: str = audit.CLI) -> None:
    """Send from a number again."""

    async def work(connection: Connection) -> None:
        await connection.execute(_RESUME, sender)
        await audit.note_of_sender(connection, sender, who, "sender.resumed")

    await in_transaction(pool, work)


async def set_per_second(pool: Pool, sender: UUID, per_second: float, *, who: str = audit.CLI) -> None:
    """Change how many messages a second a number sends at most."""

    async def work(connection: Connection) -> None:
        await connection.execute("UPDATE sender SET per_second = $2 WHERE id = $1", sender, per_second)
        await audit.note_of_sender(connection, sender, who, "sender.changed", messages_per_second=per_second)

    await in_transaction(pool, work)
