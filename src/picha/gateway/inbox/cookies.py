"""The inbox's cookies: who is signed in, who did before, and which environment they look at."""

from datetime import timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from picha.gateway.domain.staff import BROWSER_IS_KNOWN, SESSION_LIVES
from picha.gateway.inbox.means import Means
from picha.gateway.inbox.origin import our_origin


def token_of(request: Request, means: Means) -> str:
    """Return the token that a browser brings, empty where it brings none."""
    return request.cookies.get(_token(request, means), "")


def put_token(request: Request, response: Response, means: Means, token: str) -> None:
    """Have the browser keep a token, out of reach of scripts and of other sites."""
    _put(response, means, _token(request, means), token)


def drop_token(request: Request, response: Response, means: Means) -> None:
    """Have the browser forget its token."""
    name = _token(request, means)
    response.delete_cookie(name, path="/", secure=means.is_secure, httponly=True, samesite="lax")


def marks_of(request: Request, means: Means) -> list[str]:
    """Return the marks that a browser has of everybody who signed in with it."""
    return [mark for name, mark in request.cookies.items() if name.startswith(_known(means))]


def put_mark(request: Request, response: Response, means: Means, person: UUID, mark: str) -> None:
    """Have the browser keep a mark of somebody, long after their session has ended."""
    name = f"{_known(means)}{person.hex}{_port(request, means)}"
    _put(response, means, name, mark, BROWSER_IS_KNOWN)


def environment_of(request: Request, means: Means) -> str | None:
    """Return which environment a browser says that it looks at, if it says so."""
    return request.cookies.get(_environment(request, means))


def put_environment(request: Request, response: Response, means: Means, environment: str) -> None:
    """Have the browser remember which environment is looked at."""
    _put(response, means, _environment(request, means), environment)


def _put(response: Response, means: Means, name: str, value: str, lasts: timedelta = SESSION_LIVES) -> None:
    age = int(lasts.total_seconds())
    response.set_cookie(name, value, max_age=age, path="/", secure=means.is_secure, httponly=True, samesite="lax")


def _token(request: Request, means: Means) -> str:
    return _picha(means) + _port(request, means)


def _known(means: Means) -> str:
    return f"{_picha(means)}_known_"


def _picha(means: Means) -> str:
    # Browsers take a __Host- cookie by HTTPS alone, for this host and from it.
    return "__Host-picha" if means.is_secure else "picha"


def _environment(request: Request, means: Means) -> str:
    return "picha_environment" + _port(request, means)


def _port(request: Request, means: Means) -> str:
    """Return the port as an ending of a name: a cookie is a host's, and each port of it may have a Picha of its own."""
    _, colon, port = our_origin(request, means.public_url).rpartition(":")
    return f"_{port}" if colon and port.isdecimal() else ""
