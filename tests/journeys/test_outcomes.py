"""What is certain about a send whose answer went wrong: nothing left us, or nobody knows. Never a second request."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from picha.cloudapi.messages import ImageObject, ImageSend
from picha.gateway.domain.outcomes import Accepted, Ambiguous, Barred, NotSent, Outcome, Rejected, Throttled
from picha.gateway.meta.graph import Graph, GraphCallError, open_graph
from picha.gateway.store.tenants import Account
from picha.kit.secrets import Secret

TOKEN = "EAAB-very-secret"
NUMBER = "106540352242922"
BODY = b'{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.A"}]}'


def answer(status: int, body: bytes, *extra: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}", *extra]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def graph_error(code: int) -> bytes:
    error = {"message": f"(#{code}) no", "type": "OAuthException", "code": code, "error_data": {"details": "No."}}
    return json.dumps({"error": error}).encode()


class Stub:
    """A hand-written Graph server: it keeps what was asked and answers with raw bytes, or misbehaves."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.connections = 0
        self.url = ""
        self.behave: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]] = self.say(answer(200, BODY))

    @staticmethod
    def say(data: bytes) -> Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]:
        """Write these bytes and end the connection."""

        async def behave(_head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            await writer.drain()

        return behave

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
            self.asked.append(head + await reader.readexactly(length))
            await self.behave(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def break_off(self, _head: bytes, writer: asyncio.StreamWriter) -> None:
        """Reset the connection."""
        raw = writer.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Stub"]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()


class KeepsAlive(Stub):
    """One that answers any number of requests on a connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:"))
                self.asked.append(head + await reader.readexactly(length))
                await self.behave(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub().listening() as server:
        yield server


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    async with open_graph() as client:
        yield client


async def downloaded(graph: Graph, account: Account, url: str) -> bytes:
    return b"".join([piece async for piece in graph.download(account, url)])


async def uploaded(graph: Graph, account: Account, *pieces: bytes | Exception) -> str:
    async def come() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    size = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
    return await graph.upload(account, NUMBER, come(), size_bytes=size, mime_type="image/jpeg")


def account(url: str, *, environment: str = "test") -> Account:
    nobody = UUID(int=0)
    secrets = {name: Secret(name) for name in ("app_secret", "verify_token")}
    return Account(
        id=nobody, workspace_id=nobody, environment=environment, waba_id="1", meta_app_id="2",
        graph_url=f"{url}/v24.0", access_token=Secret(TOKEN), **secrets,
    )  # fmt: skip


async def send(graph: Graph, url: str, number: str = NUMBER) -> Outcome:
    message = ImageSend(to="+255712345678", image=ImageObject(id="7", caption="x"), biz_opaque_callback_data="t")
    return await graph.send(account(url), number, message)


def refused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert isinstance(port, int)
    return port


async def test_a_send_is_one_request_with_the_token_and_its_proof(stub: Stub, graph: Graph) -> None:
    outcome = await send(graph, stub.url)

    assert outcome == Accepted("wamid.A")
    (asked,) = stub.asked
    head, _, body = asked.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v24.0/106540352242922/messages?appsecret_proof=")
    assert f"Authorization: Bearer {TOKEN}".encode() in head
    assert json.loads(body) == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+255712345678", "type": "image",
        "image": {"id": "7", "caption": "x"}, "biz_opaque_callback_data": "t",
    }  # fmt: skip


async def test_a_refused_connection_sent_nothing(graph: Graph) -> None:
    assert isinstance(await send(graph, f"http://127.0.0.1:{refused_port()}"), NotSent)


async def test_a_name_without_address_sent_nothing(graph: Graph) -> None:
    assert isinstance(await send(graph, "http://graph.invalid"), NotSent)


async def test_a_server_that_speaks_no_tls_got_nothing(graph: Graph) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(400, b"speak plainly"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    try:
        assert isinstance(await send(graph, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"), NotSent)
    finally:
        server.close()
        await server.wait_closed()


async def test_a_certificate_that_nobody_signed_got_nothing(graph: Graph, tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate(tmp_path))
    async with Stub().listening(tls) as stub:
        outcome = await send(graph, stub.url)

        assert isinstance(outcome, NotSent)
        assert stub.asked == []


def certificate(folder: Path) -> Path:
    """Write a certificate that signed itself."""
    key, begin = ec.generate_private_key(ec.SECP256R1()), datetime(2020, 1, 1, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36_500))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / "server.pem"
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(encoding))
    return path


async def test_a_reset_after_the_request_is_ambiguous(stub: Stub, graph: Graph) -> None:
    stub.behave = stub.break_off

    assert isinstance(await send(graph, stub.url), Ambiguous)
    assert (len(stub.asked), stub.connections) == (1, 1)


async def test_a_reset_after_the_head_alone_is_ambiguous(graph: Graph) -> None:
    connections = 0

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        await Stub().break_off(b"", writer)

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    try:
        assert isinstance(await send(graph, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), Ambiguous)
    finally:
        server.close()
        await server.wait_closed()
    assert connections == 1


async def test_an_end_before_any_answer_is_ambiguous(stub: Stub, graph: Graph) -> None:
    stub.behave = stub.say(b"")

    assert isinstance(await send(graph, stub.url), Ambiguous)
    assert (len(stub.asked), stub.connections) == (1, 1)


@pytest.mark.parametrize("whole", [answer(200, BODY), answer(200, BODY, "Connection: close")], ids=["kept", "closed"])
async def test_an_answer_cut_after_any_byte_is_ambiguous_unless_it_is_whole(
    stub: Stub, graph: Graph, whole: bytes
) -> None:
    async def cut(head: bytes, writer: asyncio.StreamWriter) -> None:
        length = int(head.split(b"/")[2])
        await stub.say(whole[:length])(head, writer)

    stub.behave = cut

    outcomes = await asyncio.gather(*(send(graph, stub.url, str(length)) for length in range(len(whole) + 1)))

    assert [type(outcome) for outcome in outcomes[:-1]] == [Ambiguous] * len(whole)
    assert outcomes[-1] == Accepted("wamid.A")
    assert len(stub.asked) == len(whole) + 1


async def test_a_chunked_answer_cut_after_any_byte_is_ambiguous_unless_it_is_whole(stub: Stub, graph: Graph) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:40], BODY[40:]))
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def cut(head: bytes, writer: asyncio.StreamWriter) -> None:
        await stub.say(whole[: int(head.split(b"/")[2])])(head, writer)

    stub.behave = cut

    outcomes = await asyncio.gather(*(send(graph, stub.url, str(length)) for length in range(len(whole) + 1)))

    # The end mark has no content: whether the parser insists on its last bytes is its own business.
    assert {type(outcome) for outcome in outcomes[: -len(b"0\r\n\r\n") - 1]} == {Ambiguous}
    assert isinstance(outcomes[-1], Accepted)


async def test_no_answer_in_time_is_ambiguous(stub: Stub) -> None:
    async def hang(_head: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2)

    stub.behave = hang
    async with open_graph(patience=aiohttp.ClientTimeout(total=0.3)) as impatient:
        assert isinstance(await send(impatient, stub.url), Ambiguous)
    assert len(stub.asked) == 1


async def test_an_answer_that_never_ends_is_ambiguous(stub: Stub, graph: Graph) -> None:
    stub.behave = stub.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 2_000_000)

    assert isinstance(await send(graph, stub.url), Ambiguous)


GARBAGE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "binary": bytes(range(256)),
    "a bad header": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "gzip that is none": answer(200, BODY, "Content-Encoding: gzip"),
    "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "no JSON": answer(200, b"<html>"),
    "no message": answer(200, b'{"messages":[]}'),
    "a message without a name": answer(200, b'{"messages":[{"id":""}]}'),
    "an id that is none": answer(200, b'{"messages":[{"id":"wamid.\\u0000"}]}'),
    "an endless id": answer(200, b'{"messages":[{"id":"%s"}]}' % (b"x" * 5000)),
    "nothing": answer(204, b""),
    "not an error object": answer(400, b'{"error":"no"}'),
    "half an error object": answer(400, graph_error(131026)[:-2]),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_an_answer_that_makes_no_sense_is_ambiguous(stub: Stub, graph: Graph, name: str) -> None:
    stub.behave = stub.say(GARBAGE[name])

    assert isinstance(await send(graph, stub.url), Ambiguous)
    assert (len(stub.asked), stub.connections) == (1, 1)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 404])
async def test_an_http_error_without_an_error_object_is_ambiguous(stub: Stub, graph: Graph, status: int) -> None:
    stub.behave = stub.say(answer(status, b"upstream sad", "Retry-After: 0"))

    assert isinstance(await send(graph, stub.url), Ambiguous)
    assert len(stub.asked) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4, Throttled), (80007, Throttled), (130429, Throttled), (131056, Throttled),
        (2, Throttled), (131016, Throttled), (131057, Throttled), (133004, Throttled),
        (1, Ambiguous), (131000, Ambiguous),
        (131026, Rejected), (131047, Rejected), (131053, Rejected), (190, Barred), (100, Rejected), (777, Rejected),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 500, 503])
async def test_a_whole_error_object_decides_by_its_code_whatever_the_status(
    stub: Stub, graph: Graph, status: int, code: int, kind: type[Outcome]
) -> None:
    stub.behave = stub.say(answer(status, graph_error(code)))

    assert type(await send(graph, stub.url)) is kind
    assert len(stub.asked) == 1


async def test_what_meta_says_of_an_error_can_be_stored(stub: Stub, graph: Graph) -> None:
    stub.behave = stub.say(answer(400, graph_error(131026).replace(b"No.", b"a\\u0000b")))

    outcome = await send(graph, stub.url)

    assert isinstance(outcome, Rejected)
    assert "\0" not in outcome.detail + outcome.title


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_no_token_leaves_with_it(stub: Stub, graph: Graph, status: int) -> None:
    async with Stub().listening() as elsewhere:
        stub.behave = stub.say(answer(status, b"", f"Location: {elsewhere.url}/v24.0/1/messages", "Connection: close"))

        outcome = await send(graph, stub.url)
        with pytest.raises(GraphCallError):
            await downloaded(graph, account(stub.url), f"{stub.url}/media/1")
        with pytest.raises(GraphCallError):
            await uploaded(graph, account(stub.url), b"x")

        assert isinstance(outcome, Ambiguous)
        assert elsewhere.connections == 0
        assert len(stub.asked) == 3


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(stub: Stub, graph: Graph) -> None:
    for count in range(1, 4):
        assert isinstance(await send(graph, stub.url), Accepted)
        assert len(stub.asked) == count
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("idle_s", "connections"), [(0.1, 2), (10, 1)])
async def test_a_connection_that_was_idle_for_too_long_is_not_used_again(idle_s: float, connections: int) -> None:
    async with KeepsAlive().listening() as stub, open_graph(idle_s=idle_s) as graph:
        assert isinstance(await send(graph, stub.url), Accepted)
        await asyncio.sleep(0.3)
        assert isinstance(await send(graph, stub.url), Accepted)

    assert (stub.connections, len(stub.asked)) == (connections, 2)


@pytest.mark.parametrize(("told", "pace"), [({}, 80), ({"is_on_biz_app": False}, 80), ({"is_on_biz_app": True}, 20)])
async def test_a_number_that_its_phone_app_uses_too_has_a_pace_of_twenty(
    stub: Stub, graph: Graph, told: dict[str, bool], pace: float
) -> None:
    stub.behave = stub.say(answer(200, json.dumps({"display_phone_number": "+1 555", **told}).encode()))

    number = await graph.number(account(stub.url), NUMBER)

    assert (number.display_phone_number, number.messages_per_second) == ("+1 555", pace)


async def test_the_token_goes_to_the_graph_host_alone(stub: Stub, graph: Graph) -> None:
    async with Stub().listening() as elsewhere:
        port = stub.url.rpartition(":")[2]
        strange = [
            elsewhere.url + "/x", f"http://localhost:{port}/x", f"https://127.0.0.1:{port}/x", "http://127.0.0.1/x",
            f"http://u:p@127.0.0.1:{port}/x", f"{stub.url}@{elsewhere.url.removeprefix('http://')}/x", "x", "",
            "https://lookaside.fbsbx.com/x", f"http://127.0.0.1:{port}\\@evil.example/x", "http://[::1", "http://a:b/x",
        ]  # fmt: skip
        for url in strange:
            with pytest.raises(GraphCallError) as caught:
                await downloaded(graph, account(stub.url), url)
            assert caught.value.again is False, url

        assert (stub.connections, elsewhere.connections) == (0, 0)
        assert await downloaded(graph, account(stub.url), f"{stub.url}/media") == BODY


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/x", "https://lookaside.fbsbx.com:8443/x", "https://evilfbsbx.com/x",
        "https://lookaside.fbsbx.com.evil.example/x", "https://u@lookaside.fbsbx.com/x", "https://fbsbx.com.:443/x",
        "https://evil.example/.fbsbx.com", "https://evil.example?.fbsbx.com", "https://evil.example#.fbsbx.com",
        "https://evil.example\\.fbsbx.com/x", "https://evil.example%2f.fbsbx.com/x", "//lookaside.fbsbx.com/x",
    ],
)  # fmt: skip
async def test_a_live_token_goes_to_hosts_of_metas_alone(graph: Graph, url: str) -> None:
    with pytest.raises(GraphCallError) as caught:
        await downloaded(graph, account("https://graph.facebook.com", environment="live"), url)

    assert caught.value.again is False
