"""GET /inbox/pictures/{id}/...: a picture small, as it is sent, or as it came, to people of its workspace alone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from picha.gateway.blobs import BlobMissing
from picha.gateway.inbox.visit import RefusedError, Visit
from picha.gateway.store import files
from picha.gateway.store.files import File
from picha.images.facts import Unusable

# What a browser draws itself, and in which nothing can act.
_DRAWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
# A picture never changes under its id. Whoever signs out may have seen it for so long in their browser's cache.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=86400, immutable",
}
_NO_PICTURE = RefusedError(404, "There is no such picture", "It was removed, or is no longer kept here.")


async def thumb(visit: Visit) -> Response:
    """Serve a small JPEG of a picture, of 20 KB at most; where it cannot be opened, a drawing that says so."""
    try:
        data = await visit.means.album.thumbnail(await _find(visit))
    except (Unusable, BlobMissing):
        return _drawing(visit, "no-picture.svg")
    return Response(data, media_type="image/jpeg", headers=_HEADERS)


async def shown(visit: Visit) -> Response:
    """Serve the bytes that customers see, or sent; to be saved, where a browser does not draw their type itself."""
    file = await _find(visit)
    return await _served(visit, file, is_shown=file.mime_type in _DRAWN)


async def full(visit: Visit) -> Response:
    """Serve a picture to be saved, as it was before it was made fit, where that is kept."""
    file = await _find(visit)
    original = await _kept(visit, file.original_id or file.id)
    return await _served(visit, original or file, is_shown=False)


def _drawing(visit: Visit, name: str) -> Response:
    found = visit.means.looks.file(name)
    assert found is not None, name  # noqa: S101 - it lies beside the others
    return Response(found[0], media_type=found[1])


async def _served(visit: Visit, file: File, *, is_shown: bool) -> Response:
    is_drawn = file.mime_type in _DRAWN
    ending = file.mime_type.rpartition("/")[2] if is_drawn or file.mime_type in {"image/heic", "image/avif"} else "bin"
    disposition = f'{"inline" if is_shown else "attachment"}; filename="picture.{ending}"'
    headers = {**_HEADERS, "Content-Disposition": disposition, "Content-Length": str(file.size_bytes)}
    pieces = visit.means.album.blobs.stream(file.digest)
    try:
        first = await anext(pieces, b"")
    except BlobMissing:
        raise _NO_PICTURE from None
    media_type = file.mime_type if is_drawn else "application/octet-stream"
    return StreamingResponse(_joined(first, pieces), 200, headers, media_type)


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


async def _find(visit: Visit) -> File:
    file = await _kept(visit, visit.path_id("id"))
    if file is None:
        raise _NO_PICTURE
    return file


async def _kept(visit: Visit, file: UUID) -> File | None:
    """Return a picture of either environment: its page may be of the one that another tab left."""
    for environment in dict.fromkeys((visit.environment, *visit.who.environments)):
        if found := await files.kept(visit.means.pool, visit.workspace, environment, file):
            return found
    return None
