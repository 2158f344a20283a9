"""A Graph server of a few lines: it serves what customers sent, takes uploads, and misbehaves when it is told to."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.multipart import BodyPartReader

TOKEN = "Bearer EAAtoken"
BLOCK = bytes(range(256)) * 256


class Meta:
    """Serves media by id: first at the webhook's own URL, `/bytes/ID`, else where a description says, `/fresh/ID`.

    `media` are pictures, or how many times `BLOCK` is to be repeated. `broken` are paths whose connection is cut in the
    middle, `gone` paths that answer 404. While `is_barred` the token is refused. `uploads` are the digest of each file
    that came and its Content-Length.
    """

    def __init__(self) -> None:
        self.url = ""
        self.media: dict[str, bytes | int] = {}
        self.broken: set[str] = set()
        self.gone: set[str] = set()
        self.is_barred = False
        self.visits: Counter[str] = Counter()
        self.uploads: list[tuple[bytes, int | None]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Meta"]:
        app = web.Application()
        app.router.add_get("/v25.0/{id}", self._describe)
        app.router.add_get("/{way:bytes|fresh}/{id}", self._serve)
        app.router.add_post("/v25.0/{number}/media", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _describe(self, request: web.Request) -> web.Response:
        self._visited(request)
        media_id = request.match_info["id"]
        if media_id not in self.media:
            raise web.HTTPNotFound
        told = {"url": f"{self.url}/fresh/{media_id}", "mime_type": "image/jpeg", "sha256": "", "file_size": "1"}
        return web.json_response({"messaging_product": "whatsapp", "id": media_id, **told})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._visited(request)
        if request.path in self.gone:
            raise web.HTTPNotFound
        body = self.media[request.match_info["id"]]
        response = web.StreamResponse()
        response.content_length = len(body) if isinstance(body, bytes) else body * len(BLOCK)
        await response.prepare(request)
        pieces = [body[: len(body) // 2], body[len(body) // 2 :]] if isinstance(body, bytes) else [BLOCK] * body
        for piece in pieces:
            await response.write(piece)
            if request.path in self.broken:
                assert request.transport is not None
                request.transport.abort()
                await asyncio.sleep(0)
        await response.write_eof()
        return response

    async def _take(self, request: web.Request) -> web.Response:
        self._visited(request)
        if request.path in self.broken:
            await request.content.read(1000)
            assert request.transport is not None
            request.transport.abort()
        seen = hashlib.sha256()
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            while chunk := await part.read_chunk(65_536):
                if part.name == "file":
                    seen.update(chunk)
        self.uploads.append((seen.digest(), request.content_length))
        return web.json_response({"id": str(147_000 + len(self.uploads))})

    def _visited(self, request: web.Request) -> None:
        assert request.headers["Authorization"] == TOKEN
        self.visits[request.path] += 1
        if self.is_barred:
            raise web.HTTPUnauthorized(text='{"error": {"message": "expired", "code": 190}}')
