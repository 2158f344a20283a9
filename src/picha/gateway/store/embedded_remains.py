"""What a killed PostgreSQL leaves behind, and how it is cleared before the next start.

PostgreSQL's own check reads a process id from a file and is misled by a killed server that nobody reaped and by a
recycled id. Here a process counts as the server's only when the kernel says that it is a `postgres` whose working
folder is the data folder. The caller must hold the lock of the server's folder.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

_POLL_S = 0.02


def clear(data: Path, sockets: Path, *, patience_s: float = 5.0) -> None:
    """End every process that still works on `data`, then take away the lock files that a killed server left.

    An old server is asked to stop at once and given `patience_s` seconds, then everything left is killed and waited for
    as long again. Raises `TimeoutError` if something survives even that. Linux only; elsewhere PostgreSQL's own check
    has to do.
    """
    if not Path("/proc/self/cwd").exists():
        return
    if not _end(data, signal.SIGQUIT, patience_s) and not _end(data, signal.SIGKILL, patience_s):
        raise TimeoutError(f"processes {working_on(data)} of an earlier PostgreSQL hold {data} and cannot be ended")
    for left in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
        left.unlink(missing_ok=True)


def working_on(data: Path) -> list[int]:
    """Return the ids of all living `postgres` processes whose working folder is `data`."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_server(entry, data)]


def _is_server(entry: Path, data: Path) -> bool:
    # A process that is gone, a zombie or another user's has no readable links: none of those is ours and alive.
    try:
        program = (entry / "exe").readlink().name.removesuffix(" (deleted)")
        return program == "postgres" and (entry / "cwd").readlink() == data
    except OSError:
        return False


def _end(data: Path, sign: signal.Signals, patience_s: float) -> bool:
    """Send `sign` to each process on `data` and tell whether all were gone within `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    told: set[int] = set()
    while pids := working_on(data):
        for pid in set(pids) - told:
            told.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True
