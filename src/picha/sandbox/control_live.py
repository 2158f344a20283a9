"""The control API's stream of what changes, for pages that show it as it happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from picha.sandbox.bell import PARTS, Part
from picha.sandbox.conduct import Conduct
from picha.sandbox.control_words import asked, refused
from picha.sandbox.manual.described import described
from picha.sandbox.person import Nonsense
from picha.sandbox.screens import Screens
from picha.sandbox.world import World

STREAMS_MAX = 32
_PAUSE_S = 0.05
_SILENCE_S = 15.0
_LONGEST_S = 86_400.0


class LiveWish(msgspec.Struct, frozen=True, kw_only=True):
    """Whose phone the page shows, and for how long."""

    person: (
        Annotated[
            str,
            Meta(
                description="A phone number, or the user id of somebody who hides theirs. As long as the stream is "
                "open, what is sent to them is not read by itself."
            ),
        ]
        | None
    ) = None
    for_s: (
        Annotated[
            float, Meta(ge=0, le=_LONGEST_S, description="Ends after so many real seconds; else with the sandbox.")
        ]
        | None
    ) = None


class LiveControl:
    """The handler of the stream; all streams end once `stop` is set."""

    def __init__(self, world: World, conduct: Conduct, screens: Screens, stop: asyncio.Event) -> None:
        self._world = world
        self._conduct = conduct
        self._screens = screens
        self._stop = stop
        self._streams = 0

    def routes(self) -> list[Route]:
        """Return the route of the stream."""
        return [Route("/_sandbox/live", self._live, methods=["GET"])]

    @described(query=LiveWish, answer="text/event-stream", examples={"For two seconds": {"for_s": "2"}})
    async def _live(self, request: Request) -> Response:
        """Stream what changes, as server-sent events that tell the parts to look at again.

        Each event's data is `{"changed": [...]}` with some of messages, people, ledger, webhooks, clock, rules and
        world, which is all of them; the first says world. There are up to 32 streams.
        """
        wish = asked(request, LiveWish)
        if isinstance(wish, Response):
            return wish
        try:
            key = None if wish.person is None else self._conduct.key_of(wish.person)
        except Nonsense as why:
            return refused(str(why))
        if self._streams >= STREAMS_MAX:
            return refused(f"there are {STREAMS_MAX} streams already: close a page that is not looked at", 503)
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._told(key, wish.for_s), media_type="text/event-stream", headers=headers)

    async def _told(self, key: str | None, for_s: float | None) -> AsyncIterator[bytes]:
        """Yield what has changed, gathered for a moment each time, and a comment where nothing does for long."""
        # All is new to whoever has just come; so nothing is lost between a page's first look and its first event.
        changed: set[Part] = {"world"}
        rung = asyncio.Event()

        def hear(parts: tuple[Part, ...]) -> None:
            changed.update(parts)
            rung.set()

        with ExitStack() as stack:
            stack.callback(self._left)
            self._streams += 1
            stack.callback(self._world.bell.listeners.discard, hear)
            self._world.bell.listeners.add(hear)
            if key is not None:
                stack.enter_context(self._screens.showing(key))
            ends_at = _now() + (_LONGEST_S if for_s is None else for_s)
            while True:
                yield _event(changed)
                changed.clear()
                if await self._is_over(_PAUSE_S, ends_at):
                    return
                while not changed:
                    rung.clear()
                    if await self._is_over(_SILENCE_S, ends_at, rung):
                        return
                    if not changed:
                        yield b": nothing new\n\n"

    def _left(self) -> None:
        self._streams -= 1

    async def _is_over(self, patience_s: float, ends_at: float, rung: asyncio.Event | None = None) -> bool:
        """Wait for a ring at most so long, and tell whether the stream is over."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._stop, rung) if event is not None]
        try:
            left = max(0.0, min(patience_s, ends_at - _now()))
            await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self._stop.is_set() or _now() >= ends_at


def _now() -> float:
    return asyncio.get_running_loop().time()


def _event(changed: set[Part]) -> bytes:
    told = [part for part in PARTS if part in changed]
    return b"data: " + msgspec.json.encode({"changed": told}) + b"\n\n"
