"""Fixtures that every room's tests share: one real PostgreSQL for the run, and a fresh database for each test."""

import gc
import itertools
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from tests import clusters

from picha.gateway.store.embedded import DATABASE, EmbeddedPostgres

# A busy machine is no failure: timings decide nothing here.
settings.register_profile("picha", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `make soak` asks for this one.
settings.register_profile("soak", settings.get_profile("picha"), max_examples=5000, print_blob=True)
settings.load_profile("picha")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to Ctrl-C, and the programs that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Where all that the tests write fits into it, memory keeps it: a database has hundreds of files, and to make them on
# a disk takes four times the computing. `--basetemp` says otherwise.
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 6 << 30
_FOLDER = f"picha-tests-{os.getuid()}-"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of a run, and take away what runs left there that were killed."""
    if config.option.basetemp or hasattr(config, "workerinput") or not _MEMORY.is_dir():
        return
    for left in _MEMORY.glob(f"{_FOLDER}*"):
        if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    if min(shutil.disk_usage(_MEMORY).free, _available_bytes()) >= _ROOM_BYTES:
        folder = _MEMORY / f"{_FOLDER}{os.getpid()}"
        folder.mkdir(mode=0o700)
        config.option.basetemp = str(folder / "run")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _available_bytes() -> int:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    return 0


def pytest_collection_finish() -> None:
    """Spare the collector what is there to stay: thousands of tests."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make soak` say how long the proofs go on, and what their chance is."""
    parser.addoption("--cycles", type=int, default=0, help="how often the proofs kill at random; 0 for a short run")
    parser.addoption("--seed", default="picha", help="what the proofs draw their chance from")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure how the logs of the programs that the test talked to ended."""
    report = yield
    if report.when == "call" and report.failed:
        for value in getattr(item, "funcargs", {}).values():
            logs = getattr(value, "logs", None)
            for log in logs if isinstance(logs, list) else []:
                report.sections.append((str(log), log.read_text(errors="replace")[-_LOG_SHOWN:]))
    return report


_LOG_SHOWN = 6_000
_NUMBERS = itertools.count(1)


def _execute(server: EmbeddedPostgres, *statements: str) -> None:
    with psycopg.connect(server.dsn_of("postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _fresh(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    name = f"test_{next(_NUMBERS)}"
    if server.place.data.is_relative_to(_MEMORY):
        _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield server.dsn_of(name)
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
        return
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.dsn_of(name)
    # It is not dropped: ext4 looks at every file that was deleted in the last minutes before it makes another, and a
    # database has hundreds. Marked as what is left of a drop, it is nothing to autovacuum or to those who connect.
    _execute(
        server,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'",
    )


@pytest.fixture(scope="session")
def made_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedPostgres:
    """A server with the newest schema and no rows that does not run, to copy; xdist's workers make one together."""
    folder = tmp_path_factory.getbasetemp()
    return clusters.made((folder.parent if hasattr(request.config, "workerinput") else folder) / "made")


@pytest.fixture(scope="session")
def postgres_server(
    made_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """One running server for the session; under xdist each worker is a session and has its own."""
    home = tmp_path_factory.mktemp("postgres")
    server = clusters.copied(made_server, home)
    with server.running() as process:
        yield server
        # Nothing of it will be read again: it need not be written down before the end.
        process.send_signal(signal.SIGQUIT)
    shutil.rmtree(home / "postgres", ignore_errors=True)


@pytest.fixture(scope="session")
def new_home(made_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a home of that name for a `picha up`, whose database was made and never used."""

    def laid(name: str) -> Path:
        home = tmp_path_factory.mktemp(name) / "home"
        clusters.copied(made_server, home)
        return home

    return laid


@pytest.fixture
def empty_database(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The address of a database of the test's own with nothing in it."""
    yield from _fresh(postgres_server, "template1")


@pytest.fixture
def database(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The address of a database of the test's own with the newest schema and no rows."""
    yield from _fresh(postgres_server, DATABASE)
