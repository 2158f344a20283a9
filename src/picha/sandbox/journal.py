"""The journal: an append-only file in which many concurrent writers share one fsync.

A record is in memory only after it is on disk, so the world never shows what a power cut could take back.
"""

import asyncio
import contextlib
import errno
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from picha.kit.disk import sync_folder
from picha.sandbox.background import Hand
from picha.sandbox.records import AnyRecord, decode, encode_lines

_CHUNK = 1 << 20


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
    """Appends records durably; `on_durable` is called with each record, in order, once its batch is on disk.

    `size` is the bytes of the file whose records have happened. A file made of another telling of the same world, or of
    another world, can take the journal's place.
    """

    def __init__(self, path: Path, on_durable: Callable[[AnyRecord], None]) -> None:
        self._path = path
        self._file = _opened(path)
        self.size = os.fstat(self._file).st_size
        self._is_torn = False
        self._on_durable = on_durable
        self._waiting: list[_Entry] = []
        self._swaps: list[_Swap] = []
        self._mark: float = math.inf
        self._on_large: Callable[[], None] | None = None
        self._something = asyncio.Event()
        self._is_closing = False
        self._hand = Hand()
        self._writer = asyncio.create_task(self._write())
        self._writer.add_done_callback(self._ended)
        sync_folder(path.parent)

    async def append(self, *records: AnyRecord) -> None:
        """Return once all `records` are on disk and in the world; they stand together and in order.

        Raises:
            OSError: the disk refused, or the journal is closed; nothing of these records has happened.
        """
        self._check_open()
        entry = _Entry(encode_lines(records), records, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._something.set()
        # A caller that goes away does not take back what was queued.
        await entry.done

    async def swap(self, new: Path, *, upto: int | None, then: Callable[[], None]) -> None:
        """Let the file `new` take the journal's place; `then` is called when that is durable, before anything else is.

        `upto` says how many bytes of the journal `new` tells of: the rest is added to it. None replaces everything.
        What fails leaves the journal as it was, and removes nothing.

        Raises:
            OSError: the disk refused, or the journal is closed.
        """
        self._check_open()
        swap = _Swap(new, upto, then, asyncio.get_running_loop().create_future())
        self._swaps.append(swap)
        self._something.set()
        await swap.done

    def when_larger(self, than: float, call: Callable[[], None]) -> None:
        """Call `call` once, when the journal has more bytes than this."""
        self._mark, self._on_large = than, call
        self._something.set()

    def reading(self) -> BinaryIO:
        """Return the file as it is now, to be read; it stays readable when another takes its place."""
        return self._path.open("rb")

    async def close(self) -> None:
        """Write what is queued and close the file; who comes later is refused."""
        self._is_closing = True
        self._something.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer
        self._hand.close()
        os.close(self._file)

    def _check_open(self) -> None:
        if self._writer.done():
            raise _closed()

    async def _write(self) -> None:
        while not self._is_closing or self._waiting or self._swaps:
            await self._something.wait()
            self._something.clear()
            await self._write_batch()
            while self._swaps:
                await self._swap_now(self._swaps[0])
                del self._swaps[0]
            if self._on_large and self.size > self._mark:
                self._mark = math.inf
                self._on_large()

    def _ended(self, _writer: "asyncio.Task[None]") -> None:
        """Leave nobody waiting for a writer that has ended."""
        for done in (*(entry.done for entry in self._waiting), *(swap.done for swap in self._swaps)):
            _settle(done, _closed())

    async def _write_batch(self) -> None:
        batch = list(self._waiting)
        failure = await self._hand.tried(self._put, b"".join(entry.lines for entry in batch)) if batch else None
        del self._waiting[: len(batch)]
        for entry in batch:
            _settle(entry.done, failure or self._let_happen(entry.records))

    async def _swap_now(self, swap: "_Swap") -> None:
        old = self._file
        failure = await self._hand.tried(self._replace, swap)
        # When only the new name is not durable yet, the file is in its place all the same.
        if self._file != old:
            try:
                swap.then()
            except Exception as why:  # noqa: BLE001 - whoever asked hears of it
                failure = failure or why
        _settle(swap.done, failure)

    def _let_happen(self, records: Sequence[AnyRecord]) -> Exception | None:
        try:
            for record in records:
                self._on_durable(record)
        except Exception as why:  # noqa: BLE001 - whoever asked hears of it; the other writers go on
            return why
        return None

    def _put(self, lines: bytes) -> None:
        self._cut()
        self._is_torn = True
        try:
            _write_all(self._file, lines)
        except BaseException:
            # If even this fails, the next batch begins with it.
            with contextlib.suppress(OSError):
                self._cut()
            raise
        self._is_torn = False
        self.size += len(lines)

    def _cut(self) -> None:
        """Take away what a failed batch left behind."""
        if self._is_torn:
            os.ftruncate(self._file, self.size)
            self._is_torn = False

    def _replace(self, swap: "_Swap") -> None:
        self._cut()
        new = _opened(swap.new)
        try:
            if swap.upto is not None:
                with self.reading() as old:
                    old.seek(swap.upto)
                    while chunk := old.read(_CHUNK):
                        _write_all(new, chunk)
            os.fsync(new)
            size = os.fstat(new).st_size
            swap.new.replace(self._path)
        except BaseException:
            os.close(new)
            raise
        os.close(self._file)
        self._file, self.size = new, size
        sync_folder(self._path.parent)


class _Entry(NamedTuple):
    """Lines that wait to be written, and who waits for them."""

    lines: bytes
    records: Sequence[AnyRecord]
    done: asyncio.Future[None]


class _Swap(NamedTuple):
    """A file that waits to take the journal's place, and who waits for that."""

    new: Path
    upto: int | None
    then: Callable[[], None]
    done: asyncio.Future[None]


def _settle(done: asyncio.Future[None], failure: Exception | None) -> None:
    if done.done():
        # Whoever waited has gone away.
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)


def _closed() -> OSError:
    return OSError(errno.EBADF, "the journal is closed")


def _opened(path: Path) -> int:
    # Each write returns when it is on disk: a call of its own for that would wait once more for the interpreter's lock.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DSYNC | os.O_CLOEXEC, 0o600)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
