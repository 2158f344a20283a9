"""Migrations: plain SQL files, forward only, applied by yoyo under its lock."""

from pathlib import Path
from urllib.parse import urlsplit

import yoyo

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(dsn: str) -> list[str]:
    """Bring the database at `dsn` to the newest schema and return the names of the migrations applied now.

    `dsn` is a `postgresql://` address of a role that may create tables and roles. Running it again applies nothing;
    two at once wait for each other.
    """
    backend = yoyo.get_backend(urlsplit(dsn)._replace(scheme="postgresql+psycopg").geturl())
    try:
        with backend.lock():
            pending = backend.to_apply(yoyo.read_migrations(str(MIGRATIONS)))
            names = [migration.id for migration in pending]
            backend.apply_migrations(pending)
    finally:
        backend.connection.close()
    return names


def is_current(applied: set[str]) -> bool:
    """Tell whether a database with the `applied` migration ids has all that this program needs."""
    return {path.stem for path in MIGRATIONS.glob("*.sql")} <= applied
