"""A PostgreSQL of somebody else's: roles with no more rights than they need, and sentences where one lacks some."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.migrate import migrate
from picha.gateway.store.pool import UnsafeDatabaseError, open_pool

OWNER, APP = "shop_owner", "shop_app"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server on which nothing of ours ever was, with a role that may make roles and one that may nothing."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server.running():
        _execute(
            server.dsn_of("postgres"),
            *(
                f"CREATE ROLE {OWNER} LOGIN CREATEROLE",
                f"CREATE ROLE {APP} LOGIN",
                f"CREATE DATABASE shop OWNER {OWNER}",
            ),
        )
        yield server


def _execute(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def address(server: EmbeddedPostgres, role: str, database: str = "shop") -> str:
    return server.dsn_of(database).replace("://picha@", f"://{role}@")


async def role_within(dsn: str) -> str:
    async with open_pool(dsn, size=2) as pool:
        return str(await pool.fetchval("SELECT current_user"))


async def refusal(dsn: str) -> str:
    with pytest.raises(UnsafeDatabaseError) as refused:
        await role_within(dsn)
    return str(refused.value)


async def test_roles_get_in_once_they_may_and_are_told_what_they_lack(server: EmbeddedPostgres) -> None:
    """The role that migrates may run the programs; another may once it was granted that, and then nothing more."""
    owner, app = address(server, OWNER), address(server, APP)
    assert "run picha migrate" in await refusal(owner)

    assert migrate(owner)

    assert await role_within(owner) == "picha_runtime"
    assert "GRANT picha_runtime TO" in await refusal(app)
    _execute(owner, f"GRANT picha_runtime TO {APP}")
    assert await role_within(app) == "picha_runtime"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _execute(app, "CREATE TABLE public.mine (id int)")
    assert "no such database" in await refusal(address(server, APP, "nowhere"))
    assert "name or the password" in await refusal(address(server, "nobody"))
