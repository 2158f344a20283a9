"""How the control API reads what it is asked and says what it answers: JSON, errors as `{"error": "<a sentence>"}`."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_BODY_MAX_BYTES = 192 * 1024 * 1024
Wish = TypeVar("Wish", bound=msgspec.Struct)


def told(document: Any, status: int = 200) -> Response:
    """Return an answer with `document` as JSON."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def refused(why: str, status: int = 400) -> Response:
    """Return a refusal that says why in a sentence."""
    return told({"error": why}, status)


async def read(request: Request, kind: type[Wish]) -> Wish | Response:
    """Return what the body asks for, or the refusal of a body that is too long or asks for nothing known."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX_BYTES:
            return refused(f"the body has more than {_BODY_MAX_BYTES:,} bytes", 413)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as why:
        return refused(str(why))
