"""Blobs as objects of an S3-compatible bucket, for gateways on several machines.

An object is written by one PUT, which S3 makes visible whole or not at all, and whose signature covers the SHA-256 of
the body, so that the store itself refuses what was spoilt on the way. Writing it again replaces it by the same bytes.
"""

import asyncio
import hashlib
import mmap
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from picha.gateway.blobs import Before, BlobMissing, BlobsUnreachable, Kept
from picha.gateway.blobs.checking import Tally, checked, name_of, note_name, surely, verified
from picha.kit.secrets import Secret

if TYPE_CHECKING:  # not there at run time
    from obstore import GetOptions
    from obstore.store import S3Config

_PIECE_BYTES = 256 * 1024
_NOTES = "notes/"
_CONNECT_S, _READ_S, _WHOLE_S = "5s", "10s", "60s"
_TRIES_AGAIN, _TRY_FOR = 2, timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where the objects lie. Without keys the usual places are asked (AWS_ variables, the machine's own role)."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None


class S3Blobs:
    """Keeps blobs in `bucket`, each under two levels of its digest's beginning, then the digest in hex."""

    def __init__(self, bucket: Bucket) -> None:
        config: S3Config = {}
        if bucket.endpoint:
            config["endpoint"] = bucket.endpoint
        if bucket.region:
            config["region"] = bucket.region
        if bucket.access_key_id and bucket.secret_access_key:
            config["access_key_id"] = bucket.access_key_id.reveal()
            config["secret_access_key"] = bucket.secret_access_key.reveal()
        self._store = S3Store(
            bucket.name,
            prefix=bucket.prefix or None,
            config=config,
            client_options={
                "allow_http": bucket.endpoint.startswith("http://"),
                "connect_timeout": _CONNECT_S,
                "read_timeout": _READ_S,
                "timeout": _WHOLE_S,
            },
            retry_config={"max_retries": _TRIES_AGAIN, "retry_timeout": _TRY_FOR},
        )

    async def put(self, data: bytes) -> bytes:
        """Keep `data` and return its SHA-256 once the store has acknowledged it.

        Raises:
            BlobsUnreachable: the store did not take it.
        """
        digest = await asyncio.to_thread(_digest, data)
        await self._write(digest, data)
        return digest

    async def put_stream(self, chunks: AsyncIterable[bytes], *, most: int, before: Before | None = None) -> Kept:
        """Keep what `chunks` bring; it waits in an unnamed temporary file until its digest, and so its name, is known.

        Raises:
            BlobTooLarge: there were more than `most` bytes.
            BlobsUnreachable: the store did not take it.
        """
        tally = Tally(most)
        with tempfile.TemporaryFile() as spool:
            async for chunk in chunks:
                tally.add(chunk)
                await surely(spool.write, chunk)
            kept = tally.kept()
            if before is not None:
                await before(kept.digest)
            await self._write(kept.digest, await surely(_mapped, spool, kept.size))
        return kept

    async def get(self, digest: bytes) -> bytes:
        """Return the bytes of `digest`, checked against it.

        Raises:
            BlobMissing: there are none, or (BlobDamaged) they are not those.
            BlobsUnreachable: the store did not answer.
        """
        with _told(digest):
            result = await obstore.get_async(self._store, _key(digest))
            data = bytes(await result.bytes_async())
        return await asyncio.to_thread(checked, data, digest)

    def stream(self, digest: bytes, *, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """Give the bytes of `digest` in pieces; see `Blobs.stream`."""
        pieces = self._pieces(digest, start, stop)
        return pieces if start or stop is not None else verified(pieces, digest)

    async def size(self, digest: bytes) -> int:
        """Return how many bytes are kept under `digest`.

        Raises:
            BlobMissing: there are none.
            BlobsUnreachable: the store did not answer.
        """
        with _told(digest):
            try:
                meta = await obstore.head_async(self._store, _key(digest))
            except FileNotFoundError:
                # The answer to a HEAD has no body to say whether it is the object that is missing, or the bucket.
                meta = (await obstore.get_async(self._store, _key(digest))).meta
            return meta["size"]

    async def delete(self, digest: bytes) -> None:
        """Remove the object of `digest`.

        Raises:
            BlobsUnreachable: the store did not answer.
        """
        try:
            with _told(digest):
                await obstore.delete_async(self._store, _key(digest))
        except BlobMissing:
            pass

    async def note(self, name: str, text: bytes) -> None:
        """Keep a few bytes under a name; raises `BlobsUnreachable` while the store does not take them."""
        try:
            with _told(b""):
                await obstore.put_async(self._store, _NOTES + note_name(name), text, use_multipart=False)
        except BlobMissing as error:
            raise BlobsUnreachable("the bucket is missing") from error

    async def noted(self, name: str) -> bytes | None:
        """Return what was last noted under a name; raises `BlobsUnreachable` while the store does not answer."""
        try:
            with _told(b""):
                result = await obstore.get_async(self._store, _NOTES + note_name(name))
                return bytes(await result.bytes_async())
        except BlobMissing:
            return None

    async def _write(self, digest: bytes, data: bytes | mmap.mmap) -> None:
        try:
            with _told(digest):
                # In one piece, never in parts: what a killed writer left of those would be kept, and paid for, unseen.
                await obstore.put_async(self._store, _key(digest), data, use_multipart=False)
        except BlobMissing as error:
            raise BlobsUnreachable("the bucket is missing") from error

    async def _pieces(self, digest: bytes, start: int, stop: int | None) -> AsyncGenerator[bytes, None]:
        options: GetOptions = {}
        if stop is not None:
            options["range"] = (start, stop)
        elif start:
            options["range"] = {"offset": start}
        with _told(digest):
            result = await obstore.get_async(self._store, _key(digest), options=options)
            pieces = aiter(result.stream(min_chunk_size=_PIECE_BYTES))
        while True:
            with _told(digest):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield bytes(piece)


def _key(digest: bytes) -> str:
    name = name_of(digest)
    return f"{name[:2]}/{name[2:4]}/{name}"


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _mapped(spool: IO[bytes], size: int) -> bytes | mmap.mmap:
    spool.flush()
    return mmap.mmap(spool.fileno(), size, access=mmap.ACCESS_READ) if size else b""


@contextmanager
def _told(digest: bytes) -> Iterator[None]:
    """Tell every failure of the store as BlobsUnreachable, and an object that is not there as BlobMissing."""
    try:
        yield
    except FileNotFoundError as error:
        # A bucket that is not there is a wrong setting, and no reason to call a picture lost.
        if "NoSuchBucket" in str(error):
            raise BlobsUnreachable("the bucket is missing") from error
        raise BlobMissing(digest) from None
    except (BaseError, OSError, TimeoutError) as error:
        raise BlobsUnreachable(f"the store did not serve ({type(error).__name__})") from error
