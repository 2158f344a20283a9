"""How trouble on purpose is done to an answer: dropped, reset, cut, delayed, or never given."""

import asyncio
import socket
import struct

from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from picha.sandbox.faults import Effect

TRANSPORT = "picha.transport"
"""The extension of a request's scope that holds the transport it came by."""


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
