"""Letting go of rows by age without a look at those that stay: a walk goes through a table once, in the order of ids.

Ids are UUIDv7, so their order is that of time, and the primary key is all the index that a walk needs. How far it came
is kept, so that neither the rows that it left behind nor the dead ones are read again.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool, in_transaction

# How long a row that was not ready waits for the next look, at first and at most; it doubles in between.
_WAIT, _WAIT_MAX = timedelta(minutes=10), timedelta(days=1)

# One worker a walk at a time; the others find it taken and go on.
_HERE = "SELECT upto FROM walk WHERE name = $1 FOR UPDATE SKIP LOCKED"
_LATE = "SELECT id FROM walk_late WHERE name = $1 AND look_at <= now() ORDER BY look_at LIMIT $2"
_NEXT = "SELECT id FROM {table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3"
_DONE = "DELETE FROM walk_late WHERE name = $1 AND id = ANY($2)"
_AGAIN = """
INSERT INTO walk_late AS late (name, id, waits, look_at) SELECT $1, id, $3, now() + $3 FROM unnest($2::uuid[]) AS id
ON CONFLICT (name, id) DO UPDATE SET waits = least(2 * late.waits, $4), look_at = now() + least(2 * late.waits, $4)
"""
_ON = "UPDATE walk SET upto = $2 WHERE name = $1"

# Lets go of the rows with these ids, in the walk's transaction, and returns those that are not ready to go.
LetGo: TypeAlias = Callable[[Connection, Sequence[UUID]], Awaitable[Collection[UUID]]]


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through `table`, whose id is a UUIDv7, that lets go of rows."""

    name: str
    table: str
    let_go: LetGo


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to: how many rows it let go of; `is_full` tells that there may be more at once."""

    gone: int
    is_full: bool


async def step(pool: Pool, walk: Walk, *, before: UUID, most: int) -> Step:
    """Walk on by up to `most` rows whose ids are less than `before`, and look at up to `most` that were not ready.

    Several workers may do so at once.
    """

    async def work(connection: Connection) -> Step:
        upto = await connection.fetchval(_HERE, walk.name)
        if upto is None:
            return Step(0, is_full=False)
        late = [row[0] for row in await connection.fetch(_LATE, walk.name, most)]
        ahead = [row[0] for row in await connection.fetch(_NEXT.format(table=walk.table), upto, before, most)]
        looked = [*late, *ahead]
        if not looked:
            return Step(0, is_full=False)
        unready = await walk.let_go(connection, looked)
        await connection.execute(_DONE, walk.name, list(set(late).difference(unready)))
        await connection.execute(_AGAIN, walk.name, list(unready), _WAIT, _WAIT_MAX)
        if ahead:
            await connection.execute(_ON, walk.name, ahead[-1])
        return Step(len(looked) - len(unready), is_full=most in {len(late), len(ahead)})

    return await in_transaction(pool, work)
