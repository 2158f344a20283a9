"""Bytes are counted and hashed as they pass, on the way in and on the way out."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import ParamSpec, TypeVar

from picha.gateway.blobs import BlobDamaged, BlobTooLarge, Kept

P = ParamSpec("P")
R = TypeVar("R")

_DIGEST_BYTES = 32


class Tally:
    """The digest and length of a stream so far; it takes no more than `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._size, self._hash = most, 0, hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        """Count `chunk`.

        Raises:
            BlobTooLarge: it is one too many.
        """
        self._size += len(chunk)
        if self._size > self._most:
            raise BlobTooLarge(self._most)
        self._hash.update(chunk)

    def kept(self) -> Kept:
        """Return what the stream came to."""
        return Kept(self._hash.digest(), self._size)


def name_of(digest: bytes) -> str:
    """Return a digest's name in hex.

    Raises:
        ValueError: `digest` is not 32 bytes long.
    """
    if len(digest) != _DIGEST_BYTES:
        raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(digest)}")
    return digest.hex()


def note_name(name: str) -> str:
    """Return the name of a note if it can be one: it becomes part of a path.

    Raises:
        ValueError: it has other characters than lower-case letters, digits and dashes.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,100}", name):
        raise ValueError("the name of a note has lower-case letters, digits and dashes")
    return name


def checked(data: bytes, digest: bytes) -> bytes:
    """Return `data` if it has this digest.

    Raises:
        BlobDamaged: it has another.
    """
    if hashlib.sha256(data).digest() != digest:
        raise BlobDamaged(digest)
    return data


async def verified(chunks: AsyncGenerator[bytes, None], digest: bytes) -> AsyncGenerator[bytes, None]:
    """Pass `chunks` on, the last one only if they have this digest together.

    Raises:
        BlobDamaged: in place of the last piece, when they have another.
    """
    seen, held = hashlib.sha256(), b""
    async with aclosing(chunks):
        async for chunk in chunks:
            if held:
                yield held
            seen.update(chunk)
            held = chunk
    if seen.digest() != digest:
        raise BlobDamaged(digest)
    if held:
        yield held


async def surely(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `work` in a thread; when cancelled, wait for its end, so that nothing is taken from under it."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
