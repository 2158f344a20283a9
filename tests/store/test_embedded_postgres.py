import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from picha.gateway.store import embedded_remains
from picha.gateway.store.embedded import ENVIRONMENT, EmbeddedPostgres, EmbeddedPostgresError
from picha.kit.filelock import HeldByOtherError


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, "subprocess.Popen[bytes]"]]:
    server = EmbeddedPostgres(tmp_path)
    with server.running() as process:
        yield server, process


def ask(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def do(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def gone(data: Path, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while embedded_remains.working_on(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("timezone", "UTC"),
    ],
)
def test_the_server_keeps_the_promised_setting(postgres_server: EmbeddedPostgres, setting: str, value: str) -> None:
    if setting == "lc_collate":
        query = "SELECT datcollate FROM pg_database WHERE datname = 'picha'"
    else:
        query = f"SHOW {setting}"

    assert ask(postgres_server.dsn, query) == value


async def test_asyncpg_reads_the_same_address(postgres_server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres_server.dsn)
    try:
        assert await connection.fetchval("SELECT current_database()") == "picha"
    finally:
        await connection.close()


def test_nobody_but_the_owner_may_enter_the_folders(postgres_server: EmbeddedPostgres) -> None:
    place = postgres_server.place

    assert [folder.stat().st_mode & 0o777 for folder in (place.folder, place.data, place.sockets)] == [0o700] * 3


def test_a_home_too_deep_for_a_socket_address_works(tmp_path: Path) -> None:
    home = tmp_path / ("deep, and with a 'quote' " * 5) / ("é" * 40)
    home.mkdir(parents=True)
    server = EmbeddedPostgres(home)

    with server.running():
        sockets = server.place.sockets
        answer = ask(server.dsn, "SELECT 1")

    assert answer == 1
    assert len(str(sockets)) < 90
    assert not sockets.exists()


def test_a_folder_we_did_not_make_keeps_its_mode(tmp_path: Path) -> None:
    home = tmp_path / "theirs"
    home.mkdir(mode=0o755)
    before = home.stat()

    with EmbeddedPostgres(home).running():
        pass

    assert (home.stat().st_mode, home.stat().st_uid) == (before.st_mode, before.st_uid)


def test_an_initdb_cut_short_is_begun_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True, mode=0o700)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(tmp_path)

    with server.running():
        assert ask(server.dsn, "SELECT 1") == 1

    assert not half.exists()


def test_a_second_server_on_the_same_folder_is_told_who_holds_it(
    started: tuple[EmbeddedPostgres, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    assert started

    with pytest.raises(HeldByOtherError) as refused, EmbeddedPostgres(tmp_path).lock(patience_s=0.1):
        pytest.fail("two servers hold one folder")

    assert refused.value.pid == os.getpid()


def test_committed_rows_survive_kill_9_of_an_unreaped_server(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with server.running() as process:
        do(server.dsn, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        place = server.place
        os.kill(process.pid, signal.SIGKILL)
        # Not reaped: the process id in postmaster.pid still answers to kill(pid, 0).
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        server.prepare()

        again = subprocess.Popen(server.command(), env=ENVIRONMENT, cwd="/", stderr=subprocess.DEVNULL)
        try:
            server.wait_ready(30, is_alive=lambda: again.poll() is None)
            assert ask(server.dsn, "SELECT n FROM kept") == 7
        finally:
            again.send_signal(signal.SIGINT)
            assert again.wait(10) == 0
    assert gone(place.data)


def test_a_stopped_backend_that_outlives_its_server_is_ended_before_the_next_start(
    started: tuple[EmbeddedPostgres, "subprocess.Popen[bytes]"],
) -> None:
    server, process = started
    connection = psycopg.connect(server.dsn)
    backend = connection.info.backend_pid
    # A backend that is stopped cannot notice that its server died, and keeps the shared memory in use.
    inside = [pid for pid in embedded_remains.working_on(server.place.data) if pid == backend]
    assert inside == [backend]
    os.kill(backend, signal.SIGSTOP)
    process.kill()
    process.wait()

    embedded_remains.clear(server.place.data, server.place.sockets, patience_s=0.3)

    connection.close()
    assert embedded_remains.working_on(server.place.data) == []
    assert not (server.place.data / "postmaster.pid").exists()


def test_a_pid_file_that_names_a_living_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with server.running():
        pid_file = server.place.data / "postmaster.pid"
        text = pid_file.read_text()
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        pid_file.write_text(text.replace(text.split("\n", 1)[0], str(stranger.pid), 1))

        with server.running():
            assert ask(server.dsn, "SELECT 1") == 1

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_cannot_start_is_reported_at_once(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    with server.running():
        control = server.place.data / "global" / "pg_control"
    control.rename(control.with_name("gone"))
    began = time.monotonic()

    with pytest.raises(EmbeddedPostgresError, match="ended before it was ready"), server.running():
        pytest.fail("a server without its control file is ready")

    assert time.monotonic() - began < 10


_OWNER = """
import sys
from pathlib import Path
from picha.gateway.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
with server.running():
    print(server.place.data, flush=True)
    sys.stdin.read()
"""


async def test_the_server_dies_with_the_program_that_started_it(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OWNER, str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    data = Path((await owner.stdout.readline()).decode().strip())
    assert embedded_remains.working_on(data)

    owner.kill()
    await owner.wait()

    assert gone(data)
    with EmbeddedPostgres(tmp_path).running():
        assert embedded_remains.working_on(data)
