"""How trouble on purpose is done to an answer: dropped, reset, cut, delayed, or never given."""

import asyncio
import hashlib
import socket
import struct

import msgspec
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from picha.cloudapi.errors import encode_error
from picha.sandbox import refusals
from picha.sandbox.faults import Effect

TRANSPORT = "picha.transport"
# Bytes of the path with its query and of the names and values of all headers.
HEAD_MAX_BYTES = 64 * 1024
_HEAD_RULE = f"The path and the headers have at most {HEAD_MAX_BYTES:,} bytes."


class OpenProtocol(HttpToolsProtocol):
    """Uvicorn's own protocol, which shows each request the transport that it came by, and refuses an endless head.

    What is no HTTP request is answered in Graph's form, as everything is.
    """

    _is_in_head = _is_too_long = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Read on, unless a head without an end has become too long."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > 2 * HEAD_MAX_BYTES:
                self._is_too_long = True
                self.send_400_response("The head of the request has no end.")

    def on_message_begin(self) -> None:
        """Note the transport in the new request's scope."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}

    def on_headers_complete(self) -> None:
        """Let the request in, unless its head is too long."""
        self._is_in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_MAX_BYTES:
            self._is_too_long = True
            raise ValueError("the head is too long")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read as a request, and end the connection; whom it was meant for nobody can tell."""
        error = refusals.malformed(f"{msg} {_HEAD_RULE}" if self._is_too_long else msg).error
        trace = hashlib.sha256(f"{self.client}".encode()).hexdigest()[:22]
        body = encode_error(msgspec.structs.replace(error, fbtrace_id=f"A{trace}"))
        head = (
            f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
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
