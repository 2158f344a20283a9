"""Runs the sandbox as the program it is, and a receiver of webhooks beside it, for tests of any room.

async with Receiver("shaken").listening() as receiver, telling(receiver, "--ladder", "0,0,0") as sandbox:
    wamid = await sandbox.sent()
    await sandbox.wait("delivery", wamid=wamid, status="read")
"""

import asyncio
import contextlib
import io
import json
import signal
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp import web
from tests.nursery import PLAIN, Program, heard

from picha.sandbox.ready import Ready

PATIENCE_S = 20.0
# What every sandbox has on its first day: a picture, and a person who has just written.
DOCUMENTED_MEDIA = "1479537139650973"
PERSON = "16505551234"


class SandboxProgram:
    """A running sandbox, and a session that brings its token."""

    def __init__(self, process: Program, ready: Ready, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.ready = ready
        self.session = session
        self.number = ready.phone_number_id

    async def graph(self, method: str, path: str, **request: Any) -> tuple[int, Any]:
        """Call Graph and return the HTTP status and the JSON answer."""
        headers = {"Authorization": f"Bearer {self.ready.access_token}"} | request.pop("headers", {})
        url = self.ready.base_url + path
        async with self.session.request(method, url, headers=headers, **request) as answer:
            return answer.status, await answer.json()

    async def control(self, method: str, path: str, **request: Any) -> tuple[int, Any]:
        """Call the control API and return the HTTP status and the JSON answer, None for an empty one."""
        token = self.ready.control_token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= request.pop("headers", {})
        async with self.session.request(method, self.ready.control_url + path, headers=headers, **request) as answer:
            body = await answer.read()
            return answer.status, json.loads(body) if body else None

    async def upload(self, data: bytes, mime_type: str = "image/jpeg", number: str = "") -> str:
        """Upload a file, to the first number unless another is named, and return its media id."""
        status, answer = await self.graph(
            "POST", f"/v24.0/{number or self.number}/media", data=form_of(data, mime_type)
        )
        assert status == 200, answer
        media_id = answer["id"]
        assert isinstance(media_id, str)
        return media_id

    async def send_image(self, *, to: str = PERSON, **image: str) -> tuple[int, Any]:
        """Send an image and return the HTTP status and the JSON answer."""
        body = {"messaging_product": "whatsapp", "to": to, "type": "image", "image": image}
        return await self.graph("POST", f"/v24.0/{self.number}/messages", json=body)

    async def sent(self, *, to: str = PERSON) -> str:
        """Send the documented picture, which must be accepted, and return the wamid."""
        status, answer = await self.send_image(to=to, id=DOCUMENTED_MEDIA)
        assert status == 200, answer
        wamid = answer["messages"][0]["id"]
        assert isinstance(wamid, str)
        return wamid

    async def wait(self, event: str, **search: str) -> list[Any]:
        """Return what the wait call found; it must find enough in time."""
        status, answer = await self.control("GET", "/wait", params={"event": event, **search})
        assert status == 200, answer
        items = answer["items"]
        assert isinstance(items, list)
        return items

    async def line(self, answer: Any) -> Any:
        """Return the ledger's line of the send that was answered so."""
        wamid = answer["messages"][0]["id"]
        (line,) = [item for item in await self.ledger() if item["wamid"] == wamid]
        return line

    async def ledger(self) -> list[Any]:
        """Return every accepted send."""
        _, answer = await self.control("GET", "/ledger", params={"limit": "10000"})
        items = answer["items"]
        assert isinstance(items, list)
        return items

    async def deliveries(self, **query: str) -> list[Any]:
        """Return the log of webhooks, the newest first."""
        status, answer = await self.control("GET", "/deliveries", params=query)
        assert status == 200, answer
        items = answer["items"]
        assert isinstance(items, list)
        return items

    async def kill(self) -> None:
        """End the program as a power cut would."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """End the program as an operator would and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


@contextlib.asynccontextmanager
async def running(*arguments: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[SandboxProgram]:
    """Start a sandbox on a free port and stop it at the end."""
    words, settings = ["sandbox", "--json", *arguments], PLAIN | dict(environment or {})
    async with heard(words, environment=settings) as (process, lines):
        line = await asyncio.wait_for(lines.readline(), PATIENCE_S)
        ready = msgspec.json.decode(line, type=Ready)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            yield SandboxProgram(process, ready, session)


def form_of(data: bytes, mime_type: str = "image/jpeg") -> aiohttp.FormData:
    """Return the form of an upload."""
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("file", io.BytesIO(data), filename="picture", content_type=mime_type)
    return form


def telling(receiver: "Receiver", *arguments: str) -> contextlib.AbstractAsyncContextManager[SandboxProgram]:
    """Start a sandbox whose webhooks go to `receiver`."""
    return running(*arguments, "--callback", receiver.url, "--verify-token", receiver.verify_token)


class Call(NamedTuple):
    """One webhook as it arrived."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The whole body."""
        return json.loads(self.body)

    @property
    def value(self) -> Any:
        """The first change's value."""
        return self.document["entry"][0]["changes"][0]["value"]


class Receiver:
    """A real receiver of webhooks that shakes hands by its token.

    It answers 200, or what `answers` says next, and keeps the next call waiting for each gate in `gates`.
    """

    def __init__(self, verify_token: str) -> None:
        self.verify_token = verify_token
        self.calls: list[Call] = []
        self.answers: deque[int] = deque()
        self.gates: deque[asyncio.Event] = deque()
        self.url = ""
        self._came = asyncio.Condition()

    async def until(self, count: int, *, kind: str = "statuses") -> Sequence[Call]:
        """Return the webhooks that carry `kind` once there are `count` of them."""
        async with asyncio.timeout(PATIENCE_S), self._came:
            await self._came.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: str) -> list[Call]:
        """Return the webhooks that carry statuses or messages."""
        return [call for call in self.calls if kind in call.value]

    def updates(self) -> list[tuple[str, str]]:
        """Return (wamid, status) of every status in the order in which they came, whatever they travelled in."""
        changes = [change for call in self.calls for change in json.loads(call.body)["entry"][0]["changes"]]
        return [(one["id"], one["status"]) for change in changes for one in change["value"].get("statuses", [])]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self._came:
            self.calls.append(Call(dict(request.headers), body))
            self._came.notify_all()
        if self.gates:
            await self.gates.popleft().wait()
        return web.Response(status=self.answers.popleft() if self.answers else 200)

    async def _shake(self, request: web.Request) -> web.Response:
        if request.query.get("hub.verify_token") != self.verify_token:
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])

    @contextlib.asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator["Receiver"]:
        """Listen while the context is open."""
        app = web.Application()
        app.add_routes([web.post("/hook", self._take), web.get("/hook", self._shake)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        try:
            yield self
        finally:
            await runner.cleanup()
