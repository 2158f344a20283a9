"""How trouble on purpose is done to an answer: dropped, reset, cut, delayed, or never given."""

import asyncio
import hashlib
import socket
import struct

from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from picha.cloudapi.errors import GraphError, encode_error
from picha.sandbox.faults import Effect

TRANSPORT = "picha.transport"


class OpenProtocol(HttpToolsProtocol):
    """Uvicorn's own protocol, which shows each request the transport it came by, and refuses in Graph's words."""

    def on_message_begin(self) -> None:
        """Note the transport in the new request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP request; whom they were meant for nobody can tell."""
        trace = hashlib.sha256(f"{self.client}".encode()).hexdigest()[:22]
        error = GraphError(message=f"(#100) {msg}", type="OAuthException", code=100, fbtrace_id=f"A{trace}")
        body = encode_error(error)
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + body)
        self.transport.close()


async def spoil(effect: Effect, response: Response | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Give `response` as `effect` has it; None stands for a request that was not processed."""
    await asyncio.sleep(effect.delay_ms / 1000)
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
    if effect.hang:
        await _gone(receive)
    elif effect.reset or effect.drop is not None:
        if effect.reset:
            _arm_reset(transport)
        transport.abort()
        await _gone(receive)
    elif effect.cut_after_bytes is not None and response is not None:
        await response(scope, receive, _Cut(effect.cut_after_bytes, transport, send).send)
        await _gone(receive)
    elif effect.status is not None or response is None:
        await PlainTextResponse("trouble on purpose", effect.status or 500)(scope, receive, send)
    else:
        await response(scope, receive, send)


def _arm_reset(transport: asyncio.Transport) -> None:
    """Make the next close of the socket a reset: lingering for no time throws away what is unsent."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _gone(receive: Receive) -> None:
    """Return once the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Cut:
    """Lets `left` bytes of the body through, then ends the connection."""

    def __init__(self, left: int, transport: asyncio.Transport, send: Send) -> None:
        self._left = left
        self._transport = transport
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass one message of the response on, or what may pass of it."""
        if message["type"] != "http.response.body":
            await self._send(message)
        elif self._left >= 0:
            passed = message.get("body", b"")[: self._left]
            self._left -= len(passed)
            await self._send({"type": "http.response.body", "body": passed, "more_body": True})
            if self._left == 0:
                self._left = -1
                self._transport.close()
            elif not message.get("more_body", False):
                self._transport.close()
