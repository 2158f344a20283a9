"""The four programs that `picha up` keeps: postgres, sandbox, api and worker, each with its command and environment."""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from picha.cli.supervise import Child
from picha.gateway.store.embedded import ENVIRONMENT, EmbeddedPostgres
from picha.kit import launch

LOOPBACK = "127.0.0.1"
SETTINGS = "running.json"
"""The file in a home that tells other commands the settings of what runs there (0600); it goes with the programs."""

_DRAIN_S = 12.0
# Below the range (32768 to 60999) that Linux gives to outgoing connections.
_PORTS = range(20_000, 32_000)


class PortBusyError(RuntimeError):
    """The port that was asked for is in use."""

    def __init__(self, port: int, flag: str) -> None:
        super().__init__(
            f"port {port} is in use. Stop the program that uses it, or choose another with {flag} N "
            "(0 takes a free one)."
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where everything of one `picha up` is: its home, its database and its ports, all of them resolved.

    `keys` is the master key ring where it does not lie in the home.
    """

    home: Path
    database_url: str
    host: str
    port: int
    sandbox_port: int
    metrics_port: int
    worker_metrics_port: int
    keys: str = ""

    @property
    def api_address(self) -> str:
        """The IP address or name at which programs on this machine reach the API."""
        return LOOPBACK if self.host in {"0.0.0.0", ""} else self.host  # noqa: S104 - compared, not bound

    @property
    def api_url(self) -> str:
        """The address of the API for programs on this machine, without a trailing slash."""
        return f"http://{self.api_address}:{self.port}"

    @property
    def inbox_url(self) -> str:
        """The address of the inbox's page."""
        return f"{self.api_url}/inbox"

    @property
    def sandbox_url(self) -> str:
        """The address of the sandbox, without a trailing slash."""
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    @property
    def metrics_url(self) -> str:
        """The address of the API's metrics."""
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    @property
    def worker_metrics_url(self) -> str:
        """The address of the worker's metrics."""
        return f"http://{LOOPBACK}:{self.worker_metrics_port}/metrics"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of api and worker, as variables of their environment; without the key ring itself."""
        return {
            "PICHA_DATABASE_URL": self.database_url,
            "PICHA_HOME": str(self.home),
            "PICHA_KEYS_FILE": str(self.home / "keys"),
            "PICHA_HOST": self.host,
            "PICHA_PORT": str(self.port),
            "PICHA_METRICS_PORT": str(self.metrics_port),
            "PICHA_WORKER_METRICS_PORT": str(self.worker_metrics_port),
        }


def usable_port(host: str, port: int, flag: str) -> int:
    """Return `port` if a program may listen on it now, or a free one for 0; it is kept while this process lives.

    Raises `PortBusyError`, whose text names `flag`, the option that chooses another.
    """
    if port == 0:
        return _free_port(host)
    if not _keep(host, port, alone=False):
        raise PortBusyError(port, flag)
    return port


def _free_port(host: str) -> int:
    """Find a port that no outgoing connection is given: one from the system's own range may be gone in a moment."""
    start = secrets.randbelow(len(_PORTS))
    for step in range(len(_PORTS)):
        port = _PORTS[(start + step) % len(_PORTS)]
        if _keep(host, port, alone=True):
            return port
    raise PortBusyError(0, "--port")


def _keep(host: str, port: int, *, alone: bool) -> bool:
    """Bind a port for a program that will listen on it, and tell whether that may be.

    While this process lives, nobody else who looks for a free one finds it so; it itself is found so only by those who
    bind, as servers do, with SO_REUSEADDR. With `alone` nobody else may have bound it.
    """
    kept = socket.socket()
    try:
        if not alone:
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((host, port))
    except OSError:
        kept.close()
        return False
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # It stays open until this process ends.
    kept.detach()
    return True


def postgres(server: EmbeddedPostgres) -> Child:
    """Return the embedded server as a child; SIGINT is its fast shutdown."""
    return Child(
        name="postgres",
        command=server.command,
        environment=ENVIRONMENT,
        before=server.prepare,
        stop_signal=signal.SIGINT,
    )


def sandbox(plan: Plan) -> Child:
    """Return the sandbox as a child; its ready line tells its credentials."""
    flags = ["--home", str(plan.home / "sandbox"), "--host", LOOPBACK, "--port", str(plan.sandbox_port)]
    callback = f"{plan.api_url}/webhooks/whatsapp"
    return Child(
        name="sandbox",
        command=_command("sandbox", *flags, "--callback", callback, "--inbox-url", plan.inbox_url, "--json"),
        environment=_environment(plan),
        patience_s=5.0,
        is_telling=True,
    )


def api(plan: Plan, handset_url: str) -> Child:
    """Return the REST API as a child; it has ten seconds to answer what it was asked, and a little to close."""
    environment = {**_environment(plan), "PICHA_HANDSET_URL": handset_url}
    return Child(name="api", command=_command("api"), environment=environment, patience_s=_DRAIN_S)


def worker(plan: Plan) -> Child:
    """Return the worker as a child; it has ten seconds to finish what it began, and a little to close."""
    return Child(name="worker", command=_command("worker"), environment=_environment(plan), patience_s=_DRAIN_S)


def _command(*arguments: str) -> Callable[[], list[str]]:
    return lambda: launch.tied([sys.executable, "-P", "-m", "picha.cli", *arguments])


def _environment(plan: Plan) -> dict[str, str]:
    inherited = dict(os.environ)  # noqa: TID251 - handed on to children, not read
    return {
        **inherited,
        **plan.settings,
        "PICHA_KEYS": plan.keys,
        "PICHA_LOG_JSON": "true",
        "PICHA_PARENT_PID": str(os.getpid()),
        "PYTHONUNBUFFERED": "1",
    }
