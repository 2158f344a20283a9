"""The embedded PostgreSQL: a real server from a wheel, run as a foreground child on a folder of ours.

The wheel gives the binaries only. The server listens on a Unix socket in a folder of mode 0700, and whoever may enter
that folder is trusted. It keeps every promise of durability that PostgreSQL can keep: those settings stand on the
command line, which no configuration file overrides.
"""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from picha.gateway.store import embedded_place, embedded_remains
from picha.gateway.store.embedded_place import EmbeddedPostgresError, Place
from picha.kit import filelock, launch
from picha.kit.disk import sync_folder

__all__ = ["DATABASE", "ENVIRONMENT", "USER", "EmbeddedPostgres", "EmbeddedPostgresError"]

USER = "picha"
DATABASE = "picha"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that the server needs of an environment."""

_FIXED = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "logging_collector": "off",
    "log_destination": "stderr",
    # The detail of an error quotes values of rows: phone numbers have no place in a log.
    "log_error_verbosity": "terse",
}
# Starting values for two cores, one product and short transactions; ALTER SYSTEM may change them.
_TUNING = {
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "15s",
    "autovacuum_max_workers": "2",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_READY_POLL_S = 0.01
_STOP_PATIENCE_S = 10.0


class EmbeddedPostgres:
    """One PostgreSQL server on the folder `home`, for one program at a time.

    The order is `lock()`, `prepare()`, start `command()` with `ENVIRONMENT`, `wait_ready()`; `running()` does it all.
    Stop the server with SIGINT, PostgreSQL's fast shutdown.
    """

    def __init__(self, home: Path, *, system: Path = embedded_place.SYSTEM_FOLDER) -> None:
        self._home = home
        self._system = system
        self._place: Place | None = None

    @property
    def place(self) -> Place:
        """Return where the server lives and as whom it runs; chosen, and its folders made, at the first call."""
        if self._place is None:
            self._place = embedded_place.choose(self._home, system=self._system)
        return self._place

    @property
    def dsn(self) -> str:
        """Return the address of the database `picha`, as asyncpg and psycopg read it."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """Return the address of the database of that name on this server."""
        return f"postgresql://{USER}@/{quote(database)}?host={quote(str(self.place.sockets))}"

    @contextlib.contextmanager
    def lock(self, *, patience_s: float = 10.0) -> Iterator[None]:
        """Hold the server's folder for the length of the block.

        Raises `picha.kit.filelock.HeldByOtherError`, which knows the holder, after `patience_s` seconds.
        """
        with filelock.held(self.place.folder / "lock", patience_s=patience_s):
            try:
                yield
            finally:
                self._leave()

    def _leave(self) -> None:
        """Take away a socket folder that lies outside the home; the next use makes it anew."""
        if self.place.sockets.parent != self.place.folder:
            with contextlib.suppress(OSError):
                self.place.sockets.rmdir()
        self._place = None

    def prepare(self) -> None:
        """Make the data folder and the database `picha` at the first call, and clear what a killed server left.

        The data folder appears whole or not at all. Call it under `lock()` before every start of `command()`. Raises
        `EmbeddedPostgresError` where PostgreSQL cannot make it, `TimeoutError` where an old server cannot be ended.
        """
        if self.place.data.exists():
            embedded_remains.clear(self.place.data, self.place.sockets)
        else:
            self._make_data()

    def _make_data(self) -> None:
        place = self.place
        fresh = place.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        tuning = [f"--set={name}={value}" for name, value in _TUNING.items()]
        auth = ["--auth-local=trust", "--auth-host=reject"]
        self._run("initdb", f"--pgdata={fresh}", f"--username={USER}", "--no-locale", "--encoding=UTF8", *auth, *tuning)
        self._run("postgres", "--single", "-D", str(fresh), "template1", statement=f"CREATE DATABASE {DATABASE}\n")
        fresh.rename(place.data)
        sync_folder(place.folder)

    def _run(self, program: str, *arguments: str, statement: str = "") -> None:
        command = self._launched(program, arguments, on_death=signal.SIGKILL)
        done = subprocess.run(  # noqa: S603 - the wheel's own binaries
            command, input=statement, env=ENVIRONMENT, cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"{program} failed in {self.place.folder}: {done.stderr.strip()[-2000:]}")

    def _launched(self, program: str, arguments: Sequence[str], *, on_death: signal.Signals) -> list[str]:
        argv = [str(self.place.binaries / program), *arguments]
        return launch.tied(argv, identity=self.place.identity, on_death=on_death)

    def command(self) -> list[str]:
        """Return the command that is the server in the foreground; it shuts down when this process dies.

        The thread that starts it must live as long as the server should.
        """
        settings = {**_FIXED, "unix_socket_directories": str(self.place.sockets)}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # SIGQUIT ends the server and its backends at once; the next start recovers from the log, as after any crash.
        return self._launched("postgres", ["-D", str(self.place.data), *flags], on_death=signal.SIGQUIT)

    def wait_ready(self, timeout_s: float, *, is_alive: Callable[[], bool] = lambda: True) -> None:
        """Return once the server answers a query.

        Raises `EmbeddedPostgresError` as soon as `is_alive` says no, or after `timeout_s` seconds.
        """
        import psycopg  # noqa: PLC0415 - a tenth of a second for every command that only asks where a house is

        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with psycopg.connect(self.dsn, connect_timeout=2) as connection:
                    connection.execute("SELECT 1")
            except psycopg.OperationalError as problem:
                if not is_alive():
                    raise EmbeddedPostgresError("PostgreSQL ended before it was ready") from problem
                if time.monotonic() >= deadline:
                    raise EmbeddedPostgresError(f"PostgreSQL was not ready after {timeout_s:g} s") from problem
                time.sleep(_READY_POLL_S)
            else:
                return

    @contextlib.contextmanager
    def running(self, *, timeout_s: float = 60.0) -> Iterator["subprocess.Popen[bytes]"]:
        """Run the server for the length of the block and give its process; its log is `postgres.log` beside the data.

        Raises what `lock`, `prepare` and `wait_ready` raise.
        """
        with self.lock():
            self.prepare()
            with (self._home / "postgres.log").open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 - our own command
                    self.command(), env=ENVIRONMENT, cwd="/", stdout=log, stderr=log, start_new_session=True
                )
            try:
                self.wait_ready(timeout_s, is_alive=lambda: process.poll() is None)
                yield process
            finally:
                _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
