"""A file that nobody sees until all of it is on the disk."""

import fcntl
import os
import tempfile
from contextlib import suppress
from io import FileIO
from pathlib import Path


class Draft:
    """A temporary file in `room`, 0600, locked while its writer lives; kept under a name or dropped."""

    def __init__(self, room: Path) -> None:
        self._room = room
        self._file: FileIO | None = None
        self._name: Path | None = None

    def write(self, chunk: bytes) -> None:
        """Add `chunk` to the file, which is made by the first one.

        Raises:
            OSError: the disk did not take it.
        """
        file = self._file or self._begin()
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]

    def keep(self, path: Path) -> None:
        """Sync the file and give it its name. The folder of the name is left to the caller to sync.

        Raises:
            OSError: the disk did not take it; the draft still has to be dropped.
        """
        file = self._file or self._begin()
        os.fdatasync(file)
        assert self._name is not None  # noqa: S101 - begun above
        self._name.rename(path)
        self._name = None

    def drop(self) -> None:
        """Close the file, and remove it unless it was kept."""
        if self._name is not None:
            self._name.unlink(missing_ok=True)
        if self._file is not None:
            self._file.close()

    def _begin(self) -> FileIO:
        while True:
            handle, name = tempfile.mkstemp(dir=self._room)  # 0600 whatever the umask
            file = FileIO(handle, "wb")
            fcntl.flock(file, fcntl.LOCK_EX)
            # Between making and locking, a sweep may have taken it for abandoned. Once locked it is safe.
            if os.fstat(handle).st_nlink:
                self._file, self._name = file, Path(name)
                return file
            file.close()


def sweep(room: Path) -> None:
    """Remove the drafts whose writers are dead: a file without a lock has no writer."""
    for left in room.iterdir():
        with suppress(FileNotFoundError, BlockingIOError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
