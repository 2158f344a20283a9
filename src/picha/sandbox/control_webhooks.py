"""The control API's part about webhooks: trouble on purpose."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox.callbacks.trouble import Trouble, Troubles
from picha.sandbox.control_words import read, told


class WebhookControl:
    """Handlers of the control API about webhooks."""

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles

    def routes(self) -> list[Route]:
        """Return the routes about webhooks."""
        return [
            Route("/_sandbox/trouble", self._tell_trouble, methods=["GET"]),
            Route("/_sandbox/trouble", self._begin_trouble, methods=["POST"]),
            Route("/_sandbox/trouble", self._end_trouble, methods=["DELETE"]),
        ]

    async def _tell_trouble(self, _request: Request) -> Response:
        return told({"trouble": self._troubles.current})

    async def _begin_trouble(self, request: Request) -> Response:
        wish = await read(request, Trouble)
        return wish if isinstance(wish, Response) else told({"trouble": self._troubles.begin(wish)})

    async def _end_trouble(self, _request: Request) -> Response:
        self._troubles.end()
        return Response(status_code=204)
