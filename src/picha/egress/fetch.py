"""Fetch one URL: check, resolve, pin, connect, check again, read with a cap; every redirect from the start.

Post to one URL in the same way, except that redirects are not followed and what is answered is not much looked at.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Hashable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, TypeAlias

import aiohttp
from aiohttp import hdrs
from yarl import URL

from picha.egress.connecting import Meter, PinnedConnector
from picha.egress.errors import EgressError, Refused, TooLarge, Unreachable
from picha.egress.patience import Patience
from picha.egress.places import AT_ONCE, PER_HOST, PER_PARTY, Places
from picha.egress.policy import LIVE, Policy
from picha.egress.resolving import Resolve, ask_system, pin
from picha.egress.target import Target, check_url

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_LOOP_JOINS_BYTES = 1024 * 1024
# A post's answer is read up to its cap and no further; one read of the socket may bring more.
_POST_WIRE_BYTES = 1024 * 1024
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HEADERS = {hdrs.ACCEPT_ENCODING: "identity", hdrs.ACCEPT: "*/*", hdrs.USER_AGENT: "picha"}
# What a server must prove who it is against; True is the library's own word for "as usual".
_Trust: TypeAlias = ssl.SSLContext | Literal[True]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer: `content_type` as the server wrote it, `url_final` after redirects, `address` the last peer's."""

    status: int
    content_type: str | None
    body: bytes
    url_final: str
    address: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a post was answered with: any status, `Retry-After` as written, and what came of the body up to a cap."""

    status: int
    retry_after: str | None
    body: bytes


class Fetcher:
    """Fetches and posts under a policy; an asynchronous context that lets `at_once` fetches run side by side.

    No more than `per_host` of them go to one host, or one port of it where a policy admits every port, and `per_party`
    are for one party, such as a workspace; the others wait. `resolve` turns a name into addresses; it is the system's
    resolver unless a caller brings another.
    """

    def __init__(
        self,
        policy: Policy = LIVE,
        *,
        resolve: Resolve = ask_system,
        at_once: int = AT_ONCE,
        per_host: int = PER_HOST,
        per_party: int = PER_PARTY,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._places = Places(at_once=at_once, per_host=per_host, per_party=per_party)
        self._is_open = False
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open, self._tls = False, None

    async def fetch(self, url: str, policy: Policy | None = None, *, party: Hashable = None) -> Fetched:
        """Return what `url` answers with status 200, its body at most `policy.max_bytes` long; `party` asks for it.

        Raises:
            Refused: the policy forbids the URL, one of its addresses, or where it redirects to.
            TooLarge: the body is longer than `max_bytes`.
            Unreachable: anything else that is not a whole answer of status 200 in time.
        """
        policy = policy or self._policy
        target = check_url(url, policy)
        async with self._places.of_party(party), Patience(policy) as patience:
            for _ in range(policy.max_redirects + 1):
                async with self._places.at_host(_server(target, policy)):
                    answer = await self._hop(target, policy, patience)
                patience.resting()
                if isinstance(answer, Fetched):
                    return answer
                target = _next(target, answer, policy)
        raise Unreachable("redirects", f"The server redirected more than {policy.max_redirects} times")

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], policy: Policy | None = None, *, party: Hashable = None
    ) -> Answered:
        """Post `body` to `url` and return the answer, whatever its status; its body is cut at `policy.max_bytes`.

        All of it takes `policy.total_s` at most. The answer counts from its headers on: a body that is too long, too
        slow or broken is kept as far as it came.

        Raises:
            Refused: the policy forbids the URL, or one of its addresses.
            TooLarge: the headers alone are longer than anything honest.
            Unreachable: no answer came in time.
        """
        policy = policy or self._policy
        target = check_url(url, policy)
        async with (
            self._places.of_party(party),
            Patience(policy) as patience,
            self._places.at_host(target.host),
            self._session(target, policy, patience, [], wire_bytes=_POST_WIRE_BYTES) as (session, tls),
            session.post(target.url, data=body, headers=headers, allow_redirects=False, ssl=tls) as response,
        ):
            patience.resting()
            kept = await _kept(response, policy.max_bytes, patience.left_s)
            return Answered(response.status, response.headers.get(hdrs.RETRY_AFTER), kept)

    async def _hop(self, target: Target, policy: Policy, patience: Patience) -> Fetched | str:
        peers: list[str] = []
        async with (
            self._session(target, policy, patience, peers) as (session, tls),
            _get(session, target.url, tls) as response,
        ):
            return await _answer(response, policy, patience, peers)

    @asynccontextmanager
    async def _session(
        self, target: Target, policy: Policy, patience: Patience, peers: list[str], *, wire_bytes: int = 0
    ) -> AsyncGenerator[tuple[aiohttp.ClientSession, _Trust]]:
        """Open a session that reaches `target` and nothing else; whom it connected to is added to `peers`."""
        if not self._is_open:
            raise RuntimeError("a Fetcher is used inside `async with`")
        tls: _Trust = await self._certificates() if target.url.scheme == "https" else True
        patience.connecting()

        def connected(peer: str) -> None:
            peers.append(peer)
            patience.answering()

        meter = Meter(max(policy.max_bytes, wire_bytes))
        connector = PinnedConnector(await pin(target, policy, self._resolve), connected, meter)
        try:
            async with _session(connector) as session:
                yield session, tls
        except aiohttp.ClientError as error:
            raise (TooLarge(policy.max_bytes) if meter.is_spent else _told(error)) from error

    async def _certificates(self) -> ssl.SSLContext:
        """Return what servers must prove who they are against, the same for every call."""
        if self._tls is None:
            # Reading the system's store takes tens of milliseconds: at the first need, and not on the loop.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls


def _server(target: Target, policy: Policy) -> str:
    """Return what shares a budget; on a developer's machine each port is a server of its own."""
    return target.host if policy.ports is not None else f"{target.host}:{target.port}"


def _session(connector: PinnedConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers=_HEADERS,
    )


def _get(session: aiohttp.ClientSession, url: URL, tls: _Trust) -> "aiohttp.client._RequestContextManager":
    return session.get(url, allow_redirects=False, ssl=tls)


async def _answer(
    response: aiohttp.ClientResponse, policy: Policy, patience: Patience, peers: list[str]
) -> Fetched | str:
    location = response.headers.get(hdrs.LOCATION)
    if response.status in _REDIRECTS and location is not None:
        return location
    if response.status != _OK:
        raise Unreachable("status", f"The server answered {_status(response)}")
    if any(coding.strip().lower() != "identity" for coding in response.headers.getall(hdrs.CONTENT_ENCODING, ())):
        raise Unreachable("encoding", "The server sent a compressed body although it was asked not to")
    body = await _body(response, policy, patience)
    return Fetched(response.status, response.headers.get(hdrs.CONTENT_TYPE), body, str(response.url), peers[-1])


def _status(response: aiohttp.ClientResponse) -> str:
    # The standard phrase, not the server's: a phrase is free text, and this sentence is shown.
    phrase = aiohttp.http.RESPONSES.get(response.status, ("",))[0]
    return f"{response.status} {phrase}".strip()


async def _body(response: aiohttp.ClientResponse, policy: Policy, patience: Patience) -> bytes:
    if (response.content_length or 0) > policy.max_bytes:
        raise TooLarge(policy.max_bytes)
    chunks, size = list[bytes](), 0
    patience.reading(0)
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > policy.max_bytes:
            raise TooLarge(policy.max_bytes)
        patience.reading(size)
    # Copying tens of megabytes would hold the loop up; joining them holds up nobody while another thread does it.
    return b"".join(chunks) if size < _LOOP_JOINS_BYTES else await asyncio.to_thread(b"".join, chunks)


async def _kept(response: aiohttp.ClientResponse, most: int, patience_s: float) -> bytes:
    """Return what comes of a body, at most so many bytes, for at most so many seconds."""
    kept = bytearray()
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(patience_s):
            async for chunk in response.content.iter_any():
                kept += chunk
                if len(kept) >= most:
                    break
    return bytes(kept[:most])


def _next(here: Target, location: str, policy: Policy) -> Target:
    try:
        # Checked as text first: joining would quietly repair what must be refused.
        onward = location if _ABSOLUTE.match(location) else str(here.url.join(URL(location, encoded=True)))
        return check_url(onward, policy)
    except Refused as refused:
        raise Refused(refused.reason, f"The redirect was refused: {refused.detail}") from refused
    except ValueError as error:
        raise Unreachable("redirects", "The server redirected to something that is no URL") from error


def _told(error: aiohttp.ClientError) -> EgressError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Unreachable("tls", "The server's certificate was not accepted")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable("connect", "No connection could be made to the server")
    return Unreachable("broken", "The server broke off or did not answer in HTTP")
