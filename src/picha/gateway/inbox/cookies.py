"""The inbox's cookies: who is signed in, and which environment they look at."""

from starlette.requests import Request
from starlette.responses import Response

from picha.gateway.domain.staff import SESSION_LIVES
from picha.gateway.inbox.means import Means
from picha.gateway.inbox.origin import our_origin

_LASTS_S = int(SESSION_LIVES.total_seconds())


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


def environment_of(request: Request, means: Means) -> str | None:
    """Return which environment a browser says that it looks at, if it says so."""
    return request.cookies.get(_environment(request, means))


def put_environment(request: Request, response: Response, means: Means, environment: str) -> None:
    """Have the browser remember which environment is looked at."""
    _put(response, means, _environment(request, means), environment)


def _put(response: Response, means: Means, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=_LASTS_S, path="/", secure=means.is_secure, httponly=True, samesite="lax")


def _token(request: Request, means: Means) -> str:
    # Browsers take a __Host- cookie by HTTPS alone, for this host and from it.
    return ("__Host-picha" if means.is_secure else "picha") + _port(request, means)


def _environment(request: Request, means: Means) -> str:
    return "picha_environment" + _port(request, means)


def _port(request: Request, means: Means) -> str:
    """Return the port as an ending of a name: a cookie is a host's, and each port of it may have a Picha of its own."""
    _, colon, port = our_origin(request, means.public_url).rpartition(":")
    return f"_{port}" if colon and port.isdecimal() else ""
