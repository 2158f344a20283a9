"""Media: upload, describe, delete and download, as Meta's media reference has them.

An upload is looked at when it comes in, and taken all the same if it is no proper image: Meta tells of that only when
it is sent, unless a switch lets the size count at once. What no kind of media may be is refused at once.
"""

import asyncio
import re

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse

from picha.cloudapi.limits import IMAGE_MAX_BYTES, IMAGE_MIME_TYPES, MEDIA_MAX_BYTES, UPLOADED_MEDIA_LIFE
from picha.cloudapi.media import MediaDescription, SuccessAnswer, UploadAnswer, digest_text
from picha.sandbox import forms, nodes, pictures, refusals
from picha.sandbox.blobs import Blobs, chunks_of
from picha.sandbox.graph.calls import Answer, answer
from picha.sandbox.ground import Ground
from picha.sandbox.media_urls import MediaUrls
from picha.sandbox.pace import Limits
from picha.sandbox.records import MediaDeleted, MediaStored
from picha.sandbox.switches import Switchboard, Switches

# What the other parts and the boundaries of a form may take besides the file.
_FORM_MAX_BYTES = MEDIA_MAX_BYTES + (1 << 16)

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Media:
    """Keeps and gives out the files of the business and of those who write to it."""

    def __init__(self, ground: Ground, blobs: Blobs, urls: MediaUrls, limits: Limits, switchboard: Switchboard) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._blobs = blobs
        self._urls = urls
        self._limits = limits
        self._switchboard = switchboard

    async def upload(self, phone_number_id: str, request: Request) -> Answer:
        """Return the new media id of the file in a multipart form; the form's parts may come in any order.

        Raises:
            Refusal: the form cannot be read, lacks something, is too large, its file is of no media type, or
                uploads come too fast.
        """
        form = await _read_form(request)
        try:
            file = _checked(form, request, self._switchboard.current)
            code = self._limits.upload(phone_number_id, self._clock.monotonic())
            if code is not None:
                raise refusals.of_code(code)
            media = await self._store(phone_number_id, file)
        finally:
            await form.close()
        await self._journal.append(media)
        return answer(UploadAnswer(id=media.id))

    async def describe(self, media_id: str, phone_number_id: str | None, fields: str | None) -> Answer:
        """Return type, size, digest and a fresh download address of media, or those of them that are asked for.

        Raises:
            Refusal: there is no such media or field, or `phone_number_id` is not its owner.
        """
        media = self._find(media_id, phone_number_id, "get")
        switches = self._switchboard.current
        description = MediaDescription(
            url=self._urls.make(media_id, self._clock.now()),
            mime_type=media.mime_type,
            sha256=media.digest if switches.media_sha256 == "hex" else digest_text(bytes.fromhex(media.digest)),
            file_size=media.size if switches.file_size == "number" else str(media.size),
            id=media_id,
        )
        return answer(nodes.chosen(nodes.MEDIA, msgspec.to_builtins(description), fields))

    async def delete(self, media_id: str, phone_number_id: str | None) -> Answer:
        """Delete media.

        Raises:
            Refusal: there is no such media, or `phone_number_id` is not its owner.
        """
        self._find(media_id, phone_number_id, "delete")
        await self._journal.append(MediaDeleted(id=media_id))
        return answer(SuccessAnswer(success=True))

    async def download(self, request: Request) -> Answer:
        """Return the bytes behind a download address.

        Raises:
            Refusal: the address was not made here, has died, or its media has.
        """
        query = request.query_params
        media_id = query.get("mid", "")
        is_good = self._urls.check(media_id, query.get("ext", ""), query.get("hash", ""), self._clock.now())
        media = self._world.live_media(media_id) if is_good else None
        if media is None:
            raise refusals.Refusal(404, 100, "(#100) The media URL is not valid or has expired.")
        _drop_nonsense(request, media.size)
        # No "inline": what somebody uploaded never runs in a browser that opens the address.
        response = FileResponse(
            self._blobs.path(media.digest), media_type=media.mime_type, headers={"X-Content-Type-Options": "nosniff"}
        )
        return Answer(response)

    def _find(self, media_id: str, phone_number_id: str | None, method: str) -> MediaStored:
        media = self._world.live_media(media_id, phone_number_id)
        if media is None:
            raise refusals.no_such_object(media_id, method)
        return media

    async def _store(self, phone_number_id: str, file: UploadFile) -> MediaStored:
        digest = await asyncio.to_thread(self._blobs.keep, chunks_of(file.file))
        mime_type = _type_of(file)
        size = file.size or 0
        now = self._clock.now()
        return MediaStored(
            id=self._chance.of("media").digits(16),
            phone_number_id=phone_number_id,
            digest=digest,
            mime_type=mime_type,
            size=size,
            at=now.timestamp(),
            expires_at=(now + UPLOADED_MEDIA_LIFE).timestamp(),
            flaw=await asyncio.to_thread(self._flaw, digest, mime_type, size),
        )

    def _flaw(self, digest: str, mime_type: str, size: int) -> str | None:
        if size > IMAGE_MAX_BYTES:
            return pictures.too_large(size)
        return pictures.flaw_of(self._blobs.read(digest), mime_type)


async def _read_form(request: Request) -> FormData:
    if not forms.is_form(request):
        raise refusals.missing("file")
    try:
        return await forms.read(request, max_bytes=_FORM_MAX_BYTES, max_files=4)
    except forms.TooLargeError:
        raise _too_large(MEDIA_MAX_BYTES) from None
    except forms.UnreadableError as why:
        raise refusals.malformed(str(why)) from None


def _checked(form: FormData, request: Request, switches: Switches) -> UploadFile:
    product = form.get("messaging_product") or request.query_params.get("messaging_product")
    if product is None:
        raise refusals.missing("messaging_product")
    if product != "whatsapp":
        raise refusals.one_of("messaging_product", ("whatsapp",), str(product)[:100])
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.size:
        raise refusals.missing("file")
    if _type_of(file) not in refusals.UPLOAD_TYPES:
        raise refusals.bad_upload_type(_type_of(file)[:100])
    if switches.upload_type == "required" and not form.get("type"):
        raise refusals.missing("type")
    is_image = _type_of(file) in IMAGE_MIME_TYPES and switches.image_size_check == "upload"
    limit = IMAGE_MAX_BYTES if is_image else MEDIA_MAX_BYTES
    if file.size > limit:
        raise _too_large(limit)
    return file


def _type_of(file: UploadFile) -> str:
    declared = file.content_type or "application/octet-stream"
    return declared.partition(";")[0].strip().lower()


def _too_large(limit: int) -> refusals.Refusal:
    return refusals.parameter("Param file is too large.", details=f"A file has at most {limit:,} bytes.")


def _drop_nonsense(request: Request, size: int) -> None:
    """Take away a `Range` that is no one part of so many bytes: all are answered then (RFC 9110, section 14.2)."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    first, last = match.groups() if match else ("", "")
    start = int(first or 0)
    is_part = bool(first or int(last or 0)) and start < size and start <= int(last or size)
    if not is_part:
        kept = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
        request.scope["headers"] = kept
