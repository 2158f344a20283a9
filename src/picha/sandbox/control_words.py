"""How the control API reads what it is asked and says what it answers: JSON, errors as `{"error": "<a sentence>"}`."""

import functools
from typing import Any, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

BODY_MAX_BYTES = 192 * 1024 * 1024
Wish = TypeVar("Wish")
Query = TypeVar("Query", bound=msgspec.Struct)


class ControlRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why the control API does not do what it was asked, in a sentence that says what to do."""

    error: str


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The wamid of what a person wrote."""

    message_id: str


def told(document: Any, status: int = 200) -> Response:
    """Return an answer with `document` as JSON."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def refused(why: str, status: int = 400) -> Response:
    """Return a refusal that says why in a sentence."""
    return told(ControlRefusal(error=why), status)


async def disk_refused(_request: Request, why: Exception) -> Response:
    """Return what is said when nothing can be kept, such as on a full disk; nothing has happened then."""
    return refused(f"the disk refused, and nothing has happened: {why}", 507)


async def read(request: Request, kind: type[Wish]) -> Wish | Response:
    """Return what the body asks for, or the refusal of a body that is too long or asks for nothing known."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            return refused(f"the body has more than {BODY_MAX_BYTES:,} bytes", 413)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as why:
        return refused(str(why))


def asked(request: Request, kind: type[Query]) -> Query | Response:
    """Return what the query asks for, or the refusal of one that asks for nothing that is possible."""
    names, query = _choices(kind), dict(request.query_params)
    if unknown := query.keys() - names:
        return refused(f"the query has no {min(unknown)[:100]!r}; it may have {', '.join(names)}")
    for name, value in query.items():
        if names[name] and value not in names[name]:
            return refused(f"{name} is one of {', '.join(names[name])}, not {value[:100]!r}")
    try:
        return msgspec.convert(query, kind, strict=False)
    except msgspec.ValidationError as why:
        return refused(str(why))


@functools.cache
def _choices(kind: type[msgspec.Struct]) -> dict[str, tuple[Any, ...]]:
    """Return the members of a query, each with the words it may be, none where it may be any."""
    properties = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    return {
        name: tuple(word for choice in (schema, *schema.get("anyOf", ())) for word in choice.get("enum", ()))
        for name, schema in properties.items()
    }


async def broken(_request: Request, why: Exception) -> Response:
    """Return what is said of a fault of the sandbox itself, such as a route that nobody described."""
    return refused(f"the sandbox has a fault: {type(why).__name__}: {why}", 500)


async def lost(request: Request, why: Exception) -> Response:
    """Return the refusal of a path that is none, or of a method that its path does not have."""
    status, headers = (why.status_code, why.headers) if isinstance(why, HTTPException) else (404, None)
    known = "/_sandbox/docs shows every call of the control API"
    answer = refused(f"there is no {request.method} {request.url.path[:200]} here: {known}", status)
    answer.headers.update(headers or {})
    return answer


async def unheard(_request: Request, _why: Exception) -> Response:
    """Return an answer to nobody: the client left in the middle of its request."""
    return Response(status_code=400)


SAYINGS: dict[Any, Any] = {HTTPException: lost, ClientDisconnect: unheard, OSError: disk_refused, Exception: broken}
