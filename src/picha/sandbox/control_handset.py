"""The control API's part for a handset: conversations as people see them, and the pictures in them."""

import asyncio
import re
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from picha.cloudapi.limits import IMAGE_MIME_TYPES
from picha.images.probe import probe
from picha.sandbox.blobs import Blobs
from picha.sandbox.control_words import asked, refused, told
from picha.sandbox.first_day import PERSON
from picha.sandbox.handset import PICTURES, Handset, Message, Told
from picha.sandbox.manual.described import Found, described
from picha.sandbox.person import Nonsense

_PAGE, _PAGE_MAX = 100, 1000
_HEAD_BYTES = 1 << 16
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ConversationsWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations, and how many."""

    phone_number_id: Annotated[str, Meta(description="One number; without it all that there are.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=_PAGE_MAX)] = _PAGE


class ConversationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations, the one that something was said in last first."""

    items: list[Told]


class MessagesWish(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversation, and which part of it."""

    with_: Annotated[str, Meta(description="A phone number, a user id without one, or a group's id.")] = msgspec.field(
        name="with"
    )
    phone_number_id: Annotated[str, Meta(description="The business's number, else the first.")] | None = None
    before: Annotated[str, Meta(description="Id of the message that the page ends before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=_PAGE_MAX)] = _PAGE


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """The last messages, in order."""

    items: list[Message]


class HandsetControl:
    """Handlers of the control API for a handset."""

    def __init__(self, handset: Handset, blobs: Blobs) -> None:
        self._handset = handset
        self._blobs = blobs

    def routes(self) -> list[Route]:
        """Return the routes for a handset."""
        return [
            Route("/_sandbox/conversations", self._conversations, methods=["GET"]),
            Route("/_sandbox/messages", self._messages, methods=["GET"]),
            Route(f"{PICTURES}/{{sha256}}", self._picture, methods=["GET"]),
        ]

    @described(query=ConversationsWish, answer=ConversationPage)
    async def _conversations(self, request: Request) -> Response:
        """List the conversations with people and groups, the one that something was said in last first."""
        wish = asked(request, ConversationsWish)
        if isinstance(wish, Response):
            return wish
        try:
            return told(ConversationPage(items=self._handset.conversations(wish.phone_number_id)[: wish.limit]))
        except Nonsense as why:
            return refused(str(why))

    @described(query=MessagesWish, answer=MessagePage, examples={"With Sheena Nelson": {"with": PERSON}})
    async def _messages(self, request: Request) -> Response:
        """Show a conversation as the person sees it: what both sides said, in order, and how far each send has come.

        The last messages come, or the last before one of them. News about a person is not among them.
        """
        wish = asked(request, MessagesWish)
        if isinstance(wish, Response):
            return wish
        try:
            found = self._handset.messages(wish.with_, wish.phone_number_id, wish.before, wish.limit)
        except Nonsense as why:
            return refused(str(why))
        return told(MessagePage(items=found))

    @described(answer="application/octet-stream", found={"sha256": Found("get_messages", "/items/0/sha256")})
    async def _picture(self, request: Request) -> Response:
        """Give the picture of a message by the digest that its line shows, as it was sent, uploaded or fetched."""
        digest = request.path_params["sha256"]
        path = self._blobs.path(digest) if _DIGEST.fullmatch(digest) else None
        if path is None or not path.exists():
            return refused("there is no picture with this SHA-256, or it is not kept any more", 404)
        mime_type = await asyncio.to_thread(_mime_type, path)
        # A digest names the same bytes for ever; the token, where there is one, is asked of nobody else's cache.
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=604800, immutable"}
        return FileResponse(path, media_type=mime_type, headers=headers)


def _mime_type(path: Path) -> str:
    with path.open("rb") as file:
        mime_type = probe(file.read(_HEAD_BYTES)).mime_type
    # What else somebody sent never runs in a browser that opens it.
    return mime_type if mime_type in IMAGE_MIME_TYPES else "application/octet-stream"
