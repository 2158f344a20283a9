"""The inbox's cookies: who is signed in, and which environment they look at."""

from starlette.requests import Request
from starlette.responses import Response

from picha.gateway.domain.staff import SESSION_LIVES
from picha.gateway.inbox.means import Means

ENVIRONMENT = "picha_environment"
_LASTS_S = int(SESSION_LIVES.total_seconds())


def token_of(request: Request, means: Means) -> str:
    """Return the token that a browser brings, empty where it brings none."""
    return request.cookies.get(_name(means), "")


def put_token(response: Response, means: Means, token: str) -> None:
    """Have the browser keep a token, out of reach of scripts and of other sites."""
    _put(response, means, _name(means), token)


def drop_token(response: Response, means: Means) -> None:
    """Have the browser forget its token."""
    response.delete_cookie(_name(means), path="/", secure=means.is_secure, httponly=True, samesite="lax")


def put_environment(response: Response, means: Means, environment: str) -> None:
    """Have the browser remember which environment is looked at."""
    _put(response, means, ENVIRONMENT, environment)


def _put(response: Response, means: Means, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=_LASTS_S, path="/", secure=means.is_secure, httponly=True, samesite="lax")


def _name(means: Means) -> str:
    # Browsers take a __Host- cookie by HTTPS alone, for this host and from it.
    return "__Host-picha" if means.is_secure else "picha"
