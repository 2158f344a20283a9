"""Wires that tests can cut: TCP proxies before PostgreSQL, and before Meta's stand-in."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def hang_up(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset."""
    end: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Wire:
    """A TCP port that leads elsewhere, until it goes silent, is torn, or slows down.

    `leads_to` opens a connection to where it leads.
    """

    def __init__(self, leads_to: Callable[[], Awaitable[Ends]]) -> None:
        self._leads_to = leads_to
        self._flowing, self._is_torn = asyncio.Event(), False
        self._flowing.set()
        self._held: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._listens_for: bytes | None = None
        self.delay_s = 0.0
        self.port = 0

    def silence(self) -> None:
        """Let nothing pass from now on, either way, and say nothing of it: not a byte, not an end."""
        self._flowing.clear()

    def silence_after(self, words: bytes) -> asyncio.Event:
        """Go silent once these bytes have passed to where it leads; the event tells when."""
        self._listens_for, self._heard = words, asyncio.Event()
        return self._heard

    def forget(self) -> None:
        """Let nothing pass on today's connections ever again, without a word; new ones are served."""
        self._forgotten |= self._held

    def tear(self) -> None:
        """Reset every connection, and every new one at once."""
        self._is_torn = True
        for one in self._held:
            hang_up(one)

    def heal(self) -> None:
        """Let everything pass again; what was held back comes first."""
        self._is_torn, self.delay_s = False, 0.0
        self._flowing.set()

    @asynccontextmanager
    async def strung(self) -> AsyncIterator["Wire"]:
        """Listen while the context is open."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_torn:
            hang_up(writer)
            return
        there_reader, there_writer = await self._leads_to()
        ends = {writer, there_writer}
        self._held |= ends
        pumps = {
            asyncio.create_task(self._pump(reader, there_writer, is_outward=True)),
            asyncio.create_task(self._pump(there_reader, writer, is_outward=False)),
        }
        self._pumps |= pumps
        await asyncio.wait(pumps)
        self._pumps -= pumps
        for one in ends:
            hang_up(one)
        self._held -= ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_outward: bool) -> None:
        with suppress(OSError):
            await self._carry(reader, writer, is_outward=is_outward)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_outward: bool) -> None:
        while data := await reader.read(65536):
            await self._pass()
            if writer in self._forgotten:
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()
            if is_outward and self._listens_for is not None and self._listens_for in data:
                self._listens_for = None
                self.silence()
                self._heard.set()
        await self._pass()
        writer.close()

    async def _pass(self) -> None:
        await self._flowing.wait()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)


@dataclass(frozen=True)
class Cut:
    """How one exchange goes wrong.

    `request`: so many bytes of the request come through, then the connection ends. `answer`: the request is processed,
    and the answer lacks its last so many bytes. `lie`: the request is thrown away, and an answer such as another had
    comes all the same, without its last so many bytes. With `is_reset` the end is a reset.
    """

    where: Literal["request", "answer", "lie"]
    count: int
    is_reset: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut at all; then the connection stays, as ending it would meet the next send on it."""
        return self.where == "answer" and self.count == 0


class Exchange:
    """An HTTP proxy before Meta's stand-in, at `leads_to`, that cuts the first send to each recipient as `cuts` say."""

    def __init__(self) -> None:
        self.leads_to = ""
        self.cuts: dict[str, Cut] = {}
        self.request_size = self.answer_size = 0
        self._last_answer = b""
        self.port = 0
        self._held: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Exchange"]:
        """Listen while the context is open."""
        await self.opens()
        try:
            yield self
        finally:
            self.closes()

    async def opens(self) -> None:
        """Listen, the second time where it did before."""
        self._server = await asyncio.start_server(self._greet, LOOPBACK, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def closes(self) -> None:
        """Reset every connection and refuse new ones."""
        self._server.close()
        for one in self._held:
            hang_up(one)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._held.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        self._held.discard(writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = urlsplit(self.leads_to)
        there_reader, there_writer = await asyncio.open_connection(there.hostname, there.port)
        try:
            while True:
                request = await _message(reader)
                cut = self.cuts.pop(_recipient(request), None)
                if cut is None or cut.is_whole:
                    there_writer.write(request)
                    answer = await _message(there_reader)
                    if _recipient(request):
                        self.request_size, self.answer_size, self._last_answer = len(request), len(answer), answer
                    writer.write(answer)
                    continue
                await self._spoilt(cut, request, (there_reader, there_writer), writer)
                return
        finally:
            there_writer.close()

    async def _spoilt(self, cut: Cut, request: bytes, there: Ends, writer: asyncio.StreamWriter) -> None:
        answer = self._last_answer
        match cut.where:
            case "request":
                there[1].write(request[: cut.count])
                await there[1].drain()
                answer = b""
            case "answer":
                there[1].write(request)
                answer = await _message(there[0])
        if cut.where != "request":
            writer.write(answer[: len(answer) - cut.count])
            await writer.drain()
        if cut.is_reset:
            hang_up(writer)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read one HTTP message whose length is told, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    if b"transfer-encoding: chunked" in lines:
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.readuntil(b"\r\n")
        return head + body
    return head + await reader.readexactly(length)


def _recipient(request: bytes) -> str:
    """Return the digits that a send goes to, nothing for any other call."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"/messages" not in head.partition(b"\r\n")[0]:
        return ""
    return str(json.loads(body).get("to", "")).lstrip("+")
