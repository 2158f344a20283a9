"""Who may use the control API: whoever is on this machine, or whoever brings the control token where there is one.

Without a token no web page may drive it: neither a page of another origin, whose request says where it is from, nor one
whose own name was made to lead to this machine (DNS rebinding), which the `Host` header gives away. What somebody on
the internet can own is a name with a dot; addresses, bare names and the names kept for private use are nobody's.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from picha.kit.secrets import Secret
from picha.sandbox.control_words import refused

# What anybody may read: links lead to the photo, and a gateway follows the clock.
_OPEN = frozenset({("GET", "/_sandbox/photo.jpg"), ("HEAD", "/_sandbox/photo.jpg"), ("GET", "/_sandbox/clock")})
# Where there is a token these tell no secret, and a browser could not bring it.
_OPEN_BESIDE_A_TOKEN = frozenset({"/_sandbox/docs", "/_sandbox/openapi.json"})
_PRIVATE_SUFFIXES = (".localhost", ".internal")


class ControlDoor:
    """Lets a request to the control API through, or refuses it."""

    def __init__(self, inside: ASGIApp, token: str | None) -> None:
        self._inside = inside
        self._token = None if token is None else Secret(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        refusal = None
        is_open = (scope["method"], path) in _OPEN or (self._token is not None and path in _OPEN_BESIDE_A_TOKEN)
        if path.startswith("/_sandbox/") and not is_open:
            refusal = self._refusal(Headers(scope=scope))
        await (self._inside if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        if self._token is not None:
            scheme, _, presented = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and self._token.matches(presented.strip()):
                return None
            return _unauthorised()
        if not is_private_name(headers.get("host", "")):
            return refused("the Host header names a place on the internet: use localhost or an address", 403)
        if is_foreign(headers.get("origin"), headers.get("host", "")):
            return refused("a web page of another origin may not use the control API", 403)
        return None


def _unauthorised() -> Response:
    response = refused("the control API wants Authorization: Bearer and the control token of the ready line", 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def is_private_name(host: str) -> bool:
    """Tell whether a `Host` header holds an address or a name that nobody on the internet can own."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if "." not in name or name.endswith(_PRIVATE_SUFFIXES):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_foreign(origin: str | None, host: str) -> bool:
    """Tell whether a request comes from a web page that was not served under the `Host` it asks."""
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:
        return True
