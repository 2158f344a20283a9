"""Starts the sandbox as the program it is, on a free port of this machine, and ends it."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Literal

import msgspec

from picha.kit.launch import tied
from picha.sandbox.ready import Ready
from picha.testing.sandbox import Sandbox

_PATIENCE_S = 30.0
_LADDER = (100, 100, 100)
_OURS = "PICHA_SANDBOX_"


class NotStartedError(Exception):
    """The sandbox ended, or said nothing, before it was ready; the message holds what it wrote."""


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a sandbox for tests is started.

    - `config`: a TOML file as `picha sandbox --config` takes it, with accounts and numbers or any flag; what else is
      set here wins over it.
    - `ladder`: the pauses before sent, delivered and read, in milliseconds; without a `config`, 100 each. None in place
      of the second or third waits for the person.
    - `limits`: whether Meta's rates count; they do where the `config` says nothing else.
    - `window`: whether a send needs a message from its recipient in the last 24 hours, as for `limits`.
    - `callback`: where webhooks go, taken on trust; `Sandbox.subscribe` sets it later, with the handshake.
    - `verify_token`: what the handshake shows; without it, one derived from the seed.
    - `seed`: makes credentials and ids the same in every run.
    - `dialect`: the year whose webhooks are written; 2026 where the `config` says nothing else.
    - `switches`: which side to take where Meta's documents disagree, such as `{"window_failure": "sync"}`.
    - `home`: a folder that outlives the sandbox; without it everything is forgotten at the end.
    """

    config: Path | None = None
    ladder: tuple[int, int | None, int | None] | None = None
    limits: bool | None = None
    window: bool | None = None
    callback: str | None = None
    verify_token: str | None = None
    seed: str | None = None
    dialect: Literal["2026", "2025"] | None = None
    switches: Mapping[str, str] = msgspec.field(default_factory=dict)
    home: Path | None = None


@contextlib.contextmanager
def running(options: SandboxOptions | None = None) -> Iterator[Sandbox]:
    """Run a sandbox while the context is open.

    It is a process of its own that ends with this one. On Linux it also ends with the thread that started it.

    Raises:
        NotStartedError: it did not start; without Picha's `[server]` extra it cannot.
    """
    with tempfile.TemporaryDirectory(prefix="picha-testing-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as written, _started(_command(options or SandboxOptions(), Path(folder)), written) as door:
            yield Sandbox(_ready(door, log))


def _command(options: SandboxOptions, folder: Path) -> list[str]:
    # A home that is named, even a passing one, wins over one that the environment names.
    ladder = options.ladder or (_LADDER if options.config is None else None)
    flags: dict[str, str | None] = {
        "--home": str(options.home or folder / "home"),
        "--host": "127.0.0.1",
        "--port": "0",
        "--config": None if options.config is None else str(options.config),
        "--ladder": None if ladder is None else ",".join("-" if pause is None else str(pause) for pause in ladder),
        "--limits": _switched(options.limits),
        "--window": _switched(options.window),
        "--dialect": options.dialect,
        "--callback": options.callback,
        "--verify-token": options.verify_token,
        "--seed": options.seed,
        "--switch": ",".join(f"{name}={value}" for name, value in options.switches.items()) or None,
    }
    given = [part for flag, value in flags.items() if value is not None for part in (flag, value)]
    argv = [sys.executable, "-m", "picha.cli", "sandbox", "--json", *given]
    return tied(argv, on_death=signal.SIGTERM)


def _switched(is_on: bool | None) -> str | None:  # noqa: FBT001 - the value itself
    return None if is_on is None else "on" if is_on else "off"


def _environment() -> Mapping[str, str]:
    """Return the environment without what would start another sandbox than the options say."""
    ours = os.environ.items()  # noqa: TID251 - handed on to a child, not read
    return {name: value for name, value in ours if not name.startswith(_OURS)}


@contextlib.contextmanager
def _started(argv: list[str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=_environment()
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready(process: subprocess.Popen[bytes], log: Path) -> Ready:
    # Killing it ends the read of a line that never comes.
    patience = threading.Timer(_PATIENCE_S, process.kill)
    patience.daemon = True
    patience.start()
    try:
        line = process.stdout.readline() if process.stdout else b""
    finally:
        patience.cancel()
        patience.join()
    try:
        return msgspec.json.decode(line, type=Ready)
    except msgspec.DecodeError:
        raise NotStartedError(f"the sandbox did not start: {log.read_text(errors='replace')}") from None
