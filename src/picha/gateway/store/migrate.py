"""Migrations: plain SQL files, forward only, applied by yoyo under its lock."""

from urllib.parse import urlsplit

import psycopg
import yoyo
import yoyo.connections

from picha.gateway.store.pool import MIGRATIONS


class MigrationError(Exception):
    """The schema could not be brought up to date; the text says why."""


def migrate(dsn: str) -> list[str]:
    """Bring the database at `dsn` to the newest schema and return the names of the migrations applied now.

    `dsn` is a `postgresql://` address of a role that may create tables and roles. Running it again applies nothing;
    two at once wait for each other.

    Raises:
        MigrationError: the database cannot be reached.
    """
    try:
        backend = yoyo.get_backend(urlsplit(dsn)._replace(scheme="postgresql+psycopg").geturl())
    except (psycopg.Error, yoyo.connections.BadConnectionURI) as error:
        raise MigrationError(f"The database cannot be reached: {str(error).strip()}") from error
    try:
        with backend.lock():
            pending = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
            names = [migration.id for migration in pending]
            backend.apply_migrations(pending)
    finally:
        backend.connection.close()
    return names
