"""GET /inbox/live: what changes in the inbox, as it happens, for a page to fetch anew what it shows."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from picha.gateway.inbox import cookies
from picha.gateway.inbox.means import STREAMS_MAX, Means
from picha.gateway.inbox.visit import RefusedError, Visit
from picha.gateway.lanes.doorbell import pause
from picha.gateway.store.changes import Change, Presence
from picha.gateway.store.pool import UNREACHABLE
from picha.kit.logs import logger

# A stream ends this long after its person signed out or was disabled, at the latest, with the second of the doorkeeper.
LOOK_S = 2.0
HEARTBEAT_S = 15.0
GATHER_S = 0.1
EACH_MAX = 16
"""How many streams one person has at once."""
_FULL = RefusedError(503, "Too many pages are open", "This page is not live for now; it tries again by itself.")


async def live(visit: Visit) -> Response:
    """Stream what changes: `conversation` and `message` with their ids, `presence`, and `refresh` for all at once.

    It begins with what changed since `since`, the mark that the page has, or with `refresh` where that is not known.
    """
    means, person = visit.means, visit.who.id
    if means.streams.total() >= STREAMS_MAX or means.streams[person] >= EACH_MAX:
        raise _FULL
    # Whoever asks for the head alone is told that it is there.
    if visit.request.method == "HEAD":
        return Response(media_type="text/event-stream")
    await means.changes.watch(visit.workspace)
    return _Stream(means, person, _frames(visit))


class _Stream(StreamingResponse):
    """A stream that has a seat of its person's from its first byte to its end, however it ends."""

    def __init__(self, means: Means, person: UUID, frames: AsyncIterator[bytes]) -> None:
        super().__init__(frames, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._means, self._person = means, person

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seats = self._means.streams
        seats[self._person] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            seats[self._person] -= 1
            if not seats[self._person]:
                del seats[self._person]


async def _frames(visit: Visit) -> AsyncIterator[bytes]:
    means, token = visit.means, cookies.token_of(visit.request, visit.means)
    with means.changes.ear(visit.workspace, since=visit.request.query_params.get("since", "")) as ear:
        said_at = means.clock.monotonic()
        yield b"retry: 1000\n\n"
        while not means.stopping.is_set():
            await pause(ear.ring, LOOK_S)
            # What changes together is told together.
            await asyncio.sleep(GATHER_S)
            try:
                person = await means.door.who(token)
                if person is None or person.id != visit.who.id:
                    return
                await means.changes.watch(visit.workspace)
            except UNREACHABLE as error:
                logger("inbox").warning("a live page was let go", error=type(error).__name__)
                return
            told, is_lost = ear.take()
            others = [one for one in told if not (isinstance(one, Presence) and one.person == person.id)]
            frames = [_told(one) for one in others] + ([_frame("refresh", {})] if is_lost else [])
            for frame in frames:
                said_at = means.clock.monotonic()
                yield frame
            if means.clock.monotonic() - said_at >= HEARTBEAT_S:
                said_at = means.clock.monotonic()
                yield b": still here\n\n"


def _told(one: Change | Presence) -> bytes:
    if isinstance(one, Presence):
        return _frame("presence", {"conversation": one.conversation, "person": one.person, "name": one.name})
    if one.message is None:
        return _frame("conversation", {"id": one.conversation})
    return _frame("message", {"id": one.message, "conversation": one.conversation})


def _frame(event: str, data: object) -> bytes:
    return f"event: {event}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
