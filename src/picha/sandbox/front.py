"""Where requests come in: the socket, the server on it, and which of the two faces a path belongs to."""

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
from collections.abc import Callable, Iterator

import msgspec
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from picha.cloudapi.errors import encode_error
from picha.sandbox import refusals
from picha.sandbox.graph.spoiling import TRANSPORT

# Bytes of the path with its query and of the names and values of all headers.
HEAD_MAX_BYTES = 64 * 1024
_HEAD_RULE = f"The path and the headers have at most {HEAD_MAX_BYTES:,} bytes."
_BACKLOG = 2048
_WITH_BODY = frozenset({"POST", "PUT", "DELETE"})
_GRACE_S = 2


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def is_loopback(door: socket.socket) -> bool:
    """Tell whether only this machine reaches a socket."""
    return ipaddress.ip_address(door.getsockname()[0]).is_loopback


def base_url(host: str, door: socket.socket) -> str:
    """Return the address of a socket that was opened for `host`, as a program on this machine reaches it."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound to
    port = door.getsockname()[1]
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


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


class Front:
    """Sends what is the sandbox's own one way, and everything that is Graph's the other."""

    def __init__(self, own: ASGIApp, graph: ASGIApp) -> None:
        self._own = own
        self._graph = graph

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if scope["method"] not in _WITH_BODY and not await _read_past(receive):
            return
        is_own = path in ("/", "/handset") or path.startswith(("/_sandbox/", "/handset/"))
        await (self._own if is_own else self._graph)(scope, receive, send)


async def _read_past(receive: Receive) -> bool:
    """Read a body that nobody asked for to its end, and tell whether the client is still there.

    A socket that is closed with bytes unread is reset, and takes with it what of a long answer has not left yet.
    """
    while (message := await receive())["type"] == "http.request":
        if not message.get("more_body", False):
            return True
    return False


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling, which is the program's own, and with a call when the door is open."""

    def __init__(self, config: uvicorn.Config, on_open: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_open = on_open

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_open()


async def run(app: ASGIApp, door: socket.socket, stop: asyncio.Event, on_open: Callable[[], None]) -> None:
    """Serve `app` on a socket until `stop` is set; `on_open` is called once, when it answers."""
    config = uvicorn.Config(
        app,
        http=OpenProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config, on_open)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[door])
    finally:
        watching.cancel()
