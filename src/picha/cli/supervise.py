"""Keeps a handful of child programs running, and ends all of them in order.

Each child leads a session of its own, so that a terminal's Ctrl-C reaches only the supervisor, and writes to a log file
of its own. A child that dies is started again within a second; one that dies five times in a minute is given up.
The commands must be tied to the supervisor's life (`picha.kit.launch.tied`).
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from picha.kit.clock import Clock
from picha.kit.logs import redact

RESTART_DELAY_S = 0.5
DEATHS_ALLOWED = 5
DEATHS_WITHIN_S = 60.0
LOG_MAX_BYTES = 10 * 1024 * 1024
_LOG_CHECK_S = 30.0
_LAST_LINES = 12
_TAIL_BYTES = 8192


@dataclass(frozen=True, kw_only=True)
class Child:
    """One program to keep running.

    `command` is asked at every start. `before` runs in a thread ahead of every start. `is_telling` marks a program that
    prints a JSON object on one line of its standard output when it is ready; that line is handed out and never logged.
    """

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str]
    before: Callable[[], object] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience_s: float = 10.0
    is_telling: bool = False


@dataclass
class _Kept:
    """A child and what is known of it now."""

    child: Child
    log: Path
    ready_line: "asyncio.Future[bytes]"
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_ALLOWED))
    started: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    task: "asyncio.Task[None] | None" = None


class Supervisor:
    """Starts children in the order given and stops them in the reverse order.

    `logs` is the folder of the children's logs; `say` is called with one line for a person when a child dies.
    """

    def __init__(self, logs: Path, clock: Clock, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._clock = clock
        self._say = say
        self._kept: dict[str, _Kept] = {}
        self._stopping = asyncio.Event()
        self._given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._rotation = asyncio.create_task(self._rotate())

    async def start(self, child: Child) -> None:
        """Start `child` and keep it running from now on; return once its process was made."""
        kept = _Kept(child, self._logs / f"{child.name}.log", asyncio.get_running_loop().create_future())
        self._kept[child.name] = kept
        kept.task = asyncio.create_task(self._keep(kept))
        kept.task.add_done_callback(self._notice_surprise)
        await kept.started.wait()

    def pids(self) -> dict[str, int]:
        """Return the process id of every child by its name."""
        return {name: kept.process.pid for name, kept in self._kept.items() if kept.process is not None}

    def is_alive(self, name: str) -> bool:
        """Tell whether the child of that name has a process that runs."""
        process = self._kept[name].process
        return process is not None and process.returncode is None

    @property
    def is_stopping(self) -> bool:
        """Tell whether the end has begun: nothing is started any more."""
        return self._stopping.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait `seconds`, or less if the end begins."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def ready_line(self, name: str) -> bytes:
        """Return the first ready line of a telling child, without its line end; waits for it."""
        return await asyncio.shield(self._kept[name].ready_line)

    async def given_up(self) -> str:
        """Return the name of the first child that died five times in a minute; waits for ever if none does."""
        return await asyncio.shield(self._given_up)

    async def stop(self) -> None:
        """Stop every child, the last started first, each with its own patience; return when all are gone."""
        self._stopping.set()
        self._rotation.cancel()
        for kept in reversed(self._kept.values()):
            await _end(kept)

    async def _keep(self, kept: _Kept) -> None:
        while not self._stopping.is_set():
            ending = await self._live_once(kept)
            if self._stopping.is_set():
                return
            self._tell_death(kept, ending)
            if self._is_hopeless(kept):
                if not self._given_up.done():
                    self._given_up.set_result(kept.child.name)
                return
            await self.pause(RESTART_DELAY_S)

    def _notice_surprise(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (problem := task.exception()) and not self._given_up.done():
            self._given_up.set_exception(problem)

    async def _live_once(self, kept: _Kept) -> str:
        """Run the child once, from its preparation to its end, and return in words how it ended."""
        try:
            if kept.child.before is not None:
                await asyncio.to_thread(kept.child.before)
            if self._stopping.is_set():
                return "was not started"
            with _open_log(kept.log) as log:
                kept.process = process = await _spawn(kept.child, log)
                kept.started.set()
                pump = asyncio.create_task(_pump(process.stdout, kept.ready_line, log))
                code = await process.wait()
                _kill_group(process.pid)
                await pump
        except (OSError, RuntimeError) as problem:
            return f"could not be started: {problem}"
        finally:
            kept.started.set()
        return f"ended with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

    def _tell_death(self, kept: _Kept, ending: str) -> None:
        lines = [f"{kept.child.name} {ending}; the end of {kept.log}:", *_last_lines(kept.log)]
        self._say("\n    ".join(lines))

    def _is_hopeless(self, kept: _Kept) -> bool:
        now = self._clock.monotonic()
        kept.deaths.append(now)
        return len(kept.deaths) == DEATHS_ALLOWED and now - kept.deaths[0] <= DEATHS_WITHIN_S

    async def _rotate(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_S)
            for kept in self._kept.values():
                start_fresh_if_large(kept.log)


def start_fresh_if_large(log: Path) -> None:
    """Move the text of a log over 10 MB to `<name>.1`, and leave the log empty for those who append to it."""
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)


def _open_log(path: Path) -> IO[bytes]:
    start_fresh_if_large(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab", buffering=0)


async def _spawn(child: Child, log: IO[bytes]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *child.command(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if child.is_telling else log,
        stderr=log,
        env=dict(child.environment),
        start_new_session=True,
    )


async def _pump(source: asyncio.StreamReader | None, ready_line: "asyncio.Future[bytes]", log: IO[bytes]) -> None:
    """Hand out the ready line and log everything else, until the program closes its output."""
    if source is None:
        return
    while (line := await source.readline()) and not line.startswith(b"{"):
        log.write(line)
    if line and not ready_line.done():
        ready_line.set_result(line.rstrip(b"\r\n"))
    while chunk := await source.read(65536):
        log.write(chunk)


def _last_lines(log: Path) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    return [redact(line) for line in text.splitlines()[-_LAST_LINES:]]


async def _end(kept: _Kept) -> None:
    if kept.process is not None and kept.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            kept.process.send_signal(kept.child.stop_signal)
        try:
            await asyncio.wait_for(kept.process.wait(), kept.child.patience_s)
        except TimeoutError:
            _kill_group(kept.process.pid)
    if kept.task is not None:
        await kept.task


def _kill_group(leader: int) -> None:
    """Kill what is left of the session that a child led: programs of its own that it did not take along."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
