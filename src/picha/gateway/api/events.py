"""GET /v1/events: what there is to tell, page by page or as it happens."""

from collections.abc import AsyncIterator, Iterator

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from picha.gateway.api import queries
from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.api.feed import STREAMS_MAX, Feed
from picha.gateway.api.keys import Caller
from picha.gateway.api.turnstile import TooOftenError
from picha.gateway.lanes.doorbell import pause
from picha.gateway.store import events
from picha.gateway.store.events import CHANNEL, LATEST, Cursor, Part
from picha.gateway.store.pool import UNREACHABLE
from picha.gateway.telling.composing import compose
from picha.karibu.errors import Code
from picha.karibu.events import Event, EventPage
from picha.karibu.queries import EVENTS_MAX
from picha.karibu.queries import LATEST as LATEST_WORD
from picha.kit.logs import logger

HEARTBEAT_S = 15.0
_STREAM_TYPE = "text/event-stream"
_STREAM_PAGE = 100
_CURSOR = "the cursor of an earlier answer, such as 1234.56"
_encoder = msgspec.json.Encoder()


async def list_events(call: Call) -> Answer | Response:
    """Tell what became of the app's own sends, and what people wrote, from a cursor on; as it happens, if so accepted.

    With `Accept: text/event-stream` it is a stream of server-sent events that goes on where `Last-Event-ID` left off.
    """
    request = call.request
    if _STREAM_TYPE in request.headers.get("accept", "") and request.method == "GET":
        return _streamed(call)
    limit = queries.limit(request.query_params, most=EVENTS_MAX)
    part = await _part(call, call.caller, _cursor(call), limit)
    items = [document for _, document in _documents(call, call.caller, part)]
    return Answer(EventPage(items=items, cursor=str(part.cursor), has_gap=part.has_gap))


class _Stream(StreamingResponse):
    """A stream that has a seat from its first byte to its end, however it ends."""

    def __init__(self, feed: Feed, frames: AsyncIterator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(frames, media_type=_STREAM_TYPE, headers=headers)
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.seat():
            await super().__call__(scope, receive, send)


def _streamed(call: Call) -> Response:
    feed, cursor = call.services.feed, _cursor(call)
    if feed.is_full:
        message = (
            f"This process serves {STREAMS_MAX} streams of events, and no more; ask again later, or poll without "
            f"Accept: {_STREAM_TYPE}."
        )
        raise RefusedError(Code.RATE_LIMITED, message, headers={"Retry-After": "5"})
    return _Stream(feed, _frames(call, call.caller, cursor))


def _cursor(call: Call) -> Cursor | None:
    """Return where to go on: a client that came again repeats its first address, so the header says more."""
    after: Cursor | None = queries.parsed(call.request.query_params, "after", _place, f"{LATEST_WORD}, or {_CURSOR}")
    last = call.request.headers.get("last-event-id")
    try:
        return Cursor.parse(last) if last else after
    except ValueError:
        raise queries.invalid("Last-Event-ID", _CURSOR) from None


async def _frames(call: Call, caller: Caller, cursor: Cursor | None) -> AsyncIterator[bytes]:
    """Yield what there is, and then what comes, until the key is revoked or the process is told to stop.

    Where the database is away the stream ends, and the client, who knows its last id, comes again.
    """
    feed, clock, key = call.services.feed, call.services.clock, call.request.headers.get("x-api-key")
    said_at = clock.monotonic()
    yield b": here\n\n"
    with feed.bell.waiter(CHANNEL) as ring:
        while not feed.stopping.is_set():
            ring.clear()
            try:
                found = await call.services.keys.identify(key)
                if found is None or found.key != caller.key:
                    return
                part = await _part(call, caller, cursor, _STREAM_PAGE)
            except TooOftenError:
                return
            except UNREACHABLE as error:
                logger("api").warning("a stream of events was ended", error=type(error).__name__)
                return
            if part.has_gap:
                yield b"event: gap\ndata: " + _encoder.encode({"after": str(cursor)}) + b"\n\n"
            for place, document in _documents(call, caller, part):
                yield f"id: {place}\nevent: {document.event}\ndata: ".encode() + _encoder.encode(document) + b"\n\n"
            cursor = part.cursor
            if part.events or part.has_gap:
                said_at = clock.monotonic()
            elif clock.monotonic() - said_at >= HEARTBEAT_S:
                said_at = clock.monotonic()
                yield b": still here\n\n"
            if not part.is_full:
                await pause(ring)


def _place(text: str) -> Cursor:
    return LATEST if text == LATEST_WORD else Cursor.parse(text)


async def _part(call: Call, caller: Caller, cursor: Cursor | None, limit: int) -> Part:
    pool = call.services.pool
    return await events.after(
        pool, caller.workspace_id, caller.environment, app=caller.app_id, cursor=cursor, limit=limit
    )


def _documents(call: Call, caller: Caller, part: Part) -> Iterator[tuple[Cursor, Event]]:
    """Return each event with its place; a message that was let go of in this very moment is told no more."""
    for one in part.events:
        event = compose(one, call.services.links, workspace=caller.workspace_id, app=caller.app_id)
        if event is not None:
            yield one.cursor, event
