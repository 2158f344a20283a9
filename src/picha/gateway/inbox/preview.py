"""POST /inbox/preview: a picture as it will be sent, or in words why it cannot be and what helps."""

from contextlib import aclosing

from starlette.datastructures import UploadFile
from starlette.responses import Response

from picha.gateway.inbox.prints import area_of, described, retold
from picha.gateway.inbox.visit import RefusedError, Visit
from picha.gateway.pictures.handing import FRAME_BYTES, NoFormError, TooLargeError, form_of, taken_in
from picha.gateway.pictures.intake import FILE_LIFE
from picha.gateway.store.files import File
from picha.images.facts import Flaw, Unusable

PATIENCE_S = 300.0
"""How long a picture may be on its way, over a line as slow as a telephone's."""

_REFUSED = "This picture cannot be sent"
_TOO_LARGE = RefusedError(413, _REFUSED, "It is larger than any file that is looked at here. Save it smaller.")
_REMEDIES = {"not_an_image": "Pick a photo, or a picture that is saved as JPEG or PNG."}


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
        file = await taken_in(album, visit.workspace, visit.environment, part, "auto")
    except TooLargeError as error:
        raise RefusedError(413, _REFUSED, str(error)) from error
    except Unusable as error:
        raise RefusedError(422, _REFUSED, _words(error.flaws[0])) from error
    finally:
        await form.close()
    return visit.document(_told(file))


def _words(flaw: Flaw) -> str:
    """Return what is wrong with a picture and what helps, to somebody who has it as a file."""
    return f"{flaw.message.replace('These bytes are', 'This file is')} {_REMEDIES.get(flaw.code, flaw.remedy)}"


def _told(file: File) -> dict[str, object]:
    return {
        "file_id": file.id,
        "thumb": f"/inbox/pictures/{file.id}/thumb",
        "shown": f"/inbox/pictures/{file.id}/shown",
        "expires_at": file.expires_at or file.created_at + FILE_LIFE,
        "facts": facts(file),
        "changes": list(retold(file.changes)),
        "notes": [note.message for note in file.notes],
    }


def facts(file: File) -> str:
    """Return what came and, where that is another, what goes: `PNG 3.2 MB → JPEG 0.9 MB`, with their pixels."""
    came, area = file.came, area_of(file.width, file.height)
    if came is None:
        return described(file.mime_type, file.size_bytes, area)
    was = area_of(came.width, came.height)
    goes = described(file.mime_type, file.size_bytes, "" if area == was else area)
    return f"{described(came.mime_type, came.size_bytes, was)} → {goes}"
