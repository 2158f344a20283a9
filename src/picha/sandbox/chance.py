"""Chance as an argument: every id, token and dice throw of one sandbox comes from one seed."""

import hashlib
import hmac

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Chance:
    """A stream of values drawn from a seed and a starting place, the same every time for the same two.

    What happens in the background draws as it comes; what shall be the same in every run draws from a stream `of` its
    own kind. The starting place keeps a restarted sandbox from giving an id twice: it is the count of what the journal
    holds.
    """

    def __init__(self, seed: str, start: int = 0) -> None:
        self._seed = seed.encode()
        self._start = start
        self._count = 0
        self._streams: dict[str, Chance] = {}

    def of(self, name: str) -> "Chance":
        """Return a stream of its own, which other draws do not move; always the same one for the same name."""
        if name not in self._streams:
            self._streams[name] = Chance(f"{self._seed.decode()}:{name}", self._start)
        return self._streams[name]

    def restart(self, start: int) -> None:
        """Begin again from a starting place."""
        self._start, self._count = start, 0
        self._streams.clear()

    def _draw(self, size: int) -> int:
        self._count += 1
        drawn = b""
        block = 0
        while len(drawn) < size:
            message = f"{self._start}:{self._count}:{block}".encode()
            drawn += hmac.digest(self._seed, message, hashlib.sha256)
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
