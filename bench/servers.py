"""The programs that are measured or measured against, each in a process of its own.

`hollow`: our API with only the ledger's write replaced. `bare`: signature check, decode and a bare insert of the same
rows, without the fold. `stub`: a Graph that takes every message.
"""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from typing import cast

import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.ground import APP_SECRET, BARE_PORT, STUB_PORT
from picha.cloudapi import signature
from picha.cloudapi.webhooks import StatusItem, read, when
from picha.gateway.api.app import create_app
from picha.gateway.run import open_ground, open_services, serve_app
from picha.gateway.settings import load
from picha.gateway.store.ledger.admit import NewSend
from picha.gateway.store.pool import Pool

_INSERT = """
INSERT INTO bare_evidence
SELECT *, 0, clock_timestamp() FROM unnest($1::text[], $2::text[], $3::timestamptz[])
"""


async def hollow() -> None:
    async def forget(_pool: Pool, _sends: Sequence[NewSend]) -> None:
        return

    settings = msgspec.structs.replace(load(), port=BARE_PORT)
    async with open_ground(settings) as ground, open_services(ground, settings, write=forget) as services:
        await serve_app(create_app(services), settings)


async def bare() -> None:
    settings = msgspec.structs.replace(load(), port=BARE_PORT)
    async with open_ground(settings) as ground:

        async def take(request: Request) -> Response:
            body = await request.body()
            if not signature.verify([APP_SECRET], body, request.headers.get(signature.HEADER)):
                return PlainTextResponse("no", 401)
            seen = [item.status for item in read(body).items if isinstance(item, StatusItem)]
            await ground.pool.execute(
                _INSERT, [one.id for one in seen], [one.status for one in seen], [when(one.timestamp) for one in seen]
            )
            return PlainTextResponse("kept")

        await serve_app(Starlette(routes=[Route("/webhooks/whatsapp", take, methods=["POST"])]), settings)


class Graph(asyncio.Protocol):
    """Answers every request at once, as Meta would a send; one request at a time on a connection."""

    numbers = itertools.count()

    def __init__(self) -> None:
        self._buffer = b""

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
        body = (
            b'{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.%d"}]}'
            % next(self.numbers)
        )
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )


async def stub() -> None:
    server = await asyncio.get_running_loop().create_server(Graph, "127.0.0.1", STUB_PORT)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run({"hollow": hollow, "bare": bare, "stub": stub}[sys.argv[1]]())
