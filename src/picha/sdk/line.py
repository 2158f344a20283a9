"""The line to one gateway: does what errands ask for, over HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
from aiohttp import AddrInfoType
from yarl import URL

from picha import __version__
from picha.kit.secrets import Secret
from picha.sdk.calls import Answered, Call
from picha.sdk.errands import Ask, Close, Do, Errand, More, Open, Opened, Rest
from picha.sdk.errors import NoAnswerError, StrangeAnswerError
from picha.sdk.feed import is_stream

T = TypeVar("T")

ANSWER_MAX_BYTES = 64 * 1024 * 1024
"""The longest answer that is read; the gateway's longest are pictures and pages of events."""

CONNECT_S = 10.0
"""How long connecting may take."""

_PIECE = 64 * 1024
# How often, and how long apart, it is looked whether connections are closed.
_LOOKS, _LOOK_S = 1000, 0.001
_AGENT = f"picha-sdk/{__version__}"


class Line:
    """A gateway's address and the key to it; it is used by one event loop, and connects when it is first needed."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.url = _address(url)
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("The key is one word of visible ASCII characters, such as `picha keys create` prints.")
        self._key, self._timeout_s = Secret(key), timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._sockets: WeakSet[socket.socket] = WeakSet()

    async def drive(self, errand: Errand[T]) -> T:
        """Do all that an errand asks for, and return what it comes to."""
        given: Any = None
        problem: NoAnswerError | StrangeAnswerError | OSError | None = None
        try:
            while True:
                step = errand.throw(problem) if problem is not None else errand.send(given)
                given = problem = None
                try:
                    match step:
                        case Ask(call):
                            given = (await self._opened(call, goes_on=False)).answered
                        case Open(call):
                            given = await self._opened(call, goes_on=True)
                        case More(handle, within_s):
                            given = await _next_piece(handle, within_s)
                        case Close(handle):
                            _response(handle).close()
                        case Rest(seconds):
                            await asyncio.sleep(seconds)
                        case Do(work):
                            given = await asyncio.to_thread(work)
                except (NoAnswerError, StrangeAnswerError) as error:
                    problem = error
        except StopIteration as end:
            value: T = end.value
            return value
        finally:
            errand.close()

    async def close(self) -> None:
        """End all connections, also one over which a body goes that nobody reads to its end."""
        session, self._session = self._session, None
        if session is None:
            return
        await session.close()
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        # The event loop closes them, a moment later, and whoever closes the client may stop it then.
        for _ in range(_LOOKS):
            if all(one.fileno() == -1 for one in list(self._sockets)):
                return
            await asyncio.sleep(_LOOK_S)

    def _socket(self, address: AddrInfoType) -> socket.socket:
        one = socket.socket(*address[:3])
        self._sockets.add(one)
        return one

    async def _opened(self, call: Call[Any], *, goes_on: bool) -> Opened:
        response = None
        try:
            response = await self._request(call, goes_on=goes_on)
            headers = {name.lower(): value for name, value in response.headers.items()}
            answered = Answered(response.status, headers, b"")
            if goes_on and is_stream(answered):
                handle, response = response, None
                return Opened(answered, handle)
            return Opened(Answered(response.status, headers, await _whole(response)), None)
        except aiohttp.ClientResponseError:
            # Its text may hold what the request had in its headers.
            raise StrangeAnswerError(f"What answers at {self.url} does not speak HTTP as a gateway does.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswerError(f"{self.url} {_why(error)} ({type(error).__name__}).") from error
        finally:
            if response is not None:
                response.release()

    async def _request(self, call: Call[Any], *, goes_on: bool) -> aiohttp.ClientResponse:
        if self._session is None:
            # Where to go and what to trust is told by the caller, not by the environment; an answer is read as it is,
            # and what it asks to be remembered is not.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=self._socket),
                trust_env=False,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        total = None if goes_on else call.timeout_s or self._timeout_s
        first = self._timeout_s if goes_on else None
        timeout = aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_S, sock_read=first)
        headers = {
            "X-API-Key": self._key.reveal(),
            "User-Agent": _AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **call.headers,
        }
        return await self._session.request(
            call.method,
            URL(self.url + call.path, encoded=True).with_query(call.query),
            headers=headers | ({"Content-Length": str(sum(map(len, call.body)))} if call.body else {}),
            data=_sent(call) if call.body else None,
            timeout=timeout,
            # A redirect would take the key along.
            allow_redirects=False,
        )


async def _sent(call: Call[Any]) -> AsyncIterator[bytes]:
    total, sent = sum(map(len, call.body)), 0
    for part in call.body:
        for start in range(0, len(part), _PIECE):
            piece = part[start : start + _PIECE]
            yield piece
            sent += len(piece)
            if call.on_progress is not None:
                call.on_progress(sent, total)


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > ANSWER_MAX_BYTES:
            response.close()
            raise StrangeAnswerError("The answer is longer than any of this API.", status=response.status)
        pieces.append(piece)
    return b"".join(pieces)


async def _next_piece(handle: object, within_s: float) -> bytes:
    try:
        async with asyncio.timeout(within_s):
            return await _response(handle).content.readany()
    except (aiohttp.ClientError, OSError) as error:
        raise NoAnswerError(f"The stream of events {_why(error)} ({type(error).__name__}).") from error


def _response(handle: object) -> aiohttp.ClientResponse:
    if not isinstance(handle, aiohttp.ClientResponse):
        raise TypeError("a handle is what an Open was answered with")
    return handle


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot be reached: check the address, and that the gateway runs"
    return "did not answer whole"


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("The url is a gateway's address, such as https://gateway.example or http://127.0.0.1:8080.")
    return url.rstrip("/")
