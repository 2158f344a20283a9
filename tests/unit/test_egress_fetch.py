"""The fetcher against real servers on loopback; refused addresses are listening sockets that must hear nothing."""

import asyncio
import gzip
import resource
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Network, ip_address
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from picha.egress import TEST, EgressError, Fetched, Fetcher, Policy, Refused, TooLarge, Unreachable
from picha.egress.connecting import Meter, PinnedConnector
from picha.egress.resolving import ask_system, is_ours

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# 127.0.0.5 plays the public internet, the rest of loopback plays the machine's inside.
OUTSIDE = "127.0.0.5"
GUARDED = Policy(
    schemes=frozenset({"http", "https"}), ports=None, allowed_networks=(IPv4Network("127.0.0.5/32"),), total_s=20
)


@asynccontextmanager
async def site(handler: Handler, host: str = OUTSIDE) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    port = runner.addresses[0][1]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(talk: Talk, host: str = OUTSIDE) -> AsyncIterator[str]:
    talks: list[asyncio.Task[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass  # the fetcher hung up, as it should
        finally:
            writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future(converse(reader, writer)))

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def trap(host: str = "127.0.0.1") -> AsyncIterator[tuple[int, list[object]]]:
    heard: list[object] = []

    async def hear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(hear, host, 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
        await asyncio.sleep(0)
    finally:
        server.close()
        await server.wait_closed()


def answers(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host.islower(), port > 0) == (True, True)
        return addresses

    return resolve


async def ok(_: web.BaseRequest) -> web.Response:
    return web.Response(body=b"\xff\xd8 picture", content_type="image/jpeg")


async def test_a_picture_is_fetched_with_its_type_its_place_and_its_peer() -> None:
    async with site(ok) as here, Fetcher(GUARDED) as fetcher:
        fetched = await fetcher.fetch(f"{here}/a.jpg?x=%2F#part")

    assert (fetched.status, fetched.content_type, fetched.body) == (200, "image/jpeg", b"\xff\xd8 picture")
    assert (fetched.url_final, fetched.address) == (f"{here}/a.jpg?x=%2F", OUTSIDE)


async def test_the_request_asks_for_identity_and_carries_the_name_and_the_query_as_written() -> None:
    seen: list[tuple[str, str, str]] = []

    async def look(request: web.BaseRequest) -> web.Response:
        seen.append((request.headers["Accept-Encoding"], request.host.split(":")[0], request.raw_path))
        return web.Response(body=b"x")

    async with site(look) as here, Fetcher(GUARDED, resolve=answers(OUTSIDE)) as fetcher:
        await fetcher.fetch(here.replace(OUTSIDE, "pictures.example") + "/a%2Fb/../c?sig=a%2Fb")

    assert seen == [("identity", "pictures.example", "/a%2Fb/../c?sig=a%2Fb")]


async def test_no_proxy_and_no_password_file_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trap() as (port, heard), site(ok) as here, Fetcher(GUARDED) as fetcher:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")

        assert (await fetcher.fetch(here)).status == 200

    assert heard == []


@pytest.mark.parametrize(
    "resolved",
    [
        ["127.0.0.1"],
        [OUTSIDE, "127.0.0.1"],
        ["127.0.0.1", OUTSIDE],
        ["::1"],
        ["::ffff:127.0.0.5"],
        ["64:ff9b::7f00:5"],
        ["169.254.169.254"],
        [OUTSIDE, "10.0.0.1"],
        ["fe80::1%1"],
        ["not an address"],
    ],
)
async def test_a_name_with_any_refused_answer_is_refused_and_nobody_is_connected_to(resolved: list[str]) -> None:
    async with trap() as (port, heard), Fetcher(GUARDED, resolve=answers(*resolved)) as fetcher:
        with pytest.raises(Refused, match=r"^The address is not public$"):
            await fetcher.fetch(f"http://pictures.example:{port}/x.jpg")

    assert heard == []


async def test_the_connector_itself_reaches_no_address_but_the_pinned_even_as_a_literal() -> None:
    connected: list[str] = []

    async with trap() as (port, heard):
        connector = PinnedConnector([ip_address(OUTSIDE)], connected.append, Meter(1000))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(Refused):
                await session.get(f"http://127.0.0.1:{port}/")

    assert (heard, connected) == ([], [])


async def test_a_name_is_resolved_once_so_that_a_second_answer_cannot_differ() -> None:
    asked: list[str] = []

    async def rebinding(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return [OUTSIDE if len(asked) == 1 else "127.0.0.1"]

    async with site(ok) as here, Fetcher(GUARDED, resolve=rebinding) as fetcher:
        fetched = await fetcher.fetch(here.replace(OUTSIDE, "rebind.example"))

    assert (fetched.address, asked) == (OUTSIDE, ["rebind.example"])


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "[::ffff:7f00:1]", "2130706433", "127.1"])
async def test_a_literal_inside_is_refused_before_any_connection(name: str) -> None:
    async with trap() as (port, heard), Fetcher(GUARDED) as fetcher:
        with pytest.raises(Refused):
            await fetcher.fetch(f"http://{name}:{port}/")

    assert heard == []


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}/", "//127.0.0.1:{}/", "http://inside.example:{}/"])
async def test_a_redirect_to_the_inside_is_refused_and_nobody_is_connected_to(form: str) -> None:
    async def resolve(host: str, _: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "inside.example" else [OUTSIDE]

    async with trap() as (port, heard):

        async def lead(_: web.BaseRequest) -> web.Response:
            return web.Response(status=302, headers={"Location": form.format(port)})

        async with site(lead) as here, Fetcher(GUARDED, resolve=resolve) as fetcher:
            with pytest.raises(Refused, match="not public"):
                await fetcher.fetch(here)

    assert heard == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.5/", "scheme"),
        ("http://user@127.0.0.5/", "userinfo"),
        ("http://2130706433/", "host"),
        ("http://\\127.0.0.5/", "malformed"),
        ("javascript:alert(1)", "malformed"),
    ],
)
async def test_every_hop_is_checked_as_the_first_one_is(location: str, reason: str) -> None:
    async def lead(_: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": location})

    async with site(lead) as here, Fetcher(GUARDED) as fetcher:
        with pytest.raises(Refused, match=r"^The redirect was refused: ") as refused:
            await fetcher.fetch(here)

    assert refused.value.reason == reason


async def hops(request: web.BaseRequest) -> web.Response:
    left = int(request.path.strip("/"))
    return web.Response(status=301, headers={"Location": str(left - 1)}) if left else web.Response(body=b"done")


async def test_three_redirects_are_followed() -> None:
    async with site(hops) as here, Fetcher(GUARDED) as fetcher:
        fetched = await fetcher.fetch(f"{here}/3")

    assert (fetched.body, fetched.url_final) == (b"done", f"{here}/0")


async def test_a_fourth_redirect_is_one_too_many() -> None:
    async with site(hops) as here, Fetcher(GUARDED) as fetcher:
        with pytest.raises(Unreachable, match="redirected more than 3 times") as unreachable:
            await fetcher.fetch(f"{here}/4")

    assert unreachable.value.kind == "redirects"


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "404 Not Found"), (403, "403 Forbidden"), (500, "500 Internal Server Error"), (204, "204 No Content")],
)
async def test_any_status_but_200_is_told_in_its_standard_words(status: int, words: str) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, reason="<b>free text</b>")

    async with site(answer) as here, Fetcher(GUARDED) as fetcher:
        with pytest.raises(Unreachable, match=f"^The server answered {words}$"):
            await fetcher.fetch(here)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
async def test_a_compressed_body_is_refused_unread(coding: str) -> None:
    async def bomb(_: web.BaseRequest) -> web.Response:
        return web.Response(body=gzip.compress(bytes(10_000_000)), headers={"Content-Encoding": coding})

    async with site(bomb) as here, Fetcher(GUARDED) as fetcher:
        with pytest.raises(Unreachable, match="compressed") as unreachable:
            await fetcher.fetch(here)

    assert unreachable.value.kind == "encoding"


@pytest.mark.parametrize("codings", [["identity", "gzip"], ["gzip", "identity"], ["identity", "", "br"]])
async def test_a_coding_is_not_hidden_behind_another_header_line(codings: list[str]) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = "".join(f"Content-Encoding: {coding}\r\n" for coding in codings)
        writer.write(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 1\r\n\r\nx".encode())
        await writer.drain()

    async with raw(answer) as here, Fetcher(GUARDED) as fetcher:
        with pytest.raises(Unreachable, match="compressed"):
            await fetcher.fetch(here)


@pytest.mark.parametrize(
    ("header", "outcome"),
    [
        ("Content-Encoding: gzip", "encoding"),
        ("Content-Type: image/jpeg", "as it came"),
        ("Transfer-Encoding: gzip, chunked", "as it came"),
    ],
)
async def test_a_bomb_of_200_mb_costs_no_more_than_what_is_on_the_wire(header: str, outcome: str) -> None:
    packed = gzip.compress(bytes(200 * 1024 * 1024), 9)
    is_chunked = "chunked" in header
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed) if is_chunked else packed

    async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = "" if is_chunked else f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 200 OK\r\n{header}\r\n{length}\r\n".encode() + body)
        await writer.drain()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with raw(bomb) as here, Fetcher(GUARDED) as fetcher:
        (told,) = await asyncio.gather(fetcher.fetch(here), return_exceptions=True)

    assert (told.kind if isinstance(told, Unreachable) else "as it came") == outcome
    assert isinstance(told, Unreachable) or (isinstance(told, Fetched) and told.body == packed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


_EXTENSIONS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"a" * 4000 + b"\r\nx\r\n"
_EARLY_WORDS = b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * 100


@pytest.mark.parametrize(("head", "flood"), [_EXTENSIONS, _EARLY_WORDS])
async def test_what_is_no_body_is_counted_on_the_wire_as_well(head: bytes, flood: bytes) -> None:
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(head)
        while True:
            writer.write(flood)
            await writer.drain()
            sent += len(flood)

    async with raw(pour) as here, Fetcher(replace(GUARDED, max_bytes=1_000_000, first_byte_s=60)) as fetcher:
        with pytest.raises(TooLarge):
            await fetcher.fetch(here)

    # What fills the buffers of the sockets between the two comes on top.
    assert sent < 20_000_000


async def test_an_honest_body_in_small_chunks_is_within_the_measure() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write((b"80\r\n" + bytes(128) + b"\r\n") * 8000 + b"0\r\n\r\n")
        await writer.drain()

    async with raw(answer) as here, Fetcher(replace(GUARDED, max_bytes=1_024_000)) as fetcher:
        assert len((await fetcher.fetch(here)).body) == 1_024_000


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("size", "fits"), [(100_000, True), (100_001, False)])
async def test_a_body_of_one_byte_more_than_the_limit_is_too_large(*, announced: bool, size: int, fits: bool) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        if announced:
            response.content_length = size
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(bytes(size))
        return response

    policy = replace(GUARDED, max_bytes=100_000)
    async with site(answer) as here, Fetcher(policy) as fetcher:
        if fits:
            assert len((await fetcher.fetch(here)).body) == size
        else:
            with pytest.raises(TooLarge, match="more than 100,000 bytes"):
                await fetcher.fetch(here)


async def test_an_endless_body_is_cut_at_the_limit() -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async with raw(flood) as here, Fetcher(replace(GUARDED, max_bytes=1_000_000)) as fetcher:
        with pytest.raises(TooLarge):
            await fetcher.fetch(here)


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _drip_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _stop_half_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(500))
    await reader.read()


async def _break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
    await writer.drain()


async def _babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()


HASTY = replace(GUARDED, first_byte_s=0.3, rate_grace_s=0.3, min_rate=1000)


@pytest.mark.parametrize(
    ("talk", "policy", "kind", "words"),
    [
        (_silent, HASTY, "timeout", "did not answer within 0.3 s"),
        (_drip_headers, HASTY, "timeout", "did not answer within 0.3 s"),
        (_drip_body, HASTY, "slow", "fewer than 1,000 bytes a second"),
        (_stop_half_way, HASTY, "slow", "fewer than 1,000 bytes a second"),
        (_drip_body, replace(HASTY, min_rate=1, total_s=0.5), "timeout", "more than 0.5 s"),
        (_silent, replace(HASTY, first_byte_s=9, total_s=0.3), "timeout", "more than 0.3 s"),
        (_break_off, HASTY, "broken", "broke off"),
        (_babble, HASTY, "broken", "did not answer in HTTP"),
    ],
)
async def test_a_server_that_wastes_time_or_breaks_off_is_given_up(
    talk: Talk, policy: Policy, kind: str, words: str
) -> None:
    loop = asyncio.get_running_loop()
    async with raw(talk) as here, Fetcher(policy) as fetcher:
        began = loop.time()
        with pytest.raises(Unreachable, match=words) as unreachable:
            await fetcher.fetch(here)

        assert loop.time() - began < 5

    assert unreachable.value.kind == kind


async def test_a_closed_port_and_a_resolver_that_hangs_are_told_in_the_same_coarse_words() -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with site(ok) as here:
        port = here.rpartition(":")[2]
    details = []
    async with Fetcher(replace(GUARDED, connect_s=0.3), resolve=hang) as fetcher:
        for url in (f"http://{OUTSIDE}:{port}/", "http://slow.example/"):
            with pytest.raises(Unreachable) as unreachable:
                await fetcher.fetch(url)
            details.append((unreachable.value.kind, unreachable.value.detail))

    assert details == [("connect", "No connection could be made to the server")] * 2


async def test_a_name_without_an_address_is_told_to_be_unresolved() -> None:
    async with Fetcher(TEST) as fetcher:
        with pytest.raises(Unreachable, match="could not be resolved") as unreachable:
            await fetcher.fetch("http://does-not-exist.invalid/")

    assert unreachable.value.kind == "name"


async def test_names_whose_servers_are_silent_keep_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, silence, system = threading.Semaphore(0), threading.Event(), socket.getaddrinfo

    def silent(host: str, *rest: Any, **more: Any) -> Any:
        if host == "silent.example":
            asked.release()
            silence.wait(60)
        return system("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    lookups = [asyncio.ensure_future(ask_system("silent.example", 443)) for _ in range(64)]
    await asyncio.to_thread(lambda: [asked.acquire(timeout=30) for _ in lookups])

    async with asyncio.timeout(30):
        assert await asyncio.to_thread(int, "7") == 7
        assert await ask_system("other.example", 443) == ["127.0.0.1"]
    lookups.pop().cancel()
    silence.set()
    assert await asyncio.gather(*lookups) == [["127.0.0.1"]] * 63


async def test_localhost_is_resolved_by_the_system_and_reached_under_the_test_policy() -> None:
    async with site(ok, "127.0.0.1") as here, Fetcher(TEST) as fetcher:
        fetched = await fetcher.fetch(here.replace("127.0.0.1", "localhost"))

    assert ip_address(fetched.address).is_loopback


async def test_a_fetch_that_is_cancelled_leaves_no_connection_open() -> None:
    gone = asyncio.Event()
    began = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        began.set()
        await reader.read()
        gone.set()

    async with raw(watch) as here, Fetcher(GUARDED) as fetcher:
        fetch = asyncio.ensure_future(fetcher.fetch(here))
        await began.wait()
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        await asyncio.wait_for(gone.wait(), 5)


async def test_fetches_side_by_side_do_not_share_each_others_addresses() -> None:
    async def whoami(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.host)

    async with site(whoami) as here, Fetcher(GUARDED, resolve=answers(OUTSIDE), at_once=3) as fetcher:
        urls = [here.replace(OUTSIDE, f"shop{number}.example") for number in range(12)]
        fetched = await asyncio.gather(*map(fetcher.fetch, urls))

    assert [each.body.decode() for each in fetched] == [url.removeprefix("http://") for url in urls]


async def test_a_fetcher_outside_its_context_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Fetcher(GUARDED).fetch(f"http://{OUTSIDE}/")


def test_an_address_of_this_machine_is_known_as_ours_and_a_foreign_one_is_not() -> None:
    assert is_ours(ip_address("127.0.0.1"))
    assert not is_ours(ip_address("8.8.8.8"))
    assert not is_ours(ip_address("2606:4700:4700::1111"))


def test_every_way_to_fail_is_one_family_with_a_sentence_to_show() -> None:
    errors: list[EgressError] = [Refused("host", "a"), Unreachable("name", "b"), TooLarge(1000)]

    assert [each.detail for each in errors] == ["a", "b", "The file has more than 1,000 bytes"]
