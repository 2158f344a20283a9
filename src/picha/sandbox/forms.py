"""Multipart forms as they come in: counted while they are read, and read to their end even when they are refused."""

from collections.abc import AsyncGenerator, AsyncIterator

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from picha.sandbox.head import header

_MAX_FIELDS = 32


class UnreadableError(Exception):
    """The body is no multipart form, or has more parts than a form may; the message says what is wrong."""


class TooLargeError(Exception):
    """The form has more bytes than it may."""


def is_form(request: Request) -> bool:
    """Tell whether a request says that its body is a multipart form."""
    return (header(request.scope, b"content-type") or "").lower().startswith("multipart/form-data")


async def read(request: Request, *, max_bytes: int, max_files: int) -> FormData:
    """Return a multipart form of up to `max_bytes` in all; close it when its files are not needed any more.

    Raises:
        UnreadableError: it cannot be read, or has too many parts or too long a text.
        TooLargeError: it is longer.
    """
    stream = request.stream()
    counted = _counted(stream, max_bytes)
    try:
        return await MultiPartParser(request.headers, counted, max_files=max_files, max_fields=_MAX_FIELDS).parse()
    except MultiPartException as why:
        await read_on(stream)
        raise UnreadableError(why.message) from None
    except TooLargeError:
        await read_on(stream)
        raise


async def read_on(stream: AsyncIterator[bytes]) -> None:
    """Read to the end, so that a client that is still writing hears the answer."""
    async for _ in stream:
        pass


async def _counted(stream: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > max_bytes:
            raise TooLargeError
        yield chunk
