"""Runs the whole product as the command that people type, and talks to it only from outside.

with raised(home) as house:
    async with talking(house) as picha:
        photo = await picha.hear(picha.stranger(), caption="Hello")
"""

import asyncio
import io
import itertools
import os
import select
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from PIL import Image
from tests import nursery

from picha.cli.welcome import Ready

PATIENCE_S = 30.0
_PAUSES_S = (0.02, 0.03, 0.05, 0.05, 0.1, 0.1, 0.2)
T = TypeVar("T")
_STRANGERS = itertools.count(255_700_000_000)


class House:
    """A `picha up` that runs: its process, its ready line, its home."""

    def __init__(self, process: nursery.Program, ready: Ready, home: Path) -> None:
        self.process, self.ready, self.home = process, ready, home

    @property
    def logs(self) -> list[Path]:
        """The logs of its programs."""
        return sorted((self.home / "logs").glob("*.log"))

    def kill(self) -> None:
        """End all of it at once as a power cut would, and wait until nothing of it runs."""
        pids = self.ready.pids
        roots = [pid for pid in (pids.up, pids.api, pids.worker, pids.sandbox, pids.postgres) if pid]
        tree = [pid for root in roots for pid in (root, *below(root))]
        # Whoever would start the others again goes first.
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.reap(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while any(is_alive(pid) for pid in tree):
            assert time.monotonic() < deadline, "something of it still runs"
            time.sleep(0.02)

    @property
    def ports(self) -> dict[str, int]:
        """The ports it has, to be started on again: whoever calls it back knows no others."""
        urls = {"port": self.ready.api_url, "sandbox_port": self.ready.sandbox_url}
        return {name: int(url.rpartition(":")[2]) for name, url in urls.items()}

    def child(self, name: str) -> int | None:
        """Return the process id that a program has now, None between two lives: api, worker, sandbox or postgres."""
        for pid in below(self.ready.pids.up):
            with suppress(OSError):
                is_server = b"\0-D\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
                called = "postgres" if is_server else Path(f"/proc/{pid}/comm").read_text().strip()
                if called == name and is_alive(pid):
                    return pid
        return None


def below(root: int) -> list[int]:
    """Return every living descendant of a process."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [root]
    for one in found:
        found.extend(pid for pid, parent in parents.items() if parent == one)
    return found[1:]


def is_alive(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def raised(
    home: Path, *, port: int = 0, sandbox_port: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[House]:
    """Run `picha up` with its data in `home`, on free ports unless told otherwise, and stop it at the end.

    `settings` are variables of its environment, which has nothing else of ours.
    """
    words = ["up", "--home", str(home), "--port", str(port), "--sandbox-port", str(sandbox_port), "--json"]
    ours, its = os.pipe()
    with (home.parent / f"{home.name}.err").open("wb") as said, os.fdopen(ours, "rb") as told:
        process = nursery.started(words, out=its, err=said, environment=nursery.PLAIN | dict(settings or {}))
        os.close(its)
        try:
            is_told, _, _ = select.select([told], [], [], 90)
            line = told.readline() if is_told else b""
            assert line, Path(said.name).read_text()
            yield House(process, msgspec.json.decode(line, type=Ready), home)
        finally:
            process.terminate()
            process.reap(60)


@dataclass(frozen=True)
class Told:
    """One answer: its status, headers, raw body, and the JSON in it if it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    document: Any

    @property
    def data(self) -> Any:
        """The envelope's data; the call must have succeeded."""
        assert self.document["success"] is True, self.document
        return self.document["data"]

    @property
    def error(self) -> Any:
        """The envelope's first error."""
        assert self.document["success"] is False, self.document
        return self.document["errors"][0]


async def until(look: Callable[[], Awaitable[T | None]], within_s: float = PATIENCE_S) -> T:
    """Look again and again until there is something to see, and return it.

    The longer it takes, the seldomer it looks: a look is work for the programs that it waits for.
    """
    pauses = itertools.chain(_PAUSES_S, itertools.repeat(_PAUSES_S[-1]))
    async with asyncio.timeout(within_s):
        while not (seen := await look()):  # noqa: ASYNC110 - another program's state has no event
            await asyncio.sleep(next(pauses))
        return seen


class Talk:
    """A caller with the house's API key, who can also speak as the people on the other side."""

    def __init__(self, house: House, session: aiohttp.ClientSession) -> None:
        self.house, self.ready, self.session = house, house.ready, session

    async def api(self, method: str, path: str, *, key: str | None = "", **request: Any) -> Told:
        """Call the gateway; `key` replaces the right one, and None sends none. A whole URL is taken as it is."""
        url = path if path.startswith("http") else self.ready.api_url + path
        headers = dict(request.pop("headers", {}))
        if key is not None:
            headers["X-API-Key"] = key or self.ready.api_key
        return await self.call(method, url, headers=headers, allow_redirects=False, **request)

    async def call(self, method: str, url: str, **request: Any) -> Told:
        """Call any address."""
        async with self.session.request(method, url, **request) as answer:
            body = await answer.read()
            document = None
            if answer.content_type == "application/json" and body:
                document = msgspec.json.decode(body)
            return Told(answer.status, answer.headers, body, document)

    async def control(self, method: str, path: str, **request: Any) -> Any:
        """Call the sandbox's control API; it must not refuse."""
        told = await self.call(method, f"{self.ready.sandbox_url}/_sandbox{path}", **request)
        assert told.status < 300, told.body
        return told.document

    @staticmethod
    def stranger() -> str:
        """Return a phone number that nobody in this run has yet."""
        return str(next(_STRANGERS))

    async def hear(self, customer: str, **spoken: Any) -> Any:
        """Let a customer write, a photo unless said otherwise, and return the message once the gateway has it all."""
        said = await self.control("POST", "/inbound", json={"from": customer, **spoken})

        async def come() -> Any:
            items = (await self.list(direction="inbound")).data["items"]
            found = [item for item in items if item["provider_message_id"] == said["message_id"]]
            return next((item for item in found if item["content"]["state"] != "pending"), None)

        return await until(come)

    async def list(self, **query: Any) -> Told:
        """List messages."""
        return await self.api("GET", "/v1/whatsapp/messages", params=query)

    async def total(self) -> int:
        """Return how many messages there are."""
        total = (await self.list(limit="1")).data["total"]
        assert isinstance(total, int)
        return total

    async def upload(
        self, data: bytes, *, image_policy: str | None = None, once: str | None = None, **part: str
    ) -> Told:
        """Upload a picture by multipart; `once` is an idempotency key."""
        form = aiohttp.FormData()
        if image_policy:
            form.add_field("image_policy", image_policy)
        form.add_field("file", io.BytesIO(data), **({"filename": "r.jpg", "content_type": "image/jpeg"} | part))
        headers = {"Idempotency-Key": once} if once else {}
        return await self.api("POST", "/v1/whatsapp/media", data=form, headers=headers)

    async def send(self, **body: Any) -> Told:
        """Ask for one image send."""
        return await self.api("POST", "/v1/whatsapp/messages/image", json=body)

    async def message(self, message_id: str) -> Any:
        """Return one message."""
        return (await self.api("GET", f"/v1/whatsapp/messages/{message_id}")).data

    async def story(self, message_id: str) -> Any:
        """Return one message's timeline."""
        return (await self.api("GET", f"/v1/whatsapp/messages/{message_id}/timeline")).data["items"]

    async def becomes(self, message_id: str, *statuses: str, within_s: float = PATIENCE_S) -> Any:
        """Return the message once its status is one of these; if that never comes, its story is the failure's word."""

        async def look() -> Any:
            message = await self.message(message_id)
            return message if message["status"] in statuses else None

        try:
            return await until(look, within_s)
        except TimeoutError:
            raise AssertionError((await self.message(message_id), await self.story(message_id))) from None

    async def ledger(self) -> Any:
        """Return every send that the sandbox accepted."""
        return (await self.control("GET", "/ledger", params={"limit": "10000"}))["items"]


@asynccontextmanager
async def talking(house: House) -> AsyncIterator[Talk]:
    """Open a caller to a running house.

    A body that the house refused to read to its end would keep its connection open after the session; such are cut.
    """
    sockets: list[socket.socket] = []

    def made(address: tuple[Any, ...]) -> socket.socket:
        sockets.append(socket.socket(address[0], address[1], address[2]))
        return sockets[-1]

    connector, timeout = aiohttp.TCPConnector(socket_factory=made), aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        yield Talk(house, session)
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

    async def closed() -> bool:
        return all(one.fileno() == -1 for one in sockets)

    await until(closed)


def picture(kind: str = "JPEG", *, shade: int = 90) -> bytes:
    """Draw a small picture; another `shade` makes other bytes."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (shade, 120, 200)).save(out, kind)
    return out.getvalue()


def picture_of(size: int) -> bytes:
    """Draw a JPEG of exactly `size` bytes, filled up with comments inside it (ISO/IEC 10918-1, COM segments)."""
    bare = picture()
    segments, missing = [], size - len(bare)
    while missing:
        whole = min(missing, 65_000)
        # No rest may be too small to be a segment.
        if 0 < missing - whole < 4:
            whole -= 4
        segments.append(b"\xff\xfe" + (whole - 2).to_bytes(2, "big") + bytes(whole - 4))
        missing -= whole
    return bare[:2] + b"".join(segments) + bare[2:]
