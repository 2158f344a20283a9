"""A lock on a file that one process holds and that the kernel lets go when the process dies."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_S = 0.05


class HeldByOtherError(RuntimeError):
    """Another process holds the lock.

    `pid` is the holder's process id, or None where the file does not tell.
    """

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path = path
        self.pid = pid
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path.parent} is in use by {holder}")


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() else None


def _is_acquired(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _acquire(descriptor: int, path: Path, patience_s: float, on_wait: Callable[[HeldByOtherError], object]) -> None:
    if _is_acquired(descriptor):
        return
    on_wait(HeldByOtherError(path, _holder(descriptor)))
    deadline = time.monotonic() + patience_s
    while not _is_acquired(descriptor):
        if time.monotonic() >= deadline:
            raise HeldByOtherError(path, _holder(descriptor))
        time.sleep(_POLL_S)


@contextlib.contextmanager
def held(
    path: Path, *, patience_s: float = 10.0, on_wait: Callable[[HeldByOtherError], object] = lambda _why: None
) -> Iterator[None]:
    """Hold the lock file `path`, made if missing, for the length of the block.

    Waits up to `patience_s` seconds for another holder, and calls `on_wait` once before it does. Raises
    `HeldByOtherError` after that. Programs started inside the block do not inherit the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, patience_s, on_wait)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
