"""POST /inbox/preview: a picture as it will be sent, or in words why it cannot be and what helps."""

import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from starlette.datastructures import UploadFile
from starlette.responses import Response

from picha.gateway.inbox.visit import RefusedError, Visit
from picha.gateway.pictures.handing import FRAME_BYTES, NoFormError, TooLargeError, form_of, taken_in
from picha.gateway.pictures.intake import FILE_LIFE
from picha.gateway.store.files import File
from picha.images.facts import Facts, Flaw, Unusable

PATIENCE_S = 300.0
"""How long a picture may be on its way, over a line as slow as a telephone's."""

_REFUSED = "This picture cannot be sent"
_TOO_LARGE = RefusedError(413, _REFUSED, "It is larger than any file that is looked at here. Save it smaller.")
_ENOUGH_BYTES = 100_000
_NAMES = {"jpeg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "heic": "HEIC", "avif": "AVIF", "tiff": "TIFF"}
_RETOLD = {
    "metadata removed": "hidden details removed (such as place and camera)",
    "transparency→white": "transparent parts made white",
    "recoded": "saved anew, as some phones cannot read it as it was",
}
_REMEDIES = {"not_an_image": "Pick a photo, or a picture that is saved as JPEG or PNG."}
_PIXELS = re.compile(r"(\d+)x(\d+)→(\d+)x(\d+) pixels")
# What the line of facts says already.
_TOLD = re.compile(r"[0-9.]+ [kM]B→[0-9.]+ [kM]B|[a-z]+→(jpeg|png)")


async def preview(visit: Visit) -> Response:
    """Take a picture in as it would be sent, and tell its `file_id` and what was made of it."""
    album = visit.means.album
    chunks = visit.chunks(album.most_bytes("auto") + FRAME_BYTES, _TOO_LARGE)
    async with aclosing(chunks):
        try:
            form = await form_of(visit.request.headers, chunks)
        except NoFormError:
            raise RefusedError(400, "That cannot be read", "The picture did not arrive whole; try again.") from None
    try:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise RefusedError(400, "No picture came", "Pick a picture, and try again.")
        file, came = await taken_in(album, visit.workspace, visit.environment, part, "auto")
    except TooLargeError as error:
        raise RefusedError(413, _REFUSED, str(error)) from error
    except Unusable as error:
        raise RefusedError(422, _REFUSED, _words(error.flaws[0])) from error
    finally:
        await form.close()
    return visit.document(_told(file, came, part.size or 0))


def _words(flaw: Flaw) -> str:
    """Return what is wrong with a picture and what helps, to somebody who has it as a file."""
    return f"{flaw.message.replace('These bytes are', 'This file is')} {_REMEDIES.get(flaw.code, flaw.remedy)}"


def _told(file: File, came: Facts, size: int) -> dict[str, object]:
    return {
        "file_id": file.id,
        "thumb": f"/inbox/pictures/{file.id}/thumb",
        "shown": f"/inbox/pictures/{file.id}/shown",
        "expires_at": file.expires_at or file.created_at + FILE_LIFE,
        "facts": facts(file, came, size),
        "changes": list(changes(file.changes)),
        "notes": [note.message for note in file.notes],
    }


def facts(file: File, came: Facts, size: int) -> str:
    """Return what came and, where that is another, what goes: `PNG 3.2 MB → JPEG 0.9 MB`, with their pixels."""
    was = [_kind(came.kind), _size(size), _area(came.width, came.height)]
    goes = [_kind(file.mime_type.rpartition("/")[2]), _size(file.size_bytes), _area(file.width, file.height)]
    if not file.changes:
        return " ".join(filter(None, goes))
    if was[2] == goes[2]:
        del goes[2]
    return f"{' '.join(filter(None, was))} → {' '.join(filter(None, goes))}"


def changes(told: Sequence[str]) -> Iterator[str]:
    """Yield in words of people what was changed, but for kind and size, which `facts` tells."""
    for one in told:
        if pixels := _PIXELS.fullmatch(one):
            yield f"made smaller, to {_area(int(pixels[3]), int(pixels[4]))}"
        elif not _TOLD.fullmatch(one):
            yield _RETOLD.get(one, one)


def _kind(kind: str) -> str:
    return _NAMES.get(kind, kind.upper())


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= _ENOUGH_BYTES else f"{max(1, round(count / 1e3))} kB"


def _area(width: int | None, height: int | None) -> str:
    return f"{width}×{height}" if width and height else ""  # noqa: RUF001 - as people write it
