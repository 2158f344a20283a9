"""A connector that can reach the pinned addresses of one hop and nothing else."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from picha.egress.errors import Refused
from picha.egress.resolving import Address


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


class PinnedConnector(aiohttp.TCPConnector):
    """Connects to `addresses` only, and looks at the socket's own word again before a request leaves.

    aiohttp asks no resolver about a literal address, so the check stands where sockets are made as well.
    `on_connected` is called with the peer's address once the connection (with TLS, if any) stands.
    """

    def __init__(self, addresses: Sequence[Address], on_connected: Callable[[str], None]) -> None:
        super().__init__(
            resolver=_Pinned(addresses), use_dns_cache=False, force_close=True, socket_factory=self._make_socket
        )
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
