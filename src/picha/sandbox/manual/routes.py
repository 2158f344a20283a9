"""Where the sandbox tells of itself: `/_sandbox/docs` for people, `/_sandbox/openapi.json` for programs."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from picha.manual.schemas import Schema
from picha.sandbox.manual.described import described
from picha.sandbox.manual.openapi import document
from picha.sandbox.manual.page import POLICY, page
from picha.sandbox.ready import Ready


class OpenApi(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class Manual:
    """Tells of the sandbox that has these routes; what it tells is written when it is first asked for.

    Where the control API wants a token, a browser could not bring it: there these two want none, and tell no secret.
    """

    def __init__(self, ready: Ready, routes: Sequence[Route]) -> None:
        self._ready = ready if ready.control_token is None else _without_secrets(ready)
        self._own = [*routes, *self.routes()]
        self._document: Schema | None = None

    def routes(self) -> list[Route]:
        """Return the routes to the document and to the page."""
        return [
            Route("/_sandbox/docs", self._show, methods=["GET"]),
            Route("/_sandbox/openapi.json", self._tell, methods=["GET"]),
        ]

    @described(answer="text/html")
    async def _show(self, _request: Request) -> Response:
        """Show every call on one page, with commands to paste."""
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return HTMLResponse(page(self._written(), self._ready), headers=headers)

    @described(answer=OpenApi)
    async def _tell(self, _request: Request) -> Response:
        """Describe every call as an OpenAPI 3.1 document."""
        return Response(msgspec.json.encode(self._written()), media_type="application/json")

    def _written(self) -> Schema:
        if self._document is None:
            self._document = document(self._ready, self._own)
        return self._document


def _without_secrets(ready: Ready) -> Ready:
    """Return the same with a name in capitals in place of every secret."""
    secrets = ("access_token", "app_secret", "verify_token", "control_token")
    numbers = tuple(msgspec.structs.replace(number, access_token="ACCESS_TOKEN") for number in ready.numbers)  # noqa: S106 - a name
    return msgspec.structs.replace(ready, numbers=numbers, **{name: name.upper() for name in secrets})
