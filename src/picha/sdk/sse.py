"""Server-sent events (WHATWG HTML, section 9.2), as pieces of bytes come in; without I/O."""

import re
from dataclasses import dataclass

from picha.sdk.errors import StrangeAnswerError

BLOCK_MAX_BYTES = 4 * 1024 * 1024
_END = re.compile(rb"\r\n|\n|\r(?!\Z)")


@dataclass(frozen=True, slots=True)
class Block:
    """One event of a stream; `id` is None where it tells none."""

    kind: str
    data: bytes
    id: str | None


class Blocks:
    """Takes pieces of a stream, however it is cut, and returns each event when it is whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._size = 0
        self._data: list[bytes] = []
        self._id: str | None = None
        self._forget()

    def feed(self, piece: bytes) -> list[Block]:
        """Return the events that are whole with this piece.

        Raises:
            StrangeAnswerError: one is larger than any of this API.
        """
        found = []
        self._size += len(piece)
        *lines, self._rest = _END.split(self._rest + piece)
        for line in lines:
            if line:
                self._take(line)
                continue
            if self._data:
                found.append(Block(self._kind, b"\n".join(self._data), self._id))
            self._forget()
            self._size = len(self._rest)
        if self._size > BLOCK_MAX_BYTES:
            raise StrangeAnswerError("A stream of events holds one that is larger than any of this API.")
        return found

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._kind = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")

    def _forget(self) -> None:
        self._kind, self._data, self._id = "", [], None
