"""A sandbox's state on disk: the world as one document, another world in its place, and the journal kept short.

All three are the same telling of the journal's history.
"""

import asyncio
import base64
import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from picha.sandbox import records
from picha.sandbox.background import Background, in_thread
from picha.sandbox.blobs import Blobs
from picha.sandbox.chance import Place
from picha.sandbox.document import STATE_MAX_BYTES, VERSION, StateDocument, Unfit
from picha.sandbox.ground import Ground
from picha.sandbox.history import OWN, History

# A journal is told anew when it has twice the size that was left of it the last time, but not for less than this.
_WORTHWHILE_BYTES = 16 << 20
_NEW = "journal.new"


class Cut(NamedTuple):
    """The world at one moment: so many bytes of the journal, when it was, and where its ids go on."""

    file: BinaryIO
    size: int
    now: float
    record_count: int
    chance: Place

    def placed(self, size: int) -> records.Placed:
        """Return the record that ends a telling of this world which took `size` bytes."""
        return records.Placed(size=size, record_count=self.record_count, chance=self.chance)


class State:
    """Tells the world from its journal in `home`, which has room for what is written meanwhile."""

    def __init__(self, ground: Ground, blobs: Blobs, home: Path) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._blobs = blobs
        self._home = home
        # One file at a time is made to take the journal's place.
        self._turn = asyncio.Lock()
        self._work = Background("the journal could not be shortened")

    def watch(self) -> None:
        """Clear away what a kill left behind, and shorten the journal, in the background, whenever it is too long."""
        (self._home / _NEW).unlink(missing_ok=True)
        self._blobs.sweep(self._world.digests())
        placed = self._world.placed
        self._shorten_past(placed.size if placed else 0)

    async def close(self) -> None:
        """Stop, once what is being written is written."""
        await self._work.close()

    async def export(self) -> BinaryIO:
        """Return an open file with the state document; it is gone when it is closed.

        Raises:
            Unfit: the document would be too long to be taken again.
            OSError: the disk refused.
        """
        return await in_thread(self._export, self._cut())

    async def put(self, document: StateDocument, then: Callable[[], None]) -> None:
        """Let the world of a checked document take this one's place; `then` is called when it is on disk, whole.

        Raises:
            OSError: the disk refused; nothing has changed.
        """
        own: list[records.AnyRecord] = [records.Born(seed=self._world.seed or "")]
        if self._world.named is not None:
            own.append(records.AccountsNamed(accounts=self._world.named))

        def tell(out: BinaryIO) -> None:
            for data in document.media.values():
                self._blobs.keep(iter((data,)))
            _write(out, map(records.encode, (*own, *document.records)), document.placed)

        async with self._turn:
            await self._swap(tell, upto=None, then=then)

    def _shorten_past(self, size: int) -> None:
        self._journal.when_larger(max(_WORTHWHILE_BYTES, 2 * size), lambda: self._work.start(self._shorten()))

    async def _shorten(self) -> None:
        async with self._turn:
            cut = self._cut()

            def tell(out: BinaryIO) -> None:
                with cut.file:
                    _write(out, (line for _, line in self._history(cut).lines()), cut.placed)

            try:
                await self._swap(tell, upto=cut.size, then=lambda: None)
            finally:
                self._shorten_past(self._journal.size)

    async def _swap(self, tell: Callable[[BinaryIO], None], *, upto: int | None, then: Callable[[], None]) -> None:
        new = self._home / _NEW

        def write() -> None:
            with new.open("wb") as out:
                tell(out)

        try:
            await in_thread(write)
            await self._journal.swap(new, upto=upto, then=then)
        finally:
            new.unlink(missing_ok=True)

    def _cut(self) -> Cut:
        return Cut(
            file=self._journal.reading(),
            size=self._journal.size,
            now=self._clock.now().timestamp(),
            record_count=self._world.record_count,
            chance=self._chance.place,
        )

    def _history(self, cut: Cut) -> History:
        return History(cut.file, cut.size, now=cut.now, has_bytes=lambda digest: self._blobs.path(digest).exists())

    def _export(self, cut: Cut) -> BinaryIO:
        with contextlib.ExitStack() as stack:
            stack.enter_context(cut.file)
            file = stack.enter_context(tempfile.TemporaryFile(dir=self._home))
            for chunk in self._document(cut):
                file.write(chunk)
                if file.tell() > STATE_MAX_BYTES:
                    raise Unfit(f"the state has more than {STATE_MAX_BYTES:,} bytes; stop and copy the home instead")
            file.seek(0)
            stack.pop_all()
        cut.file.close()
        return cast("BinaryIO", file)

    def _document(self, cut: Cut) -> Iterator[bytes]:
        history = self._history(cut)
        head = {"version": VERSION, "record_count": cut.record_count, "chance": cut.chance}
        yield msgspec.json.encode(head)[:-1] + b',"records":['
        yield from _listed(line for tag, line in history.lines() if tag not in OWN)
        yield b'],"media":{'
        yield from _listed(b'"%b":"%b"' % (digest.encode(), self._base64(digest)) for digest in history.digests)
        yield b"}}\n"

    def _base64(self, digest: str) -> bytes:
        return base64.b64encode(self._blobs.read(digest))


def _listed(items: Iterable[bytes]) -> Iterator[bytes]:
    """Yield items with a comma and a line's end between them."""
    between = b"\n"
    for item in items:
        yield between + item
        between = b",\n"


def _write(out: BinaryIO, lines: Iterable[bytes], placed: Callable[[int], records.Placed]) -> None:
    """Write lines, and after them the record that ends a telling of so many bytes."""
    out.writelines(line + b"\n" for line in lines)
    out.write(records.encode(placed(out.tell())) + b"\n")
