"""Bytes by digest: put them once, get the same bytes back, whoever asks under whatever id."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Before", "BlobDamaged", "BlobMissing", "BlobTooLarge", "Blobs", "BlobsUnreachable", "Kept"]

# What a writer is told to await between knowing the digest and letting the bytes be seen under it.
Before = Callable[[bytes], Awaitable[None]]


class BlobMissing(LookupError):  # noqa: N818 - an outcome, named for what happened
    """No blob of this digest is kept here."""

    def __init__(self, digest: bytes) -> None:
        super().__init__(f"no blob {digest.hex()}")
        self.digest = digest


class BlobDamaged(BlobMissing):
    """What lies under this digest are other bytes, so the blob is as good as missing; putting it again mends it."""


class BlobTooLarge(ValueError):  # noqa: N818 - as above
    """A stream brought more than `most` bytes; nothing of it was kept."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most:,} bytes")
        self.most = most


class BlobsUnreachable(OSError):  # noqa: N818 - as above
    """The store did not serve; nothing is known of what was asked, and asking again later is right."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a stream came to: its SHA-256 and its length in bytes."""

    digest: bytes
    size: int


class Blobs(Protocol):
    """A store of immutable bytes, named by their SHA-256 (32 bytes).

    A blob is there whole or not at all, whatever dies in the middle. Every method raises OSError, of which
    `BlobsUnreachable` is one, while the store cannot serve.
    """

    async def put(self, data: bytes) -> bytes:
        """Keep `data` durably and return its digest; again is the same as once, and mends a damaged blob."""
        ...

    async def put_stream(self, chunks: AsyncIterable[bytes], *, most: int, before: Before | None = None) -> Kept:
        """Keep what `chunks` bring, in bounded memory; `before` runs once the digest is known and nothing is seen yet.

        Raises:
            BlobTooLarge: there were more than `most` bytes. This, and whatever `chunks` raise, leaves nothing behind.
        """
        ...

    async def get(self, digest: bytes) -> bytes:
        """Return the bytes of `digest`, checked against it.

        Raises:
            BlobMissing: there are none, or (BlobDamaged) they are not those.
        """
        ...

    def stream(self, digest: bytes, *, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Give the bytes of `digest` in pieces, or those from `start` up to and without `stop`.

        A whole blob is checked against its digest on the way, and its last piece is held back until it fits; a part
        cannot be checked. `start` and `stop` lie within the blob. Nothing stays open when the reader goes away.

        Raises:
            BlobMissing: at the first step; or (BlobDamaged) at the last, in place of the last piece.
        """
        ...

    async def size(self, digest: bytes) -> int:
        """Return how many bytes are kept under `digest`, without a look at them.

        Raises:
            BlobMissing: there are none.
        """
        ...

    async def delete(self, digest: bytes) -> None:
        """Let go of the bytes of `digest`; that there are none is no error."""
        ...

    async def note(self, name: str, text: bytes) -> None:
        """Keep a few bytes durably under a name of lower-case letters, digits and dashes, in place of earlier ones."""
        ...

    async def noted(self, name: str) -> bytes | None:
        """Return what was last noted under a name, None if nothing ever was."""
        ...
