"""A request on its way in and an answer on its way out, between the face and the handlers behind it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from picha.cloudapi.errors import encode_error
from picha.sandbox import forms, refusals
from picha.sandbox.chance import Chance
from picha.sandbox.refusals import Refusal
from picha.sandbox.rules import Document

BODY_MAX_BYTES = 1 << 20
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"private, no-cache, no-store, must-revalidate"),
    (b"pragma", b"no-cache"),
)


class _Json(Response):
    """A response with a body of JSON, and with the headers that all such have."""

    def init_headers(self, _headers: Mapping[str, str] | None = None) -> None:
        self.raw_headers = [*_HEADERS, (b"content-length", str(len(self.body)).encode())]


class Answer:
    """A response, and the wamid of the send whose statuses may start once the response has left."""

    def __init__(self, response: Response, wamid: str | None = None) -> None:
        self.response = response
        self.wamid = wamid


def answer(document: Any, wamid: str | None = None) -> Answer:
    """Return an answer 200 with `document` as JSON."""
    return Answer(_Json(msgspec.json.encode(document)), wamid)


def refused(refusal: Refusal, chance: Chance, *, beside: Document | None = None) -> Response:
    """Return the response that spells a refusal, with a trace id of its own; `beside` is what was done all the same."""
    error = msgspec.structs.replace(refusal.error, fbtrace_id="A" + chance.base62(22))
    body = encode_error(error) if beside is None else msgspec.json.encode(beside | {"error": error})
    return _Json(body, refusal.http)


async def read_body(request: Request) -> bytes:
    """Return the body of a request that is not an upload; a multipart one as the other kind of form has it.

    Raises:
        Refusal: it is longer than a mebibyte, or a multipart form that cannot be read or brings a file.
        ClientDisconnect: the client went away before its end.
    """
    if forms.is_form(request):
        return await _read_parts(request)
    body, is_whole = bytearray(), False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > BODY_MAX_BYTES:
            raise _too_long()
        is_whole = not message.get("more_body", False)
    return bytes(body)


async def _read_parts(request: Request) -> bytes:
    try:
        form = await forms.read(request, max_bytes=BODY_MAX_BYTES, max_files=0)
    except forms.TooLargeError:
        raise _too_long() from None
    except forms.UnreadableError as why:
        raise refusals.malformed(f"The request body is not a form: {why}") from None
    return urlencode(form.multi_items()).encode()


def _too_long() -> Refusal:
    return refusals.malformed(f"The request body has more than {BODY_MAX_BYTES:,} bytes.")


def read_document(body: bytes, content_type: str) -> Document:
    """Return the parameters in a body of JSON, or of a form in which nested values are JSON; an empty one has none.

    Raises:
        Refusal: the body cannot be read.
    """
    if not body.strip():
        return {}
    if content_type.partition(";")[0].strip().lower() in _FORMS and body[:1] != b"{":
        return _read_form(body)
    document = _read_json(body)
    if not isinstance(document, dict):
        raise refusals.malformed("The request body is not a JSON object.")
    return document


def _read_form(body: bytes) -> Document:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise refusals.malformed("The request body is not a form.") from None
    return {key: _read_json(value.encode()) if value[:1] in ("{", "[") else value for key, value in pairs}


def _read_json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise refusals.malformed(f"The request body is not valid JSON: {why}") from None
