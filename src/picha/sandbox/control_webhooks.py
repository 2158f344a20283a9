"""The control API's part about webhooks: trouble on purpose, the log, and another delivery of what is in it."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox.callbacks.postman import Postman
from picha.sandbox.callbacks.trouble import Trouble, Troubles
from picha.sandbox.control_words import read, refused, told
from picha.sandbox.ground import Ground

_PAGE_MAX = 1000


class WebhookControl:
    """Handlers of the control API about webhooks."""

    def __init__(self, ground: Ground, postman: Postman, troubles: Troubles) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._postman = postman
        self._troubles = troubles

    def routes(self) -> list[Route]:
        """Return the routes about webhooks."""
        return [
            Route("/_sandbox/deliveries", self._list, methods=["GET"]),
            Route("/_sandbox/deliveries/{delivery_id}/redeliver", self._redeliver, methods=["POST"]),
            Route("/_sandbox/trouble", self._tell_trouble, methods=["GET"]),
            Route("/_sandbox/trouble", self._begin_trouble, methods=["POST"]),
            Route("/_sandbox/trouble", self._end_trouble, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        limit = request.query_params.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= _PAGE_MAX):
            return refused(f"limit is a number from 1 to {_PAGE_MAX}")
        return told({"items": self._world.deliveries.newest(int(limit), request.query_params.get("about"))})

    async def _redeliver(self, request: Request) -> Response:
        """Owe a webhook once more, byte by byte, to the address that is claimed now; trouble does not touch it."""
        old = self._world.deliveries.find(request.path_params["delivery_id"])
        if old is None:
            return refused("there is no such delivery", 404)
        callback = self._world.callback(old.phone_number_id)
        again = msgspec.structs.replace(
            old,
            id=self._chance.digits(16),
            url=old.url if callback is None else callback.url,
            at=self._clock.now().timestamp(),
        )
        await self._journal.append(again)
        self._postman.post(again)
        return told({"id": again.id}, 202)

    async def _tell_trouble(self, _request: Request) -> Response:
        return told({"trouble": self._troubles.current})

    async def _begin_trouble(self, request: Request) -> Response:
        wish = await read(request, Trouble)
        return wish if isinstance(wish, Response) else told({"trouble": self._troubles.begin(wish)})

    async def _end_trouble(self, _request: Request) -> Response:
        self._troubles.end()
        return Response(status_code=204)
