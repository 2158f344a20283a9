"""Connections to PostgreSQL, opened in the role that may change rows and nothing more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import asyncpg
import msgspec

from picha.gateway.domain.retry import backoff
from picha.kit.ids import chance
from picha.kit.logs import logger

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"
R = TypeVar("R")

MIGRATIONS = Path(__file__).parent / "migrations"
# The least PostgreSQL whose functions the store relies on.
_OLDEST = 150000
_RUNTIME_ROLE = "picha_runtime"
# Every statement of a hot path finds its few rows by an index. A plan made while a table was small, or without
# statistics, would read the table from end to end instead, and be kept while the table grows.
_STEADY_PLANS = {"enable_seqscan": "off", "jit": "off"}
# A server that vanished without a word is noticed by what it does not answer: its connections are given up after this
# long, and new ones made. No statement of ours takes a tenth of it.
_COMMAND_SECONDS = 20
# A process that is cut off in the middle of a transaction leaves its locks behind, and with them its lanes. PostgreSQL
# finds out by itself when nobody answers at the other end, or when the transaction goes on for longer than any of ours.
_TRANSACTION_SECONDS = 10
_CUT_OFF = {
    "idle_in_transaction_session_timeout": f"{_TRANSACTION_SECONDS}s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
# The first PostgreSQL that also ends a transaction whose client stopped in the middle of a command.
_ENDS_TRANSACTIONS = 17
_DEADLOCK_TRIES = 5
# Who was in the other's way has so long to be done.
_DEADLOCK_PAUSE = timedelta(milliseconds=20)

# What is raised while the database cannot serve, as opposed to refusing what it was asked: unreachable, stopping,
# out of connections, disk or memory, interrupted by its operator, or turned read-only.
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver makes of a connection that ends in the middle of its answer
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,  # its disk, mostly
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
)


MAY_PASS = (*UNREACHABLE, asyncpg.PostgresError)
"""Whatever a database can answer instead of doing what it was asked, for who has to have it done whatever it takes."""


class UnsafeDatabaseError(Exception):
    """The database would acknowledge what it may lose, is too old, lacks the schema, or does not let us in."""


# Why a server that answers does not let us in, and what to do about it.
_SHUT = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "The database does not take the name or the password in PICHA_DATABASE_URL: correct them.",
    ),
    (asyncpg.InvalidCatalogNameError, "The server has no such database: make it, then run picha migrate."),
    (asyncpg.InvalidParameterValueError, "The database is not set up: run picha migrate."),
    (
        asyncpg.InsufficientPrivilegeError,
        f"The role in PICHA_DATABASE_URL may not act as {_RUNTIME_ROLE}: grant it with GRANT {_RUNTIME_ROLE} TO it.",
    ),
)


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )
    await _limit(connection, _TRANSACTION_SECONDS, scope="SESSION")


async def take_longer(connection: Connection, seconds: int) -> None:
    """Let the caller's transaction take so many seconds, instead of the ten after which it is taken for cut off."""
    await _limit(connection, seconds, scope="LOCAL")


async def _limit(connection: Connection, seconds: int, *, scope: str) -> None:
    if connection.get_server_version().major >= _ENDS_TRANSACTIONS:
        await connection.execute(f"SET {scope} transaction_timeout = '{seconds}s'")


async def _keep(_connection: object) -> None:
    """Spare the statement that resets a session at each release: nothing here leaves state outside a transaction."""


async def connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection outside the pool, for LISTEN."""
    return await asyncpg.connect(dsn, server_settings={"role": _RUNTIME_ROLE})


@asynccontextmanager
async def open_pool(dsn: str, *, size: int = 8, tries: int = 1) -> AsyncIterator[Pool]:
    """Open up to `size` connections to `dsn` and check that the database keeps what it acknowledges.

    A database that does not serve yet is tried again, a second later, `tries` times in all. Raises
    `UnsafeDatabaseError` with what to do when fsync or synchronous_commit is off, the server is older than
    PostgreSQL 15, or a migration is missing.
    """
    async with open_unchecked(dsn, size=size, tries=tries) as pool:
        await _assert_safe(pool)
        yield pool


@asynccontextmanager
async def open_unchecked(dsn: str, *, size: int, tries: int = 1) -> AsyncIterator[Pool]:
    """Open up to `size` connections to a database that may be unsafe, to look at it; `tries` are a second apart.

    Raises `UnsafeDatabaseError` with what to do when the server does not let us in.
    """
    pool = await _connected(dsn, size, tries)
    try:
        yield pool
    finally:
        await pool.close()


async def _connected(dsn: str, size: int, tries: int) -> Pool:
    for last in (*[False] * (tries - 1), True):
        try:
            return await asyncpg.create_pool(
                dsn,
                min_size=2,
                max_size=size,
                command_timeout=_COMMAND_SECONDS,
                init=_prepare,
                reset=_keep,
                server_settings={"role": _RUNTIME_ROLE, **_STEADY_PLANS, **_CUT_OFF},
            )
        except (ConnectionError, FileNotFoundError, asyncpg.CannotConnectNowError) as error:
            if last:
                raise
            logger("store").warning("the database does not serve yet, waiting", error=str(error))
            await asyncio.sleep(1)
        except tuple(kind for kind, _ in _SHUT) as error:
            raise UnsafeDatabaseError(next(why for kind, why in _SHUT if isinstance(error, kind))) from error
    raise AssertionError  # pragma: no cover - the loop returns or raises


@dataclass(frozen=True, slots=True)
class Trouble:
    """What speaks against a database, and what to do about it; a `grave` one keeps the programs from starting."""

    what: str
    remedy: str
    is_grave: bool = True


async def troubles(pool: Pool) -> list[Trouble]:
    """Return what speaks against the database at the other end."""
    row = await pool.fetchrow(
        "SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,"
        " current_setting('full_page_writes') AS full_page_writes,"
        " current_setting('server_version_num')::int AS version, to_regclass('_yoyo_migration') IS NOT NULL AS is_made"
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    found = []
    if row["version"] < _OLDEST:
        found.append(Trouble(f"PostgreSQL {row['version'] // 10000} is too old.", "Use PostgreSQL 15 or newer."))
    if row["fsync"] != "on" or row["synchronous_commit"] in {"off", "local"}:
        what = f"fsync is {row['fsync']} and synchronous_commit is {row['synchronous_commit']}: an acknowledged message"
        remedy = "Set both to on in postgresql.conf (ALTER SYSTEM) and reload."
        found.append(Trouble(f"{what} could be lost.", remedy))
    if row["full_page_writes"] != "on":
        what = "full_page_writes is off: a power cut may tear pages, unless the file system writes them whole."
        found.append(Trouble(what, "Set it to on, unless the data lies on such a file system (ZFS).", is_grave=False))
    needed = {path.stem for path in MIGRATIONS.glob("*.sql")}
    if not row["is_made"] or not needed <= await applied(pool):
        found.append(Trouble("The database lacks a migration.", "Run `picha migrate`."))
    return found


async def _assert_safe(pool: Pool) -> None:
    for trouble in await troubles(pool):
        if trouble.is_grave:
            raise UnsafeDatabaseError(f"{trouble.what} {trouble.remedy}")


async def applied(pool: Pool) -> set[str]:
    """Return the ids of the migrations that the database has."""
    return {row[0] for row in await pool.fetch("SELECT migration_id FROM _yoyo_migration")}


async def in_transaction(pool: Pool, work: Callable[[Connection], Awaitable[R]]) -> R:
    """Run `work` in one transaction, again after a moment when PostgreSQL chose it as the victim of a deadlock."""
    for tries in range(1, _DEADLOCK_TRIES + 1):
        try:
            async with pool.acquire() as connection, connection.transaction():
                return await work(connection)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
            if tries == _DEADLOCK_TRIES:
                raise
            pause_s = backoff(tries, chance=chance(), first=_DEADLOCK_PAUSE).total_seconds()
            logger("store").info("in each other's way, once more", error=type(error).__name__, pause_s=pause_s)
            await asyncio.sleep(pause_s)
    raise AssertionError  # pragma: no cover - the loop returns or raises


class _Within:
    """Stands in for a pool inside a transaction: whoever asks it for a connection gets the transaction's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.execute, self.executemany = connection.execute, connection.executemany
        self.fetch, self.fetchrow, self.fetchval = connection.fetch, connection.fetchrow, connection.fetchval

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        return nullcontext(self._connection)


def within(connection: Connection) -> Pool:
    """Return a pool whose every statement is part of the caller's transaction.

    Deeds that are a transaction of their own elsewhere become a part of it: what they do happens when it is committed.
    They take turns: the transaction has one connection.
    """
    return cast("Pool", _Within(connection))
