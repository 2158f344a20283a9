"""The inbox as routes of the API's application: its table of pages, the files they load, and what is at no page."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from picha.gateway.domain.staff import Role
from picha.gateway.inbox.entrance import entrance
from picha.gateway.inbox.means import Means
from picha.gateway.inbox.pages import PAGES
from picha.gateway.inbox.route import Page
from picha.gateway.inbox.visit import NOT_THERE, Place, RefusedError, Visit

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FOREVER = "public, max-age=31536000, immutable"


def create_inbox(means: Means, pages: Sequence[Page] = PAGES) -> list[BaseRoute]:
    """Return the routes of every page, of the files under /inbox/static, and of whatever else begins with /inbox/."""
    places = [Place(one.nav, one.path, one.role or Role.AGENT) for one in pages if one.nav]
    served: list[Route] = [Route(one.path, entrance(one, means, places), methods=[one.method]) for one in pages]

    async def elsewhere(visit: Visit) -> Response:
        path = visit.request.url.path
        if visit.request.method == "GET" and path.endswith("/"):
            return visit.elsewhere(path.rstrip("/"))
        if any(one.matches(visit.request.scope)[0] is not Match.NONE for one in served):
            raise RefusedError(405, "That cannot be done here", "Go back, and try it from the page it belongs to.")
        raise NOT_THERE

    others = [Page(method, "/inbox/{rest:path}", elsewhere, role=None) for method in _METHODS]
    rest = [Route(one.path, entrance(one, means, places), methods=[one.method]) for one in others]
    return [*served, Route("/inbox/static/{hash}/{name:path}", _static(means), methods=["GET"]), *rest]


def _static(means: Means) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        found = means.looks.file(request.path_params["name"])
        if found is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        # A page of another release may ask for a file by its own hash: it gets ours, and keeps it for no time.
        cache = _FOREVER if request.path_params["hash"] == means.looks.hash else "no-store"
        headers = {
            "Cache-Control": cache,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return Response(found[0], media_type=found[1], headers=headers)

    return serve
