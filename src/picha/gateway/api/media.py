"""/v1/whatsapp/media: upload a picture, ask for its facts, fetch its bytes."""

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from picha.gateway.api.calls import Answer, Call, RefusedError, demand_type, limited
from picha.gateway.pictures.intake import FILE_LIFE, UnusableError
from picha.gateway.store import files
from picha.gateway.store.files import File
from picha.karibu.errors import Code
from picha.karibu.media import Media

_NOT_FOUND = "There is no picture with that file_id; it was never uploaded here, or it has expired."
# What multipart's own lines may add to the picture.
_FRAME_BYTES = 64 * 1024
_FLAW_CODES = {"too_large": Code.IMAGE_TOO_LARGE, "truncated": Code.IMAGE_UNREADABLE, "corrupt": Code.IMAGE_UNREADABLE}
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=600",
}


async def upload(call: Call) -> Answer:
    """Take a picture in by multipart, part `file`."""
    demand_type(call.request, "multipart/form-data")
    data = await _file_part(call)
    try:
        file = await call.services.album.take_in(call.caller.workspace_id, data)
    except UnusableError as error:
        raise RefusedError(_FLAW_CODES.get(error.code, Code.IMAGE_NOT_SUPPORTED), error.message, "file") from error
    return Answer(_facts(file), status=201)


async def describe(call: Call) -> Answer:
    """Tell a picture's facts."""
    return Answer(_facts(await _find(call)))


async def content(call: Call) -> Response:
    """Serve a picture's bytes to a key of its workspace, or to the holder of a signed link."""
    query = call.request.query_params
    file = await (_find_by_link(call) if "signature" in query else _find(call))
    data = await call.services.album.blobs.get(file.digest)
    shown = file.mime_type in _SHOWN
    name = "picture." + file.mime_type.rpartition("/")[2] if shown else "picture.bin"
    disposition = f'{"inline" if shown else "attachment"}; filename="{name}"'
    media_type = file.mime_type if shown else "application/octet-stream"
    return Response(data, media_type=media_type, headers={**_SAFE_HEADERS, "Content-Disposition": disposition})


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
    file = await files.find(call.services.pool, call.caller.workspace_id, file_id)
    if file is None:
        raise RefusedError(Code.MEDIA_NOT_FOUND, _NOT_FOUND)
    return file


async def _file_part(call: Call) -> bytes:
    most = call.services.album.max_bytes
    otherwise = f"The picture is larger than WhatsApp's {most:,} bytes; save it smaller or with more compression."
    chunks = limited(call.request, most + _FRAME_BYTES, otherwise=otherwise)
    parser = MultiPartParser(call.request.headers, chunks, max_files=1, max_fields=8)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RefusedError(
            Code.VALIDATION_ERROR, f"The multipart body cannot be read: {error.message}", "file"
        ) from error
    except UnicodeError as error:
        message = "The multipart body's names are not text in the charset that its Content-Type names; leave that out."
        raise RefusedError(Code.VALIDATION_ERROR, message, "file") from error
    try:
        part = form.get("file")
        if part is None or isinstance(part, str):
            raise RefusedError(
                Code.VALIDATION_ERROR, "Send the picture as the multipart part named `file`, with a filename.", "file"
            )
        return await part.read()
    finally:
        await form.close()


def _facts(file: File) -> Media:
    return Media(
        file_id=str(file.id),
        mime_type=file.mime_type,
        size_bytes=file.size_bytes,
        sha256=file.digest.hex(),
        width=file.width or 0,
        height=file.height or 0,
        changes=list(file.changes),
        expires_at=file.expires_at or file.created_at + FILE_LIFE,
    )
