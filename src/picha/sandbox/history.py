"""The journal told anew: the same world in fewer lines, without what nobody can see any more.

It works on the file's lines and knows only the records that can be left out, so that every other kind of record is
carried as it stands. Left out are: what came before a renewal, but for what outlives it; media that was deleted or has
expired, or whose bytes are gone; every place of the clock but the last; webhooks settled longer ago than the log
remembers. A line of the ledger never is.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import msgspec

from picha.sandbox import records
from picha.sandbox.deliveries import SETTLED_MAX


class _Line(msgspec.Struct, frozen=True):
    """What decides whether a line is kept; other members are not looked at."""

    record: str
    id: Any = None
    digest: Any = None
    expires_at: float = 0.0


_look = msgspec.json.Decoder(_Line).decode


def _tags(*kinds: type[records.Record]) -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in kinds)


_OUTLIVES = _tags(*records.OUTLIVES_RENEWAL)
OWN = _tags(records.Born, records.AccountsNamed)
"""What is of the sandbox itself, and no part of the state that another can take."""
_CLOCK, _MEDIA = _tags(records.ClockPlaced), _tags(records.MediaStored)
_RENEWED, _DELETED = _tags(records.Renewed), _tags(records.MediaDeleted)
_QUEUED, _SETTLED = _tags(records.WebhookQueued), _tags(records.WebhookSettled)
_NEVER = _tags(records.Renewed, records.Placed, records.MediaDeleted)


class History:
    """The first `size` bytes of a journal, which are whole lines, read once to see what can be left out.

    `now` is the moment, in Unix seconds of the sandbox's clock, at which media is alive or not; `has_bytes` tells
    whether the bytes with a digest are there.
    """

    def __init__(self, file: BinaryIO, size: int, *, now: float, has_bytes: Callable[[str], bool]) -> None:
        self._file, self._size, self._now = file, size, now
        self._has_bytes = has_bytes
        self._forget()
        for number, line in enumerate(self._read()):
            self._see(number, _look(line))
        # As many as the log remembers stay, the last ones.
        self._old = {self._settled.popleft() for _ in range(len(self._settled) - SETTLED_MAX)}

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Yield the lines that are kept, in order, each with the tag of its record and without its end."""
        for number, line in enumerate(self._read()):
            seen = _look(line)
            if self._is_kept(number, seen):
                yield seen.record, line.rstrip(b"\n")

    @property
    def digests(self) -> list[str]:
        """The digests of the media that is kept, each once, in order."""
        return list(dict.fromkeys(digest for _, digest in self._media.values()))

    def _read(self) -> Iterator[bytes]:
        self._file.seek(0)
        left = self._size
        while left > 0:
            line = self._file.readline()
            left -= len(line)
            yield line

    def _forget(self) -> None:
        self._begun = 0
        self._clock = -1
        self._media: dict[str, tuple[int, str]] = {}
        self._settled: deque[str] = deque()

    def _see(self, number: int, line: _Line) -> None:
        if line.record in _SETTLED:
            self._settled.append(line.id)
        elif line.record in _MEDIA:
            self._media.pop(line.id, None)
            if line.expires_at > self._now and self._has_bytes(line.digest):
                self._media[line.id] = number, line.digest
        elif line.record in _DELETED:
            self._media.pop(line.id, None)
        elif line.record in _CLOCK:
            self._clock = number
        elif line.record in _RENEWED:
            self._forget()
            self._begun = number

    def _is_kept(self, number: int, line: _Line) -> bool:
        tag = line.record
        if tag in _NEVER:
            return False
        if number < self._begun:
            return tag in _OUTLIVES
        if tag in _MEDIA:
            return self._media.get(line.id, (-1, ""))[0] == number
        if tag in _CLOCK:
            return number == self._clock
        return not (tag in _QUEUED or tag in _SETTLED) or line.id not in self._old
