"""A PostgreSQL that is made and migrated once for a run of the tests, and copied for whoever needs one to begin with.

To make one takes a second and a half of computing, to copy it a tenth of a second. What is told of a first start is
tested where nothing was made before: `picha up` in its own tests, `picha demo`, the tutorial.
"""

import subprocess
from pathlib import Path

from picha.gateway.store.embedded import EmbeddedPostgres
from picha.kit.filelock import held

_MADE_WITHIN_S = 120


def made(folder: Path) -> EmbeddedPostgres:
    """Return a server that has the newest schema and does not run; processes that ask for one folder share it."""
    from picha.gateway.store.migrate import migrate  # noqa: PLC0415 - tests without a database need no migrations

    server, is_made = EmbeddedPostgres(folder / "home"), folder / "is-made"
    folder.mkdir(exist_ok=True)
    with held(folder / "lock", patience_s=_MADE_WITHIN_S):
        if not is_made.exists():
            with server.running(timeout_s=_MADE_WITHIN_S):
                migrate(server.dsn)
            is_made.touch()
    return server


def copied(server: EmbeddedPostgres, home: Path) -> EmbeddedPostgres:
    """Lay a copy of a server that does not run into a home that has none yet."""
    copy = EmbeddedPostgres(home)
    subprocess.run(["cp", "-a", server.place.data, copy.place.data], check=True)
    return copy
