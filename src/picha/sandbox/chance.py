"""Chance as an argument: every id, token and dice throw of one sandbox comes from one seed."""

import hashlib
from typing import Annotated

import msgspec

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stream of values has come to: its seed, its starting place, and how many were drawn from there.

    `streams` tells how many were drawn from each stream of its own kind.
    """

    seed: str
    start: Count = 0
    count: Count = 0
    streams: dict[str, Count] = {}


class Chance:
    """A stream of values drawn from a seed and a starting place, the same every time for the same two.

    What happens in the background draws as it comes; what shall be the same in every run draws from a stream `of` its
    own kind. The starting place keeps a restarted sandbox from giving an id twice: it is the count of what the journal
    holds.
    """

    def __init__(self, seed: str, start: int = 0) -> None:
        self._streams: dict[str, Chance] = {}
        self.put(Place(seed=seed, start=start))

    def of(self, name: str) -> "Chance":
        """Return a stream of its own, which other draws do not move; always the same one for the same name."""
        if name not in self._streams:
            self._streams[name] = Chance(f"{self._seed}:{name}", self._start)
        return self._streams[name]

    def put(self, place: Place) -> None:
        """Go on from a place, each stream from its own."""
        self._seed, self._start, self._count = place.seed, place.start, place.count
        self._key = place.seed.encode() + b"\0"
        for name in {*self._streams, *place.streams}:
            own = Place(seed=f"{place.seed}:{name}", start=place.start, count=place.streams.get(name, 0))
            self.of(name).put(own)

    @property
    def place(self) -> Place:
        """Where it has come to."""
        counts = {name: stream._count for name, stream in sorted(self._streams.items()) if stream._count}  # noqa: SLF001 - of this class
        return Place(seed=self._seed, start=self._start, count=self._count, streams=counts)

    def _draw(self, size: int) -> int:
        self._count += 1
        drawn = b""
        block = 0
        while len(drawn) < size:
            message = f"{self._start}:{self._count}:{block}".encode()
            drawn += hashlib.sha256(self._key + message).digest()
            block += 1
        return int.from_bytes(drawn[:size])

    def token_hex(self, size: int) -> str:
        """Return `size` bytes as upper-case hexadecimal digits."""
        return f"{self._draw(size):0{2 * size}X}"

    def digits(self, length: int) -> str:
        """Return a number of `length` digits, the first of them not zero."""
        lowest = 10 ** (length - 1)
        return str(lowest + self._draw(2 * length) % (9 * lowest))

    def base62(self, length: int) -> str:
        """Return `length` letters and digits."""
        left = self._draw(length)
        letters = []
        for _ in range(length):
            left, place = divmod(left, 62)
            letters.append(_BASE62[place])
        return "".join(letters)

    def fraction(self) -> float:
        """Return a number from 0 up to, but not including, 1."""
        return self._draw(6) / 2**48
