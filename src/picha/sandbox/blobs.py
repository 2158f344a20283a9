"""Bytes by digest: one file for each picture, however many media ids stand for it."""

import hashlib
import os
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO

from picha.kit.disk import sync_folder

_CHUNK = 1 << 20


class Blobs:
    """A folder of files named by the SHA-256 of what they hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Return where the bytes with this hexadecimal SHA-256 are, or would be."""
        return self._folder / digest[:2] / digest

    def read(self, digest: str) -> bytes:
        """Return the bytes with this hexadecimal SHA-256.

        Raises:
            FileNotFoundError: they were never kept.
        """
        return self.path(digest).read_bytes()

    def sweep(self, digests: Container[str]) -> None:
        """Remove every file but those with these digests; nobody else may be using the folder."""
        for file in self._folder.rglob("*"):
            if file.is_file() and file.name not in digests:
                file.unlink()

    def keep(self, chunks: Iterator[bytes]) -> str:
        """Store the bytes durably and return their hexadecimal SHA-256; the same bytes twice are one file.

        Raises:
            OSError: the disk refused; nothing is left behind.
        """
        handle, name = tempfile.mkstemp(dir=self._folder, prefix="new-")
        try:
            return self._keep(chunks, handle, name)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _keep(self, chunks: Iterator[bytes], handle: int, name: str) -> str:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fdatasync(file.fileno())
        home = self.path(digest.hexdigest())
        home.parent.mkdir(mode=0o700, exist_ok=True)
        Path(name).rename(home)
        for folder in (home.parent, self._folder):
            sync_folder(folder)
        return home.name


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of an open file, a mebibyte at a time."""
    while chunk := file.read(_CHUNK):
        yield chunk
