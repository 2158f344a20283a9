"""The log of events, page by page or as it happens, with the cursor to go on from."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from picha.karibu.queries import LATEST
from picha.sdk.calls import Answered, Call, query
from picha.sdk.errands import Close, Errand, More, Open, Opened, Rest, Tools, ask, is_worth_another, pause_s
from picha.sdk.errors import PichaError, StrangeAnswerError
from picha.sdk.sse import Block, Blocks
from picha.sdk.told import Event, read_event

PAGE_MAX = 1000
SILENCE_S = 40.0
"""How long a stream may be silent; a gateway says every 15 seconds that it is there."""

_STREAM_TYPE = "text/event-stream"
_PATH = "/v1/events"
_REST_MOST_S = 5.0

Placed = tuple[Event, str | None]
"""An event, and the cursor that stands behind it, where one does."""


class Feed(Protocol):
    """Events, in parts. `cursor` stands behind what was taken, and `has_gap` tells that some before it are lost."""

    cursor: str | None
    has_gap: bool

    def following(self) -> Errand[Sequence[Placed] | None]: ...  # noqa: D102 - see the class

    def leave(self) -> Errand[None]: ...  # noqa: D102 - see the class


def events(tools: Tools, *, after: str | None = None, follow: bool = False, page_size: int = 100) -> Feed:
    """Go through what became of the app's sends and what people wrote, the oldest first, from a cursor on.

    Without a cursor it begins with the oldest event that is kept, with `latest` with what comes next. It ends when
    you have it all, or, with `follow`, goes on as it happens, also when the gateway is started again, until it is
    away for more than a minute. Keep `.cursor` once you have handled an event: from there on nothing is passed over,
    and what you did not come to comes again, with the same `event_id`. `.has_gap` becomes true where the cursor was
    older than what is kept: look at the messages themselves then. `page_size` is 1 to 1000.
    """
    return _Stream(tools, after) if follow else _Pages(tools, after, page_size)


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    items: list[msgspec.Raw]
    cursor: str
    has_gap: bool = False


_page = msgspec.json.Decoder(_Page)


class _Pages:
    def __init__(self, tools: Tools, after: str | None, page_size: int) -> None:
        self._tools, self._size, self._is_over = tools, page_size, False
        self.cursor, self.has_gap = after, False

    def following(self) -> Errand[Sequence[Placed] | None]:
        if self._is_over:
            return None
        call = Call(method="GET", path=_PATH, reads=_read_page, query=query(after=self.cursor, limit=self._size))
        page, items = yield from ask(self._tools, call)
        self.has_gap |= page.has_gap
        self._is_over = len(items) < self._size
        if not items:
            self.cursor = page.cursor
        return [(item, None if place < len(items) else page.cursor) for place, item in enumerate(items, 1)]

    def leave(self) -> Errand[None]:
        self._is_over = True
        yield from ()


def _read_page(body: bytes) -> tuple[_Page, list[Event]]:
    page = _page.decode(body)
    return page, [read_event(item) for item in page.items]


class _Stream:
    def __init__(self, tools: Tools, after: str | None) -> None:
        self._tools, self._blocks = tools, Blocks()
        self._handle: object | None = None
        self._heard_at = tools.clock.monotonic()
        self._failures = 0
        self.cursor, self.has_gap = after, False
        self._told = after

    def following(self) -> Errand[Sequence[Placed] | None]:
        while True:
            try:
                if self._handle is None:
                    yield from self._open()
                piece: bytes = yield More(self._handle, SILENCE_S)
                if piece:
                    self._heard_at, self._failures = self._tools.clock.monotonic(), 0
                    if found := self._understood(self._blocks.feed(piece)):
                        return found
                    continue
                error: PichaError | None = None
            except PichaError as problem:
                error = problem
            yield from self.leave()
            yield from self._rest(error)

    def leave(self) -> Errand[None]:
        handle, self._handle, self._blocks = self._handle, None, Blocks()
        if handle is not None:
            yield Close(handle)

    def _open(self) -> Errand[None]:
        if self._told == LATEST:
            # From here on, also when the stream breaks before anything was told.
            newest = Call(method="GET", path=_PATH, reads=_read_page, query=query(after=LATEST, limit=1))
            page, _ = yield from ask(self._tools, newest)
            self._told = self.cursor = page.cursor
        call = _listening(self._told)
        opened: Opened = yield Open(call)
        if opened.handle is None:
            call.read(opened.answered)
            raise StrangeAnswerError("A stream of events was answered with something else.", status=None)
        self._handle = opened.handle

    def _rest(self, error: PichaError | None) -> Errand[None]:
        """Let time pass before the stream is opened again; raises `error` where that does not help."""
        rest_s = min(_REST_MOST_S, pause_s(error or PichaError(), min(self._failures, 10)))
        self._failures += 1
        if error is not None:
            gone_s = self._tools.clock.monotonic() - self._heard_at
            if not is_worth_another(_listening(None), error) or gone_s + rest_s > self._tools.patience_s:
                raise error
        yield Rest(rest_s)

    def _understood(self, blocks: Sequence[Block]) -> list[Placed]:
        placed: list[Placed] = []
        for block in blocks:
            if block.kind == "gap":
                self.has_gap = True
                continue
            try:
                placed.append((read_event(block.data), block.id))
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                raise StrangeAnswerError(f"A stream of events holds what is none: {problem}") from problem
            self._told = block.id or self._told
        return placed


def _listening(after: str | None) -> Call[None]:
    return Call(method="GET", path=_PATH, reads=_nothing, query=query(after=after), headers={"Accept": _STREAM_TYPE})


def _nothing(_body: bytes) -> None:
    return None


def is_stream(answered: Answered) -> bool:
    """Tell whether an answer goes on as server-sent events."""
    kind = answered.headers.get("content-type", "").partition(";")[0].strip().lower()
    return answered.status == 200 and kind == _STREAM_TYPE  # noqa: PLR2004 - HTTP's own number
