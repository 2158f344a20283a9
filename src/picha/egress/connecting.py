"""A connector that can reach the pinned addresses of one hop and nothing else."""

import asyncio
import functools
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from picha.egress.errors import Refused
from picha.egress.resolving import Address

_HEAD_BYTES = 64 * 1024


class _Pinned(AbstractResolver):
    """Answers every question with the addresses that were checked before."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature; both families are pinned
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(ip),
                port=port,
                family=socket.AF_INET if ip.version == 4 else socket.AF_INET6,  # noqa: PLR2004 - IP's version numbers
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for ip in self._addresses
        ]

    async def close(self) -> None:
        """Close nothing; there is nothing open."""


class Meter:
    """Counts what comes over a hop's wire: the body, and as much again as headers and framing may honestly need.

    A body that is cut into chunks of one byte, or whose chunks carry pages of extensions, costs far more to read than
    it is long.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes + max_bytes // 8 + _HEAD_BYTES

    @property
    def is_spent(self) -> bool:
        """Whether more came than may."""
        return self._left < 0

    def count(self, data: bytes) -> None:
        """Take `data` off what may still come."""
        self._left -= len(data)


class _Metered(ResponseHandler):
    """A connection that is cut when its meter is spent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, meter: Meter) -> None:
        super().__init__(loop)
        self._meter = meter

    def data_received(self, data: bytes) -> None:
        self._meter.count(data)
        if not self._meter.is_spent:
            super().data_received(data)
        elif self.transport is not None:
            self.transport.abort()


class PinnedConnector(aiohttp.TCPConnector):
    """Connects to `addresses` only, and looks at the socket's own word again before a request leaves.

    aiohttp asks no resolver about a literal address, so the check stands where sockets are made as well.
    `on_connected` is called with the peer's address once the connection (with TLS, if any) stands.
    """

    def __init__(self, addresses: Sequence[Address], on_connected: Callable[[str], None], meter: Meter) -> None:
        super().__init__(
            resolver=_Pinned(addresses), use_dns_cache=False, force_close=True, socket_factory=self._make_socket
        )
        # The only place where aiohttp lets a connection's bytes be seen before it has read them.
        self._factory = functools.partial(_Metered, loop=self._loop, meter=meter)  # type: ignore[assignment] # a subclass
        self._allowed = frozenset(addresses)
        self._on_connected = on_connected

    def _make_socket(self, info: tuple[object, ...]) -> socket.socket:
        family, kind, proto, _, sockaddr = info
        self._check(sockaddr)
        return socket.socket(family, kind, proto)  # type: ignore[arg-type] # aiohttp's AddrInfo, as getaddrinfo gives it

    def _check(self, sockaddr: object) -> str:
        peer = str(sockaddr[0]) if isinstance(sockaddr, tuple) and sockaddr else ""
        if not peer or ip_address(peer) not in self._allowed:
            raise Refused("address", "The address is not public")
        return peer

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> aiohttp.connector.Connection:
        """Connect as aiohttp does, and give the connection out only if its peer is one of the pinned addresses.

        Raises:
            Refused: the socket's peer is another address.
        """
        connection = await super().connect(req, traces, timeout)
        try:
            transport = connection.transport
            self._on_connected(self._check(transport.get_extra_info("peername") if transport else None))
        except BaseException:
            connection.close()
            raise
        return connection
