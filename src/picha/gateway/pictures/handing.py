"""A picture that somebody hands over as a part of a form, by the API or by hand: read, looked at, made fit and kept."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from picha.gateway.pictures.intake import Album, CameAs
from picha.gateway.store.files import File
from picha.images.plan import Policy

FRAME_BYTES = 64 * 1024
"""What multipart's own lines may add to the picture."""

# How long a picture that has arrived may take to be looked at, made fit and kept.
_KEEP_S = 60.0
_FIELDS_MAX = 8


class NoFormError(Exception):
    """A body is no form; the text says why."""


class TooLargeError(Exception):
    """A picture has more bytes than are looked at; the text says so, and what to do."""


async def form_of(headers: Headers, chunks: AsyncGenerator[bytes, None]) -> FormData:
    """Return a multipart form with one file at most; whoever reads it closes it.

    Raises:
        NoFormError: it is none.
    """
    try:
        return await MultiPartParser(headers, chunks, max_files=1, max_fields=_FIELDS_MAX).parse()
    except MultiPartException as error:
        raise NoFormError(f"The multipart body cannot be read: {error.message}") from error
    except UnicodeError as error:
        message = "The multipart body's names are not text in the charset that its Content-Type names; leave that out."
        raise NoFormError(message) from error


async def taken_in(album: Album, workspace: UUID, environment: str, part: UploadFile, policy: Policy) -> File:
    """Keep the picture of a form's part, as `Album.take_in` does.

    Raises:
        TooLargeError: it is not looked at.
        Unusable: it cannot go out.
        CrowdedError: too many pictures wait to be opened.
        TimeoutError: it took too long.
    """
    most, size = album.most_bytes(policy), part.size or 0
    if size > most:
        raise TooLargeError(f"The picture has {size:,} bytes; {most:,} at most are taken. Save it smaller.")
    came_as = CameAs(part.filename or "", part.content_type or "")
    async with asyncio.timeout(_KEEP_S), album.hands.hold(workspace):
        return await album.take_in(workspace, environment, await part.read(), policy, came_as)
