"""Blobs as plain files of one folder: nothing is there until all of it is on the disk.

A blob is written to a temporary file, synced, renamed into place, and the folder synced: after a crash
it is there whole or not at all. Work on the disk runs in threads.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

from picha.gateway.blobs import Before, BlobMissing, Kept
from picha.gateway.blobs.checking import Tally, checked, name_of, note_name, surely, verified
from picha.gateway.blobs.draft import Draft, sweep
from picha.kit.disk import sync_folder

_ROOM, _NOTES = "writing", "notes"
_PIECE_BYTES = 256 * 1024


class LocalBlobs:
    """Keeps blobs under `root`, which is made if it is missing; files are 0600, folders 0700.

    Several processes may share the folder. What a killed one left half written is swept when the next one starts.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._room = root / _ROOM
        _make_folder(self._room)
        sweep(self._room)

    def path(self, digest: bytes) -> Path:
        """Return where the bytes of `digest` are, or would be, kept: two levels of folders, then the digest in hex.

        Raises:
            ValueError: `digest` is not 32 bytes long.
        """
        name = name_of(digest)
        return self._root / name[:2] / name[2:4] / name

    async def put(self, data: bytes) -> bytes:
        """Keep `data` and return its SHA-256 once the file and its folder are on the disk.

        Raises:
            OSError: the disk did not take it; nothing half written stays.
        """
        return await asyncio.to_thread(self._put, data)

    async def put_stream(self, chunks: AsyncIterable[bytes], *, most: int, before: Before | None = None) -> Kept:
        """Keep what `chunks` bring; what they bring is on the disk, unseen, as it comes.

        Raises:
            BlobTooLarge: there were more than `most` bytes.
            OSError: the disk did not take it; nothing half written stays.
        """
        draft, tally = Draft(self._room), Tally(most)
        try:
            async for chunk in chunks:
                tally.add(chunk)
                await surely(draft.write, chunk)
            kept = tally.kept()
            if before is not None:
                await before(kept.digest)
            await surely(self._settle, draft, kept.digest)
        finally:
            draft.drop()
        return kept

    async def get(self, digest: bytes) -> bytes:
        """Return the bytes of `digest`, checked against it.

        Raises:
            BlobMissing: there are none, or (BlobDamaged) they are not those.
        """
        return await asyncio.to_thread(self._get, digest)

    def stream(self, digest: bytes, *, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Give the bytes of `digest` in pieces; see `Blobs.stream`."""
        pieces = self._pieces(digest, start, stop)
        return pieces if start or stop is not None else verified(pieces, digest)

    async def size(self, digest: bytes) -> int:
        """Return how many bytes are kept under `digest`.

        Raises:
            BlobMissing: there are none.
        """
        try:
            return (await asyncio.to_thread(self.path(digest).stat)).st_size
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    async def delete(self, digest: bytes) -> None:
        """Remove the file of `digest`; after a crash it may be there again, and is removed by the next call."""
        await asyncio.to_thread(self.path(digest).unlink, missing_ok=True)

    async def note(self, name: str, text: bytes) -> None:
        """Keep a few bytes under a name, whole or not at all; see `Blobs.note`."""
        await asyncio.to_thread(self._note, name, text)

    async def noted(self, name: str) -> bytes | None:
        """Return what was last noted under a name."""
        path = self._root / _NOTES / note_name(name)
        return await asyncio.to_thread(lambda: path.read_bytes() if path.exists() else None)

    def _note(self, name: str, text: bytes) -> None:
        folder, draft = self._root / _NOTES, Draft(self._room)
        try:
            draft.write(text)
            _make_folder(folder)
            draft.keep(folder / note_name(name))
        finally:
            draft.drop()
        sync_folder(folder)

    def _put(self, data: bytes) -> bytes:
        digest, draft = hashlib.sha256(data).digest(), Draft(self._room)
        try:
            self._settle(draft, digest, data)
        finally:
            draft.drop()
        return digest

    def _settle(self, draft: Draft, digest: bytes, rest: bytes = b"") -> None:
        """Add `rest` to a draft and give it its name, unless the blob is there already."""
        path = self.path(digest)
        if not self._is_whole(digest):
            draft.write(rest)
            _make_folder(path.parent)
            draft.keep(path)
        # Also when the file was there: its writer may have died, or not have come, between rename and sync.
        sync_folder(path.parent)

    def _is_whole(self, digest: bytes) -> bool:
        try:
            with self.path(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() == digest
        except FileNotFoundError:
            return False

    def _get(self, digest: bytes) -> bytes:
        try:
            return checked(self.path(digest).read_bytes(), digest)
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    async def _pieces(self, digest: bytes, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        # Each piece opens the file anew, so that a reader that goes away leaves nothing open.
        path, place = self.path(digest), start
        while stop is None or place < stop:
            most = _PIECE_BYTES if stop is None else min(_PIECE_BYTES, stop - place)
            try:
                piece = await asyncio.to_thread(_read, path, place, most)
            except FileNotFoundError:
                raise BlobMissing(digest) from None
            if not piece:
                return
            place += len(piece)
            yield piece


def _read(path: Path, place: int, most: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return os.pread(file.fileno(), most, place)


def _make_folder(path: Path) -> None:
    """Make `path` and its missing parents, each 0700, and sync the folder each new name stands in."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    sync_folder(path.parent)
