"""Starts programs of picha's as forks of one that has read every module of it: half a second of computing less each.

A program so started is a process of its own, with the words, environment, folder, standard streams, signals and exit
code that an executed one would have, and a child of this process; its name is the first of its words. What a `picha up`
so started keeps running are its own forks likewise. Tests about a start itself execute theirs.
"""

import asyncio
import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any, NamedTuple

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # of prctl(2)
_MOST_BYTES = 1 << 20
_ROOT = Path(__file__).parents[1]
_PATIENCE_S = 20.0
_execute = asyncio.create_subprocess_exec
PLAIN = {"PATH": "/usr/bin:/bin"}


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: bytes
    err: bytes


class Program:
    """A program that was started, with what of `asyncio.subprocess.Process` tests use."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader | None = None) -> None:
        self.pid, self.stdout = pid, stdout
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs still."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        if self.returncode is None:
            loop, is_over = asyncio.get_running_loop(), asyncio.Event()
            watched = os.pidfd_open(self.pid)
            loop.add_reader(watched, is_over.set)
            try:
                await is_over.wait()
            finally:
                loop.remove_reader(watched)
                os.close(watched)
        return self.reap()

    def reap(self, within_s: float | None = None) -> int:
        """Do the same, and let nothing else go on meanwhile."""
        if self.returncode is None:
            if within_s is not None:
                watched = os.pidfd_open(self.pid)
                is_over, _, _ = select.select([watched], [], [], within_s)
                os.close(watched)
                assert is_over, f"process {self.pid} does not end"
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


class _Nursery:
    """The program that forks, which runs from the first wish on for as long as this process does."""

    def __init__(self) -> None:
        self.line: socket.socket | None = None
        self._one_at_a_time = Lock()

    def fork(self, wish: Mapping[str, Any], streams: Sequence[int]) -> int:
        with self._one_at_a_time:
            if self.line is None:
                self.line = _raised()
            socket.send_fds(self.line, [json.dumps(wish).encode()], streams)
            return int(self.line.recv(_MOST_BYTES))


def _raised() -> socket.socket:
    """Start the program that forks, which ends with this one."""
    ours, its = _line()
    with its:
        command = [sys.executable, "-m", "tests.nursery", str(its.fileno())]
        program = subprocess.Popen(command, pass_fds=[its.fileno()], cwd=_ROOT, env=PLAIN)

    def end() -> None:
        ours.close()
        program.wait()

    atexit.register(end)
    return ours


def _line() -> tuple[socket.socket, socket.socket]:
    """Return our end of a line to a program that forks for us, and its end."""
    # Whatever it forks is left to us by whoever stood between, and is our child.
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


_nursery = _Nursery()


def started(
    words: Sequence[str],
    *,
    out: IO[Any] | int,
    err: IO[Any] | int = 2,
    given: IO[Any] | None = None,
    environment: Mapping[str, str] = PLAIN,
    folder: str | Path = ".",
    leads: bool = False,
) -> Program:
    """Start `picha` with these words; `out`, `err` and `given` are its standard streams, open files or descriptors.

    One that `leads` has a session of its own.
    """
    wish = {"words": words, "environment": dict(environment), "folder": str(Path(folder).resolve()), "leads": leads}
    with Path(os.devnull).open("rb") as nothing:
        streams = [one if isinstance(one, int) else one.fileno() for one in (given or nothing, out, err)]
        return Program(_nursery.fork(wish | {"parent": os.getpid()}, streams))


async def ran(
    *words: str, given: bytes = b"", environment: Mapping[str, str] = PLAIN, folder: str | Path = "."
) -> Done:
    """Run a command to its end."""
    with TemporaryFile() as read, TemporaryFile() as out, TemporaryFile() as err:
        read.write(given)
        read.seek(0)
        code = await started(words, given=read, out=out, err=err, environment=environment, folder=folder).wait()
        out.seek(0)
        err.seek(0)
        return Done(code, out.read(), err.read())


@asynccontextmanager
async def heard(
    words: Sequence[str], *, environment: Mapping[str, str] = PLAIN
) -> AsyncIterator[tuple[Program, asyncio.StreamReader]]:
    """Start a program and yield it with what it says, line by line; it is ended at the end if it runs still."""
    ours, its = os.pipe()
    program = started(words, out=its, environment=environment)
    os.close(its)
    lines, transport = await _read(ours)
    try:
        yield program, lines
    finally:
        program.terminate()
        async with asyncio.timeout(_PATIENCE_S):
            await program.wait()
        transport.close()


async def _read(pipe: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    """Read a pipe line by line, until the transport is closed or nobody writes into it any more."""
    lines, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(pipe, "rb", 0))
    return lines, transport


async def _forked(*argv: str, **given: Any) -> Any:
    """Stand in for `asyncio.create_subprocess_exec` in a program that keeps others of picha's running."""
    if "picha.cli" not in argv:
        return await _execute(*argv, **given)
    words, out, ours = argv[argv.index("picha.cli") + 1 :], given["stdout"], -1
    if out == subprocess.PIPE:
        ours, out = os.pipe()
    leads = given["start_new_session"]
    program = started(words, out=out, err=given["stderr"], environment=given["env"], leads=leads)
    if ours >= 0:
        os.close(out)
        program.stdout, _ = await _read(ours)
    return program


def _brood() -> list[str] | None:
    """Let this program fork what it keeps running; return in such a child with the words of its command."""
    ours, its = _line()
    mother = os.fork()
    if not mother:
        ours.close()
        # It holds nothing open by which somebody could tell that this program lives.
        nothing = os.open(os.devnull, os.O_RDWR)
        for place in range(3):
            os.dup2(nothing, place)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _asked(its)
    its.close()

    def end() -> None:
        ours.close()
        os.waitpid(mother, 0)

    atexit.register(end)
    _nursery.line = ours
    asyncio.create_subprocess_exec = _forked  # type: ignore[assignment]
    return None


def _asked(line: socket.socket) -> list[str]:
    """Fork whenever that is asked for, and return in the child with the words of its command."""
    while True:
        told, streams, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
        if not told:
            os._exit(0)
        # The child's parent is one who ends at once, so that it falls to the process that asked.
        if between := os.fork():
            os.waitpid(between, 0)
            for one in streams:
                os.close(one)
        elif child := os.fork():
            line.send(str(child).encode())
            os._exit(0)
        else:
            line.close()
            return _born(json.loads(told), streams)


def _born(wish: Mapping[str, Any], streams: Sequence[int]) -> list[str]:
    """Become what the wish asks for."""
    while os.getppid() != wish["parent"]:
        time.sleep(0.0005)
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != wish["parent"]:
        os._exit(1)
    for place, one in enumerate(streams):
        os.dup2(one, place)
        os.close(one)
    if wish["leads"]:
        os.setsid()
    os.chdir(wish["folder"])
    os.environ.clear()  # noqa: TID251 - the program's own, as an executed one is given it
    os.environ.update(wish["environment"])  # noqa: TID251 - as above
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    words = list(wish["words"])
    Path("/proc/self/comm").write_text(words[0], encoding="utf-8")
    return (_brood() if words[0] == "up" else None) or words


_codes: list[int] = []


def _leave() -> None:
    """End without taking apart what a program was forked with, which takes a tenth of a second."""
    if _codes:
        sys.stdout.flush()
        os._exit(_codes[0])


def _run(main: Callable[[], None]) -> None:
    try:
        with suppress(BrokenPipeError):
            main()
        _codes.append(0)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            _codes.append(end.code or 0)
        raise


def _read_every_module() -> None:
    import picha  # noqa: PLC0415 - for those who start programs it would be for nothing

    for module in pkgutil.walk_packages(picha.__path__, "picha."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _read_every_module()
    # Called last: after all that a program wants done at its end.
    atexit.register(_leave)
    gc.collect()
    gc.freeze()
    words = _asked(socket.socket(fileno=int(sys.argv[1])))

    from picha.cli import __main__ as command_line
    from picha.cli import main

    sys.modules["__main__"] = command_line
    sys.argv = [str(command_line.__file__), *words]
    _run(main)
