"""The control API's part about people: they read, get their messages, block, unblock, and change their number."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox.conduct import Conduct, PersonTold
from picha.sandbox.control_words import asked, read, refused, told
from picha.sandbox.first_day import PERSON
from picha.sandbox.manual.described import described
from picha.sandbox.person import Nonsense

_WHO = "A phone number, or the user id of somebody who hides theirs."


class NumberWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number that a person moves to."""

    to: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, and what."""

    wa_id: Annotated[str, Meta(description=_WHO, examples=[PERSON])]
    deed: Literal["deliver", "read", "block", "unblock"] = "read"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is."""

    wa_id: Annotated[str, Meta(description=_WHO, examples=[PERSON])]


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """The wamids of what was new."""

    wamids: list[str]


class Business(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the business's numbers is meant."""

    phone_number_id: Annotated[str, Meta(description="One number; without it all that there are.")] | None = None


class Reading(Business, frozen=True, kw_only=True):
    """Which of the business's numbers is meant, and how far somebody reads."""

    upto: (
        Annotated[str, Meta(description="Of read: only what has arrived, as far as the message with this wamid.")]
        | None
    ) = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The wamid of the system message, and of that to each number that the person wrote to."""

    message_id: str
    message_ids: list[str]


class Blocking(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the person has blocked the business; `wa_id` is what they are known by."""

    wa_id: str
    blocked: bool


class PeopleControl:
    """Handlers of the control API about people."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct

    def routes(self) -> list[Route]:
        """Return the routes about people."""
        person = "/_sandbox/people/{wa_id}"
        return [
            Route(person, self._look, methods=["GET"]),
            Route(f"{person}/change-number", self._change_number, methods=["POST"]),
            Route(f"{person}/{{deed:str}}", self._act, methods=["POST"]),
        ]

    @described(path=Named, query=Business, answer=PersonTold)
    async def _look(self, request: Request) -> Response:
        """Tell of a person: who they are, and what there is between them and each number of the business."""
        ours = asked(request, Business)
        if isinstance(ours, Response):
            return ours
        try:
            return told(self._conduct.look(request.path_params["wa_id"], ours.phone_number_id))
        except Nonsense as why:
            return refused(str(why))

    @described(path=Person, query=Reading, answer=(Reached, Blocking))
    async def _act(self, request: Request) -> Response:
        """Let a person get what was sent to them, read it, or block the business.

        What is not delivered to a person who blocks, and what is sent to them from then on, stays at `sent` for good.
        """
        wa_id: str = request.path_params["wa_id"]
        named = asked(request, Reading)
        if isinstance(named, Response):
            return named
        ours = named.phone_number_id
        try:
            match request.path_params["deed"]:
                case "deliver" | "block" | "unblock" if named.upto is not None:
                    return refused("upto is of read alone")
                case "deliver":
                    done: Reached | Blocking = Reached(wamids=await self._conduct.deliver(wa_id, ours))
                case "read":
                    done = Reached(wamids=await self._conduct.read(wa_id, ours, named.upto))
                case "block" | "unblock" as deed:
                    done = await self._block(wa_id, ours, is_blocked=deed == "block")
                case _:
                    return refused("people deliver, read, block, unblock and change-number", 404)
        except Nonsense as why:
            return refused(str(why))
        return told(done)

    async def _block(self, wa_id: str, ours: str | None, *, is_blocked: bool) -> Blocking:
        key = await self._conduct.block(wa_id, ours, is_blocked=is_blocked)
        return Blocking(wa_id=key, blocked=is_blocked)

    @described(path=Person, body=NumberWish, answer=Moved, examples={"To another number": {"to": "16505559876"}})
    async def _change_number(self, request: Request) -> Response:
        """Let a person move to another number, and a system message tell of it.

        The old number then fails with 131026.
        """
        wish = await read(request, NumberWish)
        if isinstance(wish, Response):
            return wish
        try:
            message_ids = await self._conduct.change_number(request.path_params["wa_id"], wish.to)
        except Nonsense as why:
            return refused(str(why))
        return told(Moved(message_id=message_ids[0], message_ids=message_ids))
