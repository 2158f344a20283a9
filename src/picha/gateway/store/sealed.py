"""What is sealed in the database, all of it, and how it comes under another master key."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from picha.gateway.store import audit
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.vault import ID, Vault, VaultError

SEALED: Mapping[str, tuple[str, ...]] = {
    "account": ("access_token", "app_secret", "previous_app_secret", "verify_token"),
    "webhook": ("secret", "previous_secret", "signing_key"),
}
"""Every table with sealed columns, and those. A value belongs to (workspace_id, table, id, column) of its row.

Whoever adds a sealed column names it here, or it is lost with the former master key: a test looks at each bytea.
"""

_LEFT = """
SELECT count(*) FROM {table}, unnest(ARRAY[{columns}]) AS sealed
WHERE sealed IS NOT NULL AND substring(sealed FROM 1 FOR {id}) <> $1
"""
_NEXT = """
SELECT id, workspace_id, {columns} FROM {table}
WHERE id > $1 AND EXISTS (SELECT FROM unnest(ARRAY[{columns}]) AS sealed
    WHERE sealed IS NOT NULL AND substring(sealed FROM 1 FOR {id}) <> $2)
ORDER BY id LIMIT $3 FOR NO KEY UPDATE
"""
_PUT = "UPDATE {table} SET {column} = $2 WHERE id = $1"

_START = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to: values that are under the newest key now, and those that opened under none."""

    sealed: int
    stuck: int
    upto: UUID | None
    """Where the next step goes on; None where the table ends."""


async def left(pool: Pool, newest: str) -> int:
    """Return how many values are sealed under another master key than `newest`."""
    counts = [await pool.fetchval(_said(_LEFT, table, columns), newest.encode()) for table, columns in SEALED.items()]
    return sum(counts)


async def step(pool: Pool, vault: Vault, table: str, *, after: UUID = _START, most: int = 100) -> Step:
    """Seal the values of up to `most` rows anew, under the newest key; rows that are under it already are passed over.

    What opens under no key of the ring stays as it is, and is counted.
    """
    newest, columns = vault.newest, SEALED[table]

    async def work(connection: Connection) -> Step:
        rows = await connection.fetch(_said(_NEXT, table, columns), after, newest.encode(), most)
        done = stuck = 0
        for row in rows:
            for column in columns:
                if row[column] is None or row[column][:ID] == newest.encode():
                    continue
                place = row["workspace_id"], table, row["id"], column
                try:
                    value = vault.seal(vault.open(row[column], *place), *place)
                except VaultError:
                    stuck += 1
                    continue
                await connection.execute(_PUT.format(table=table, column=column), row["id"], value)
                done += 1
        return Step(done, stuck, rows[-1]["id"] if len(rows) == most else None)

    return await in_transaction(pool, work)


async def finish(pool: Pool, newest: str, *, sealed: int) -> None:
    """Note that everything was brought under the key `newest`, `sealed` values of it by who says so."""

    async def work(connection: Connection) -> None:
        await audit.note(connection, audit.CLI, "master_key.rekeyed", about={"key": newest, "sealed": sealed})

    await in_transaction(pool, work)


async def retire(pool: Pool, former: list[str]) -> None:
    """Note that the keys `former` are taken off the ring."""

    async def work(connection: Connection) -> None:
        await audit.note(connection, audit.CLI, "master_key.retired", about={"keys": former})

    await in_transaction(pool, work)


def _said(statement: str, table: str, columns: tuple[str, ...]) -> str:
    return statement.format(table=table, columns=", ".join(columns), id=ID)
