"""The one entrance to every page: who comes, whether they may, and the headers that each answer has."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from picha.gateway.inbox import cookies
from picha.gateway.inbox.means import Means
from picha.gateway.inbox.origin import SAFE, is_ours, our_origin
from picha.gateway.inbox.route import Page
from picha.gateway.inbox.visit import Place, RefusedError, Visit
from picha.gateway.metrics import REQUESTS
from picha.gateway.store.group import OverloadedError
from picha.gateway.store.pool import UNREACHABLE
from picha.gateway.store.sessions import SignedIn
from picha.images.workers import CrowdedError
from picha.kit.logs import logger

SIGN_IN = "/inbox/sign-in"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
# What a script's page is of, whatever another tab of its browser switched to.
_ENVIRONMENT = "X-Picha-Environment"
# A form that is sent from a page without any referrer would name no origin either.
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NOT_OURS = RefusedError(
    403, "That came from elsewhere", "Another page asked for this in your name, so nothing was done."
)
_SIGN_IN = RefusedError(401, "You are signed out", "Sign in again to go on.")
_ADMINS = RefusedError(403, "This is for admins", "Ask an admin of your workspace to do it, or to make you one.")
_BUSY = RefusedError(503, "One moment", "There is more to do than can be done right now. Try again in a moment.")
_LATE = RefusedError(
    503, "That took too long", "It was given up, and whether it took effect is not known: look before you try again."
)
_AWAY = RefusedError(503, "One moment", "The database cannot be reached right now. Try again in a moment.")


def entrance(page: Page, means: Means, places: Sequence[Place]) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves a page to whoever may see it."""

    async def enter(request: Request) -> Response:
        began = means.clock.monotonic()
        visit = Visit(request, means, means.ids.uuid(), places, None, "test")
        response = await _answer(page, visit)
        for name, value in {**_HEADERS, "X-Request-Id": str(visit.id)}.items():
            response.headers.setdefault(name, value)
        digit = response.status_code // 100
        REQUESTS.labels(page.method, page.path, f"{digit}xx").observe(means.clock.monotonic() - began)
        return response

    return enter


async def _answer(page: Page, stranger: Visit) -> Response:
    visit = stranger
    try:
        async with asyncio.timeout(page.patience_s) as patience:
            visit = await _recognised(stranger)
            _demand(page, visit)
            response = await page.handler(visit)
    except RefusedError as refusal:
        return refused(page, visit, refusal)
    except (OverloadedError, CrowdedError, *UNREACHABLE) as error:
        logger("inbox").warning("a visit was turned away", path=page.path, error=type(error).__name__)
        if patience.expired():
            return refused(page, visit, _LATE)
        return refused(page, visit, _BUSY if isinstance(error, OverloadedError | CrowdedError) else _AWAY)
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception:  # noqa: BLE001 - a person gets a page, the log gets the rest
        logger("inbox").exception("a visit failed", path=page.path, request_id=str(visit.id))
        message = "It is logged, and whether it took effect is not known. Try again, or tell whoever runs this."
        return refused(page, visit, RefusedError(500, "Something went wrong here", message))
    # A link on another site shows what it names, and changes nothing for the pages after it.
    is_asked = visit.request.query_params.get("environment") == visit.environment
    if is_asked and visit.request.headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        cookies.put_environment(visit.request, response, visit.means, visit.environment)
    return response


async def _recognised(visit: Visit) -> Visit:
    """Return the visit with whose cookie it brings, and the environment that they look at."""
    request, means = visit.request, visit.means
    token = cookies.token_of(request, means)
    person = await means.door.who(token) if token else None
    return Visit(request, means, visit.id, visit.places, person, _environment(request, means, person))


def _environment(request: Request, means: Means, person: SignedIn | None) -> str:
    """Return the environment of the page that asks, or what is asked for, or the last one, or live before test."""
    there = person.environments if person else frozenset[str]()
    named = request.query_params.get("environment"), cookies.environment_of(request, means), "live"
    asked = request.headers.get(_ENVIRONMENT), *named
    return next((one for one in asked if one in there), "test")


def _demand(page: Page, visit: Visit) -> None:
    """Refuse what comes from another site, and who may not."""
    request = visit.request
    if page.method not in SAFE and not is_ours(request.headers, our_origin(request, visit.means.public_url)):
        raise _NOT_OURS
    if page.role is None:
        return
    if visit.person is None:
        raise _SIGN_IN
    if not visit.person.role.may(page.role):
        raise _ADMINS
    visit.demand_environment(request.headers.get(_ENVIRONMENT))


def refused(page: Page, visit: Visit, refusal: RefusedError) -> Response:
    """Return a refusal as who asked can read it: a page, the way to sign in, or JSON for a script."""
    if page.is_fetched:
        said = {"title": refusal.title, "message": refusal.message, "request_id": str(visit.id)}
        return visit.document(said, refusal.status)
    if refusal is _SIGN_IN:
        asked = visit.request.url
        back = quote(f"{asked.path}?{asked.query}" if asked.query else asked.path) if page.method in SAFE else ""
        return visit.elsewhere(f"{SIGN_IN}?next={back}" if back not in {"", "/inbox"} else SIGN_IN)
    return visit.page("refused.html", status=refusal.status, title=refusal.title, message=refusal.message)
