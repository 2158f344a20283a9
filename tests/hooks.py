"""A customer's program that is told of events by webhook, and answers as a test wants it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Call:
    """One webhook as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The JSON of its body."""
        return msgspec.json.decode(self.body)

    @property
    def event(self) -> str:
        """The name of its event."""
        name: str = self.document["event"]
        return name


class Hook:
    """Keeps every call, and answers 200 unless told otherwise; `answer` decides on all, `answers` on paths."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.answers: dict[str, Answer] = {}
        self.closing = asyncio.Event()

    def of(self, path: str) -> list[Call]:
        """Return the calls to one path."""
        return [one for one in self.calls if one.path == path]

    def put(self, path: str, answer: Answer | None = None) -> str:
        """Answer calls to `path` so, and return its URL."""
        if answer is not None:
            self.answers[path] = answer
        return self.url + path

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(Call(request.path, dict(request.headers), await request.read()))
        return await self.answers.get(request.path, saying(200))(request)

    async def hang(self, _request: web.Request) -> web.StreamResponse:
        """Never answer."""
        await self.closing.wait()
        return web.Response(status=500)

    async def drip(self, request: web.Request) -> web.StreamResponse:
        """Answer 200, and then one byte after the other for ever."""
        response = web.StreamResponse()
        await response.prepare(request)
        while not self.closing.is_set():
            await response.write(b".")
            await asyncio.sleep(0.05)
        return response

    async def pour(self, request: web.Request) -> web.StreamResponse:
        """Answer 500, and then as much as is taken."""
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while not self.closing.is_set():
            await response.write(b"x" * 65536)
        return response

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Hook"]:
        """Listen on a free loopback port while the context is open."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.closing.set()
            await runner.cleanup()


def saying(status: int, body: str = "", **headers: str) -> Answer:
    """Return what answers a status."""

    async def say(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, headers=named)

    return say
