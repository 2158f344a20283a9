"""The programs that are measured or measured against, each in a process of its own.

With the gateway's settings: `hollow`: our API with only the ledger's write replaced. `lonely`: our API with a
transaction for each request. `forward STUB`: takes sends, passes each on to the stub at that port, keeps nothing, and
answers /drained once all have been. `bare`: the baseline of the webhooks. `watched`: our API, and `idle`: nothing, each
with a look at its event loop at /pauses. Without: `stub PORT`: a Graph that takes every message. `counting PORT`: one
that takes pictures too, and tells how many at /uploads. `showing PORT`: one that has a picture under every id.
`telling PORT API`: one that tells the API at that port three statuses of each message.
"""

import asyncio
import hashlib
import itertools
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast
from uuid import UUID

import aiohttp
import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import bare
from bench.ground import FIRST_CUSTOMER
from bench.images import jpeg
from bench.load import fire, webhook
from bench.watching import watch
from picha.cloudapi.messages import (
    ImageObject,
    ImageSend,
    SendAnswer,
    SendContact,
    SentMessage,
    encode_send,
    encode_send_answer,
)
from picha.gateway.api.app import create_app
from picha.gateway.run import open_ground, open_services, serve_app
from picha.gateway.settings import load
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.ledger.admit import NewSend
from picha.gateway.store.pool import Pool
from picha.kit.clock import SystemClock

_MOST_TOLD = 100
# As many as the worker lets fly for the benchmark's numbers together.
_FLYING = 256
# Ids of messages differ from one run of the stub to the next, as Meta's do.
_STARTED = SystemClock().monotonic()


async def hollow() -> None:
    async def forget(_pool: Pool, _sends: Sequence[NewSend]) -> tuple[UUID, ...]:
        return ()

    settings = load()
    async with open_ground(settings) as ground, open_services(ground, settings, write=forget) as services:
        await serve_app(create_app(services), settings)


async def lonely() -> None:
    async def alone(self: GroupCommit[Any, Any], item: object) -> object:
        [answer] = await self._run([item])
        return answer

    GroupCommit.submit = alone  # type: ignore[method-assign,assignment]
    settings = load()
    async with open_ground(settings) as ground, open_services(ground, settings) as services:
        await serve_app(create_app(services), settings)


class _Asked(msgspec.Struct):
    to: str
    caption: str


async def forward(stub_port: str) -> None:
    settings, sends = load(), asyncio.Queue[_Asked]()
    url = f"http://127.0.0.1:{stub_port}/v25.0/106540352242920/messages"
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}

    async def take(request: Request) -> Response:
        sends.put_nowait(msgspec.json.decode(await request.body(), type=_Asked))
        return Response(b'{"success": true}', 202, media_type="application/json")

    async def drained(_request: Request) -> Response:
        await sends.join()
        return Response(b"")

    async def pass_on(session: aiohttp.ClientSession) -> None:
        while True:
            one = await sends.get()
            body = encode_send(ImageSend(to=one.to, image=ImageObject(id="1479537139650973", caption=one.caption)))
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.json()
            sends.task_done()

    routes = [Route("/v1/whatsapp/messages/image", take, methods=["POST"]), Route("/drained", drained)]
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_FLYING)) as session,
        asyncio.TaskGroup() as forwarding,
    ):
        for _ in range(_FLYING):
            forwarding.create_task(pass_on(session))
        await serve_app(Starlette(routes=routes), settings)
        raise SystemExit


class Graph(asyncio.Protocol):
    """Answers every request at once, as Meta would a send; one request at a time on a connection."""

    numbers = itertools.count()

    def __init__(self, sent: "asyncio.Queue[tuple[str, str]] | None" = None) -> None:
        self._buffer, self._sent = b"", sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not found or len(rest) < int(length or 0):
            return
        self._buffer = b""
        body = self.answer(head)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    def answer(self, head: bytes) -> bytes:
        if b"/message_templates" in head.partition(b"\r\n")[0]:
            return b'{"data": []}'
        wamid = f"wamid.{_STARTED}.{next(self.numbers)}"
        if self._sent is not None and head.startswith(b"POST "):
            self._sent.put_nowait((head.split(b"/")[2].decode(), wamid))
        return encode_send_answer(
            SendAnswer(contacts=[SendContact(input="+1", wa_id="1")], messages=[SentMessage(id=wamid)])
        )


class Counting(Graph):
    """Takes pictures too, and tells how many came."""

    uploads = 0

    def answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET /uploads "):
            return b"%d" % Counting.uploads
        if head.partition(b" HTTP/")[0].partition(b"?")[0].endswith(b"/media"):
            Counting.uploads += 1
            return b'{"id": "14795371%d"}' % Counting.uploads
        return super().answer(head)


class Showing(Graph):
    """Has a picture under every id, each another."""

    port, picture = 0, b""

    def answer(self, head: bytes) -> bytes:
        path = head.split(b" ")[1].partition(b"?")[0]
        if not head.startswith(b"GET "):
            return super().answer(head)
        name = path.rpartition(b"/")[2]
        # A comment is a segment of its own (ISO/IEC 10918-1) and shows nowhere.
        data = self.picture[:2] + b"\xff\xfe" + (len(name) + 2).to_bytes(2) + name + self.picture[2:]
        if path.startswith(b"/bytes/"):
            return data
        told = {
            "messaging_product": "whatsapp",
            "id": name.decode(),
            "url": f"http://127.0.0.1:{self.port}/bytes/{name.decode()}",
            "mime_type": "image/jpeg",
            "sha256": hashlib.sha256(data).hexdigest(),
            "file_size": len(data),
        }
        return msgspec.json.encode(told)


async def showing(port: str) -> None:
    Showing.port, Showing.picture = int(port), jpeg(1600, 1200, 85)
    server = await asyncio.get_running_loop().create_server(Showing, "127.0.0.1", int(port))
    await server.serve_forever()


async def stub(port: str) -> None:
    server = await asyncio.get_running_loop().create_server(Graph, "127.0.0.1", int(port))
    await server.serve_forever()


async def counting(port: str) -> None:
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", int(port))
    await server.serve_forever()


async def watched() -> None:
    settings = load()
    async with open_ground(settings) as ground, open_services(ground, settings) as services:
        app = create_app(services)
        with watch(app):
            await serve_app(app, settings)


async def idle() -> None:
    app = Starlette()
    with watch(app):
        await serve_app(app, load())


async def telling(port: str, api_port: str) -> None:
    """Tell of each message that it was sent, delivered and read, in posts of up to a hundred, one post at a time."""
    sent: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    server = await asyncio.get_running_loop().create_server(lambda: Graph(sent), "127.0.0.1", int(port))
    async with server:
        while True:
            told = [await sent.get()]
            while not sent.empty() and len(told) < _MOST_TOLD:
                told.append(sent.get_nowait())
            for status in ("sent", "delivered", "read"):
                posts = [
                    webhook(pnid, {"statuses": [_status(wamid, status) for number, wamid in told if number == pnid]})
                    for pnid in {number for number, _ in told}
                ]
                await fire(int(api_port), 1, posts, len(posts))


def _status(wamid: str, status: str) -> dict[str, str]:
    return {"id": wamid, "status": status, "timestamp": "1769860000", "recipient_id": str(FIRST_CUSTOMER)}


PROGRAMS: dict[str, Callable[..., Coroutine[None, None, None]]] = {
    "hollow": hollow,
    "lonely": lonely,
    "forward": forward,
    "bare": bare.serve,
    "watched": watched,
    "idle": idle,
    "stub": stub,
    "counting": counting,
    "showing": showing,
    "telling": telling,
}

if __name__ == "__main__":
    uvloop.run(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
