"""The journal: an append-only file in which many concurrent writers share one fsync.

A record is in memory only after it is on disk, so the world never shows what a power cut could take back.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from picha.sandbox.records import AnyRecord, decode, encode


class JournalDamaged(Exception):  # noqa: N818 - a state of the file, told to a person
    """A line before the last cannot be read: the file was changed by something else than a crash."""


def replay(path: Path) -> Iterator[AnyRecord]:
    """Yield every record of the journal at `path` in order, then cut off a torn last line if there is one.

    Raises:
        JournalDamaged: a line before the last cannot be read.
    """
    if not path.exists():
        return
    sound = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                if not line.endswith(b"\n"):
                    break
                record = decode(line)
            except msgspec.MsgspecError as why:
                if lines.read(1):
                    raise JournalDamaged(f"{path}, line {number}: {why}") from why
                break
            sound += len(line)
            yield record
    if sound < path.stat().st_size:
        os.truncate(path, sound)


class Journal:
    """Appends records durably; `on_durable` is called with each record, in order, once its batch is on disk."""

    def __init__(self, path: Path, on_durable: Callable[[AnyRecord], None]) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._on_durable = on_durable
        self._waiting: list[tuple[Sequence[AnyRecord], asyncio.Future[None]]] = []
        self._something = asyncio.Event()
        self._writer = asyncio.create_task(self._write())
        _fsync_folder(path.parent)

    async def append(self, *records: AnyRecord) -> None:
        """Return once all `records` are on disk and in the world; they stand together and in order.

        Raises:
            OSError: the disk refused; nothing of these records has happened.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, done))
        self._something.set()
        # A caller that goes away does not take back what was queued.
        await asyncio.shield(done)

    async def close(self) -> None:
        """Write what is queued and close the file."""
        if queued := [done for _, done in self._waiting]:
            await asyncio.wait(queued)
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer
        os.close(self._file)

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            batch = list(self._waiting)
            lines = b"".join(encode(record) + b"\n" for records, _ in batch for record in records)
            try:
                await asyncio.shield(asyncio.to_thread(self._put, lines))
            except OSError as why:
                failure: OSError | None = why
            else:
                failure = None
            del self._waiting[: len(batch)]
            for records, done in batch:
                self._finish(records, done, failure)

    def _put(self, lines: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def _finish(self, records: Sequence[AnyRecord], done: asyncio.Future[None], failure: OSError | None) -> None:
        if failure is not None:
            done.set_exception(failure)
            return
        try:
            for record in records:
                self._on_durable(record)
        except Exception as why:  # noqa: BLE001 - whoever asked hears of it; the other writers go on
            done.set_exception(why)
        else:
            done.set_result(None)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
