"""Blobs as plain files of one folder: nothing is there until all of it is on the disk.

A blob is written to a temporary file, synced, renamed into place, and the folder synced: after a crash
it is there whole or not at all. Work on the disk runs in threads.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import tempfile
from io import FileIO
from pathlib import Path

from picha.gateway.blobs import BlobMissing

_DIGEST_BYTES = 32
_ROOM = "writing"


class LocalBlobs:
    """Keeps blobs under `root`, which is made if it is missing; files are 0600, folders 0700.

    Several processes may share the folder. What a killed one left half written is swept when the next one starts: a
    writer holds a lock on its file, and a file without a lock has no writer.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._room = root / _ROOM
        _make_folder(self._room)
        _sweep(self._room)

    def path(self, digest: bytes) -> Path:
        """Return where the bytes of `digest` are, or would be, kept: two levels of folders, then the digest in hex.

        Raises:
            ValueError: `digest` is not 32 bytes long.
        """
        if len(digest) != _DIGEST_BYTES:
            raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(digest)}")
        name = digest.hex()
        return self._root / name[:2] / name[2:4] / name

    async def put(self, data: bytes) -> bytes:
        """Keep `data` and return its SHA-256 once the file and its folder are on the disk.

        Raises:
            OSError: the disk did not take it; nothing half written stays.
        """
        return await asyncio.to_thread(self._put, data)

    async def get(self, digest: bytes) -> bytes:
        """Return the bytes of `digest`.

        Raises:
            BlobMissing: there are none.
        """
        try:
            return await asyncio.to_thread(self.path(digest).read_bytes)
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    async def exists(self, digest: bytes) -> bool:
        """Tell whether the bytes of `digest` are kept."""
        return await asyncio.to_thread(self.path(digest).is_file)

    def _put(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()
        path = self.path(digest)
        if not path.exists():
            _make_folder(path.parent)
            self._write(path, data)
        # Also when the file was there: its writer may have died, or not have come, between rename and sync.
        _sync_folder(path.parent)
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        file, name = self._begin()
        with file:
            try:
                _write_all(file.fileno(), data)
                os.fdatasync(file)
                name.rename(path)
            except BaseException:
                name.unlink(missing_ok=True)
                raise

    def _begin(self) -> tuple[FileIO, Path]:
        """Return a new empty file, open and locked, and its path."""
        while True:
            handle, name = tempfile.mkstemp(dir=self._room)  # 0600 whatever the umask
            file = FileIO(handle, "wb")
            fcntl.flock(file, fcntl.LOCK_EX)
            # Between making and locking, a sweep may have taken it for abandoned. Once locked it is safe.
            if os.fstat(handle).st_nlink:
                return file, Path(name)
            file.close()


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _make_folder(path: Path) -> None:
    """Make `path` and its missing parents, each 0700, and sync the folder each new name stands in."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(room: Path) -> None:
    for left in room.iterdir():
        with contextlib.suppress(FileNotFoundError, BlockingIOError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
