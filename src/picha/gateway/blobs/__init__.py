"""Bytes by digest: put them once, get the same bytes back, whoever asks under whatever id."""

from typing import Protocol

__all__ = ["BlobMissing", "Blobs"]


class BlobMissing(LookupError):  # noqa: N818 - an outcome, named for what happened
    """No blob of this digest is kept here."""

    def __init__(self, digest: bytes) -> None:
        super().__init__(f"no blob {digest.hex()}")
        self.digest = digest


class Blobs(Protocol):
    """A store of immutable bytes, named by their SHA-256 (32 bytes)."""

    async def put(self, data: bytes) -> bytes:
        """Keep `data` durably and return its digest; bytes that are there already are not written again."""
        ...

    async def get(self, digest: bytes) -> bytes:
        """Return the bytes of `digest`.

        Raises:
            BlobMissing: there are none.
        """
        ...

    async def exists(self, digest: bytes) -> bool:
        """Tell whether the bytes of `digest` are kept."""
        ...
