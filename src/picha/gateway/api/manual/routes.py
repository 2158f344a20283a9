"""Where the gateway tells of itself: `/docs` for people, `/openapi.json` for programs; neither wants a key."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
from starlette.responses import HTMLResponse, Response

from picha.gateway.api.calls import Call
from picha.gateway.api.manual.curl import setting
from picha.gateway.api.manual.openapi import document
from picha.gateway.api.manual.page import page
from picha.gateway.api.route import Route
from picha.manual.schemas import Schema
from picha.manual.writing import POLICY, escaped

# Stands in the page for its address, which the caller knows.
_HERE = "https://gateway.invalid"


class Manual:
    """Tells of the gateway that serves these routes; what it tells is written when it is first asked for."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = (
            Route("GET", "/docs", self.show_docs, answer="text/html", needs_key=False, is_enveloped=False),
            Route("GET", "/openapi.json", self.tell_openapi, answer=dict, needs_key=False, is_enveloped=False),
        )
        self._all = (*routes, *self.routes)

    async def show_docs(self, call: Call) -> Response:
        """Show every call and every error code on one page, with commands to paste."""
        headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        here = escaped(setting(call.here))
        return HTMLResponse(self._page.replace(escaped(setting(_HERE)), here), headers=headers)

    async def tell_openapi(self, _call: Call) -> Response:
        """Describe every call as an OpenAPI 3.1 document."""
        return Response(self._encoded, media_type="application/json")

    @cached_property
    def document(self) -> Schema:
        """The OpenAPI document."""
        return document(self._all)

    @cached_property
    def _page(self) -> str:
        return page(self.document, _HERE)

    @cached_property
    def _encoded(self) -> bytes:
        return msgspec.json.encode(self.document)
