"""The application: every route of the table behind one entrance that identifies, envelopes and never leaks."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
from prometheus_client import Histogram
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from picha.gateway.api.calls import Call, RefusedError, Services
from picha.gateway.api.routes import FORMER_SENDS, OTHER_SENDS, ROUTES, Route
from picha.gateway.api.turnstile import Headers, TooOftenError
from picha.gateway.metrics import REFUSED, REQUESTS
from picha.gateway.store.group import OverloadedError
from picha.gateway.store.pool import UNREACHABLE
from picha.images.workers import CrowdedError
from picha.karibu.errors import STATUS, Code, encode_detail, encode_error, encode_ok
from picha.kit.logs import logger

_JSON = "application/json"
_encoder = msgspec.json.Encoder()
_BUSY = RefusedError(
    Code.UNAVAILABLE,
    "The gateway has more to do than it can right now, so it accepted nothing. Try again in a moment.",
    headers={"Retry-After": "1"},
)
_LATE = RefusedError(
    Code.UNAVAILABLE,
    "The request was not whole, or not answered, in the time that it has, so it was given up; whether it took effect "
    "is not known. Ask again over a faster line, with the same Idempotency-Key.",
    headers={"Retry-After": "1"},
)
# A commit whose answer was lost with the connection may have happened all the same.
_AWAY = RefusedError(
    Code.UNAVAILABLE,
    "The gateway cannot store anything right now, so it accepted nothing, as far as it knows. Try again in a moment.",
    headers={"Retry-After": "2"},
)


def create_app(services: Services, routes: Sequence[Route] = ROUTES) -> Starlette:
    """Build the ASGI application; both slash forms of every path are served, and nothing is redirected."""
    served = [
        (StarletteRoute(path, _entrance(route, services), methods=[route.method]), route)
        for route in routes
        for path in dict.fromkeys((route.path, route.path.rstrip("/") + "/"))
    ]

    async def not_routed(request: Request, _error: Exception) -> Response:
        here = [(one, route) for one, route in served if one.matches(request.scope)[0] is not Match.NONE]
        methods = {method for one, _ in here for method in one.methods or ()}
        is_bare = request.url.path.startswith("/health") or any(not route.is_enveloped for _, route in here)
        refusal = _unbuilt(request) or _unrouted(sorted(methods))
        return _refuse(refusal, services.ids.uuid(), is_enveloped=not is_bare)

    app = Starlette(routes=[one for one, _ in served], exception_handlers={HTTPException: not_routed})
    # A client that follows a redirect turns a POST into a GET, and takes its key along.
    app.router.redirect_slashes = False
    return app


def _entrance(route: Route, services: Services) -> Callable[[Request], Awaitable[Response]]:
    measured: dict[int, Histogram] = {}

    async def enter(request: Request) -> Response:
        began = services.clock.monotonic()
        standing: Headers = []
        response = await answer(request, standing)
        response.raw_headers.extend(standing)
        digit = response.status_code // 100
        if digit not in measured:
            measured[digit] = REQUESTS.labels(route.method, route.path, f"{digit}xx")
        measured[digit].observe(services.clock.monotonic() - began)
        return response

    async def answer(request: Request, standing: Headers) -> Response:
        request_id = services.ids.uuid()
        try:
            async with asyncio.timeout(route.patience_s) as patience:
                answered = await route.handler(await _let_in(request, route, services, standing))
        except RefusedError as error:
            return _refuse(error, request_id, is_enveloped=route.is_enveloped)
        except (OverloadedError, CrowdedError, *UNREACHABLE) as error:
            logger("api").warning("a request was turned away", path=route.path, error=type(error).__name__)
            refusal = _BUSY if isinstance(error, OverloadedError | CrowdedError) else _AWAY
            refusal = _LATE if patience.expired() else refusal
            return _refuse(refusal, request_id, is_enveloped=route.is_enveloped)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:  # noqa: BLE001 - the caller gets an envelope, the log gets the rest
            logger("api").exception("a request failed", path=route.path, request_id=str(request_id))
            return _refuse(_failed(request_id), request_id, is_enveloped=route.is_enveloped)
        if isinstance(answered, Response):
            answered.headers.setdefault("X-Request-Id", str(request_id))
            return answered
        document = encode_ok(answered.data, request_id) if route.is_enveloped else _encoder.encode(answered.data)
        headers = {**answered.headers, "X-Request-Id": str(request_id)}
        return Response(document, answered.status, headers, _JSON)

    return enter


async def _let_in(request: Request, route: Route, services: Services, standing: Headers) -> Call:
    """Return the call of whoever may make it; `standing` gets the headers that tell how their key stands."""
    caller = None
    if route.takes_key:
        address = request.client.host if request.client else ""
        try:
            caller = await services.keys.identify(request.headers.get("x-api-key"), address)
            if caller is not None:
                services.turnstile.enter(caller.key, standing)
        except TooOftenError as error:
            raise _too_often(error) from None
    call = Call(request, services, caller, route.scope)
    if route.needs_key:
        _ = call.caller
    return call


def _refuse(error: RefusedError, request_id: UUID, *, is_enveloped: bool) -> Response:
    REFUSED.labels(error.code).inc()
    document = encode_error([error.item], request_id) if is_enveloped else encode_detail(error.item.message)
    headers = {**error.headers, "X-Request-Id": str(request_id)}
    return Response(document, STATUS[error.code], headers, _JSON)


def _too_often(error: TooOftenError) -> RefusedError:
    message = (
        f"Requests come faster than they may: ask again in {error.wait_s} s, and slower. Keys that are none are "
        "counted by the address they come from."
    )
    return RefusedError(Code.RATE_LIMITED, message, headers={"Retry-After": str(error.wait_s)})


def _failed(request_id: UUID) -> RefusedError:
    message = f"Something went wrong here. It is logged as request {request_id}; whether it took effect is not known."
    return RefusedError(Code.UNAVAILABLE, message, headers=_AWAY.headers)


def _unbuilt(request: Request) -> RefusedError | None:
    """Return the refusal for a send that Karibu has, or once had, and this gateway has not."""
    path = request.url.path.rstrip("/")
    if request.method == "POST" and path in FORMER_SENDS:
        message = (
            "Each kind of send has a path of its own: POST /v1/whatsapp/messages/image, /text or /template. "
            "The earlier forms are not served."
        )
        return RefusedError(Code.NOT_FOUND, message)
    if request.method == "POST" and path in OTHER_SENDS:
        message = (
            "This gateway sends images, texts and templates: POST /v1/whatsapp/messages/image, /text or /template. "
            "Other kinds are not built."
        )
        return RefusedError(Code.NOT_IMPLEMENTED, message)
    return None


def _unrouted(methods: Sequence[str]) -> RefusedError:
    """Return the refusal for a request that no route serves, though its path answers to these `methods`."""
    if methods:
        allowed = ", ".join(methods)
        return RefusedError(
            Code.METHOD_NOT_ALLOWED,
            f"This path does not take that method; it takes {allowed}.",
            headers={"Allow": allowed},
        )
    return RefusedError(Code.NOT_FOUND, "There is nothing at this path; the paths are listed in the documentation.")
