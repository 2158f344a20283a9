"""A customer's web server: it serves what a test puts on it and counts who came."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class PictureHost:
    """Serves pages by path, with the Content-Type and the status they were put with."""

    def __init__(self) -> None:
        self.url = ""
        self.visits: Counter[str] = Counter()
        self._pages: dict[str, tuple[bytes, str, int]] = {}

    def put(self, path: str, body: bytes, content_type: str = "image/jpeg", *, status: int = 200) -> str:
        """Serve `body` at `path` and return its URL."""
        self._pages[path] = (body, content_type, status)
        return self.url + path

    async def _serve(self, request: web.Request) -> web.Response:
        self.visits[request.path] += 1
        body, content_type, status = self._pages.get(request.path, (b"nothing here", "text/plain", 404))
        return web.Response(body=body, status=status, headers={"Content-Type": content_type})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["PictureHost"]:
        """Listen on a free loopback port while the context is open."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


@asynccontextmanager
async def hosting() -> AsyncIterator[PictureHost]:
    """Open a server for one test."""
    async with PictureHost().listening() as server:
        yield server
