"""/v1/whatsapp/media: upload a picture or name its address, ask for its facts, fetch its bytes, delete it."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import BinaryIO

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response, StreamingResponse

from picha.gateway.api.bringing import brought, check_address, unusable
from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, content_type, limited, unsupported
from picha.gateway.api.once import once_claimed
from picha.gateway.blobs import BlobMissing
from picha.gateway.pictures.handing import FRAME_BYTES, NoFormError, TooLargeError, form_of, taken_in
from picha.gateway.pictures.intake import FILE_LIFE
from picha.gateway.store import files
from picha.gateway.store.files import File
from picha.images.facts import Unusable
from picha.karibu.errors import Code
from picha.karibu.media import Media, MediaDeleted, Note, Original, decode_from_url
from picha.karibu.sends import ImagePolicy
from picha.karibu.shape import Malformed

_RANGE = re.compile(r"bytes=([0-9]{0,12})-([0-9]{0,12})")
_NOT_KEPT = "The bytes of that picture are no longer kept here; upload it again."
_NOT_FOUND = "There is no picture with that file_id; it was never uploaded here, or it has expired."
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=600",
}


async def upload_media(call: Call) -> Answer:
    """Take a picture in: by multipart, part `file`, or from the address that a JSON body names."""
    match content_type(call.request):
        case "multipart/form-data":
            return await _uploaded(call)
        case "application/json":
            return await _fetched(call)
        case _:
            raise unsupported(call.request, "multipart/form-data with a file, or application/json with a url")


async def _uploaded(call: Call) -> Answer:
    form = await _form(call)
    try:
        policy = _policy(form.get("image_policy"))
        part = form.get("file")
        if part is None or isinstance(part, str):
            message = "Send the picture as the multipart part named `file`, with a filename."
            raise RefusedError(Code.VALIDATION_ERROR, message, "file")
        digest = await asyncio.to_thread(_digest, part.file)
        return await once_claimed(call, policy.encode() + digest, partial(_taken_in, part=part, policy=policy))
    finally:
        await form.close()


async def _taken_in(call: Call, part: UploadFile, policy: ImagePolicy) -> Answer:
    caller = call.caller
    try:
        file = await taken_in(call.services.album, caller.workspace_id, caller.environment, part, policy)
    except TooLargeError as error:
        raise RefusedError(Code.BODY_TOO_LARGE, str(error), "file") from error
    except Unusable as error:
        raise unusable(error, "file") from error
    return Answer(_facts(file), status=201)


def _digest(file: BinaryIO) -> bytes:
    found = hashlib.sha256()
    while piece := file.read(FRAME_BYTES):
        found.update(piece)
    file.seek(0)
    return found.digest()


async def _fetched(call: Call) -> Answer:
    try:
        asked = decode_from_url(await body(call.request, JSON_MAX_BYTES))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    check_address(call, asked.url, "url")

    async def bring(call: Call) -> Answer:
        return Answer(_facts(await brought(call, asked.url, asked.image_policy, "url")), status=201)

    return await once_claimed(call, msgspec.json.encode(asked), bring)


async def delete_media(call: Call) -> Answer:
    """Take a picture's name away; messages that were accepted with it go out all the same."""
    file = await _find(call)
    await files.retire(call.services.pool, file.id)
    return Answer(MediaDeleted(file_id=str(file.id)))


async def get_media(call: Call) -> Answer:
    """Tell a picture's facts."""
    return Answer(_facts(await _find(call)))


async def get_content(call: Call) -> Response:
    """Serve a picture's bytes to a key of its workspace, or to the holder of a signed link."""
    file = await _shown(call)
    shown = file.mime_type in _SHOWN
    name = "picture." + file.mime_type.rpartition("/")[2] if shown else "picture.bin"
    disposition = f'{"inline" if shown else "attachment"}; filename="{name}"'
    media_type = file.mime_type if shown else "application/octet-stream"
    start, stop = _part(call.request.headers.get("range", ""), file.size_bytes)
    headers = {**_SAFE_HEADERS, "Content-Disposition": disposition, "Accept-Ranges": "bytes"}
    headers["Content-Length"] = str(stop - start)
    is_whole = (start, stop) == (0, file.size_bytes)
    if not is_whole:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size_bytes}"
    blobs, digest = call.services.album.blobs, file.digest
    pieces = blobs.stream(digest) if is_whole else blobs.stream(digest, start=start, stop=stop)
    try:
        first = await anext(pieces, b"")
    except BlobMissing:
        raise RefusedError(Code.MEDIA_NOT_FOUND, _NOT_KEPT) from None
    return StreamingResponse(_joined(first, pieces), 200 if is_whole else 206, headers, media_type)


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first
        async for piece in rest:
            yield piece


def _part(wanted: str, size: int) -> tuple[int, int]:
    """Return from where to where a `Range` header wants bytes; one that makes no sense here wants all (RFC 9110)."""
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
        return (start, stop) if start < stop else (0, size)
    start, stop = int(first), min(size, int(last) + 1) if last else size
    return (start, stop) if start < stop else (0, size)


async def get_thumbnail(call: Call) -> Response:
    """Serve a small JPEG of a picture, to whom its bytes would be served."""
    file = await _shown(call)
    try:
        data = await call.services.album.thumbnail(file)
    except Unusable as error:
        raise unusable(error, "file_id") from error
    except BlobMissing:
        raise RefusedError(Code.MEDIA_NOT_FOUND, _NOT_KEPT) from None
    return Response(data, media_type="image/jpeg", headers=_SAFE_HEADERS)


async def _shown(call: Call) -> File:
    return await (_find_by_link(call) if "signature" in call.request.query_params else _find(call))


async def _find_by_link(call: Call) -> File:
    query = call.request.query_params
    file = await files.find_anywhere(call.services.pool, call.path_id("file_id", Code.MEDIA_NOT_FOUND, _NOT_FOUND))
    if file is None or not call.services.links.holds(
        file.workspace_id, file.id, query.get("expires", ""), query["signature"]
    ):
        raise RefusedError(
            Code.MEDIA_NOT_FOUND, "This link to a picture is not valid, or it has expired; ask for a fresh one."
        )
    return file


async def _find(call: Call) -> File:
    file_id = call.path_id("file_id", Code.MEDIA_NOT_FOUND, _NOT_FOUND)
    file = await files.find(call.services.pool, call.caller.workspace_id, call.caller.environment, file_id)
    if file is None:
        raise RefusedError(Code.MEDIA_NOT_FOUND, _NOT_FOUND)
    return file


async def _form(call: Call) -> FormData:
    most = call.services.album.most_bytes("auto")
    otherwise = f"The picture is larger than the {most:,} bytes that are taken in; save it smaller."
    try:
        return await form_of(call.request.headers, limited(call.request, most + FRAME_BYTES, otherwise=otherwise))
    except NoFormError as error:
        raise RefusedError(Code.VALIDATION_ERROR, str(error), "file") from error


def _policy(given: object) -> ImagePolicy:
    if given not in {None, "auto", "strict"}:
        raise RefusedError(Code.VALIDATION_ERROR, "image_policy is auto or strict.", "image_policy")
    return "strict" if given == "strict" else "auto"


def _facts(file: File) -> Media:
    return Media(
        file_id=str(file.id),
        mime_type=file.mime_type,
        size_bytes=file.size_bytes,
        sha256=file.digest.hex(),
        width=file.width or 0,
        height=file.height or 0,
        changes=list(file.changes),
        notes=msgspec.convert(file.notes, list[Note], from_attributes=True) or msgspec.UNSET,
        original=msgspec.convert(file.came, Original, from_attributes=True) if file.came else msgspec.UNSET,
        original_file_id=str(file.original_id) if file.original_id else msgspec.UNSET,
        expires_at=file.expires_at or file.created_at + FILE_LIFE,
    )
