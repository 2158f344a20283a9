"""The control API's part about people: they read, get their messages, block, unblock, and change their number."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox.conduct import Conduct
from picha.sandbox.control_words import read, refused, told
from picha.sandbox.person import Nonsense


class NumberWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number that a person moves to."""

    to: str


class PeopleControl:
    """Handlers of the control API about people."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct

    def routes(self) -> list[Route]:
        """Return the routes about people."""
        person = "/_sandbox/people/{wa_id}"
        return [
            Route(f"{person}/change-number", self._change_number, methods=["POST"]),
            Route(f"{person}/{{deed:str}}", self._act, methods=["POST"]),
        ]

    async def _act(self, request: Request) -> Response:
        wa_id: str = request.path_params["wa_id"]
        ours = request.query_params.get("phone_number_id")
        try:
            match request.path_params["deed"]:
                case "deliver":
                    return told({"wamids": await self._conduct.deliver(wa_id, ours)})
                case "read":
                    return told({"wamids": await self._conduct.read(wa_id, ours)})
                case "block" | "unblock" as deed:
                    is_blocked = deed == "block"
                    number = await self._conduct.block(wa_id, ours, is_blocked=is_blocked)
                    return told({"wa_id": number, "blocked": is_blocked})
                case _:
                    return refused("people deliver, read, block, unblock and change-number", 404)
        except Nonsense as why:
            return refused(str(why))

    async def _change_number(self, request: Request) -> Response:
        wish = await read(request, NumberWish)
        if isinstance(wish, Response):
            return wish
        try:
            message_ids = await self._conduct.change_number(request.path_params["wa_id"], wish.to)
        except Nonsense as why:
            return refused(str(why))
        return told({"message_id": message_ids[0], "message_ids": message_ids})
