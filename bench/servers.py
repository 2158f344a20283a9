"""The programs that are measured or measured against, each in a process of its own.

`hollow`: our API with only the ledger's write replaced. `bare`: the baseline of the webhooks. Both take the gateway's
settings. `stub PORT`: a Graph that takes every message.
`telling PORT API`: one that also tells the API at that port three statuses of each.
"""

import asyncio
import itertools
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import cast

import uvloop

from bench import bare
from bench.ground import FIRST_CUSTOMER
from bench.load import fire, webhook
from picha.cloudapi.messages import SendAnswer, SendContact, SentMessage, encode_send_answer
from picha.gateway.api.app import create_app
from picha.gateway.run import open_ground, open_services, serve_app
from picha.gateway.settings import load
from picha.gateway.store.ledger.admit import NewSend
from picha.gateway.store.pool import Pool
from picha.kit.clock import SystemClock

_MOST_TOLD = 100
# Ids of messages differ from one run of the stub to the next, as Meta's do.
_STARTED = SystemClock().monotonic()


async def hollow() -> None:
    async def forget(_pool: Pool, _sends: Sequence[NewSend]) -> None:
        return

    settings = load()
    async with open_ground(settings) as ground, open_services(ground, settings, write=forget) as services:
        await serve_app(create_app(services), settings)


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
        wamid = f"wamid.{_STARTED}.{next(self.numbers)}"
        answer = SendAnswer(contacts=[SendContact(input="+1", wa_id="1")], messages=[SentMessage(id=wamid)])
        body = encode_send_answer(answer)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        if self._sent is not None and head.startswith(b"POST "):
            self._sent.put_nowait((head.split(b"/")[2].decode(), wamid))


async def stub(port: str) -> None:
    server = await asyncio.get_running_loop().create_server(Graph, "127.0.0.1", int(port))
    await server.serve_forever()


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
    "bare": bare.serve,
    "stub": stub,
    "telling": telling,
}

if __name__ == "__main__":
    uvloop.run(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
