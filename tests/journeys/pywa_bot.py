"""What the tests of pywa share: a picture, a web server for its webhooks, and the way to the sandbox."""

import asyncio
import contextlib
import io
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sized

import httpx
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from tests.journeys.sandbox_program import PATIENCE_S, SandboxProgram

PERSON = "16505551234"
ASHA = "255712345678"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 140, 60)).save(file, "JPEG")
    return file.getvalue()


@contextlib.contextmanager
def served(app: Starlette, door: socket.socket) -> Iterator[str]:
    """Serve `app` from a thread of its own; the context is its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.asynccontextmanager
async def served_here(app: Starlette, door: socket.socket) -> AsyncIterator[str]:
    """Serve `app` on this event loop; the context is its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[door]))
    try:
        # The door is open already: who comes early waits there.
        yield f"http://127.0.0.1:{door.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await serving


def to_sandbox(sandbox: SandboxProgram) -> httpx.URL:
    """Return what stands in place of https://graph.facebook.com and a version."""
    return httpx.URL(f"{sandbox.ready.base_url}/v24.0")


async def write(sandbox: SandboxProgram, listeners: Sized | None = None, **more: str | bool) -> str:
    """Let Asha write once somebody listens, and return the message's wamid."""
    async with asyncio.timeout(PATIENCE_S):
        while listeners is not None and not len(listeners):  # noqa: ASYNC110 - pywa tells nobody who begins to listen
            await asyncio.sleep(0.005)
    status, answer = await sandbox.control("POST", "/inbound", json={"from": ASHA, "name": "Asha", **more})
    assert status == 200, answer
    wamid = answer["message_id"]
    assert isinstance(wamid, str)
    return wamid
