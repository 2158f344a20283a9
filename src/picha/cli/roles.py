"""What a gateway's machine runs without a person at it: `picha api`, `picha worker` and `picha migrate`."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from picha.gateway.settings import Settings


def _refuse(problem: Exception) -> NoReturn:
    sys.stderr.write(f"picha: {problem}\n")
    sys.exit(1)


def _settings() -> "Settings":
    from picha.gateway import settings  # noqa: PLC0415 - slow to import, and help is quick

    try:
        return settings.load()
    except settings.SettingsError as problem:
        _refuse(problem)


def _serve(role: "Callable[[Settings], None]") -> None:
    """Run a role; what an operator can mend is said in a sentence."""
    from picha.gateway.settings import SettingsError  # noqa: PLC0415 - as above
    from picha.gateway.store.pool import UnsafeDatabaseError  # noqa: PLC0415 - as above
    from picha.gateway.store.vault import VaultError  # noqa: PLC0415 - as above

    try:
        role(_settings())
    except (SettingsError, UnsafeDatabaseError, VaultError, OSError) as problem:
        _refuse(problem)


def api() -> None:
    """Run the REST API. Settings come from PICHA_ variables; PICHA_DATABASE_URL is the one that must be given."""
    from picha.gateway.run import serve_api  # noqa: PLC0415 - as above

    _serve(serve_api)


def worker() -> None:
    """Run a worker: it sends, receives and fetches pictures. Any number may run on one database."""
    from picha.gateway.run import serve_worker  # noqa: PLC0415 - as above

    _serve(serve_worker)


def migrate() -> None:
    """Bring the database at PICHA_DATABASE_URL to the newest schema, and print what was applied."""
    from picha.gateway.store.migrate import MigrationError  # noqa: PLC0415 - as above
    from picha.gateway.store.migrate import migrate as bring_to_newest  # noqa: PLC0415 - as above

    try:
        applied = bring_to_newest(_settings().database_url)
    except MigrationError as problem:
        _refuse(problem)
    sys.stdout.write("\n".join(applied or ["The database is up to date."]) + "\n")


ALONE: dict[str, Callable[[], None]] = {"api": api, "worker": worker}
"""The roles that take no words but their name, and are started often: they need nothing of a command line."""
