"""What the demo does: start everything, play customer and shop, check every promise, tell the story, stop."""

import asyncio
import hashlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from rich.console import Console

from picha.cli.shopfront import FALSE, GOOD, open_shopfront
from picha.cli.story import CUSTOMER, SHOP, Event, short, tell
from picha.cli.welcome import CUSTOMER as PHONE
from picha.cli.welcome import Ready
from picha.images.probe import probe
from picha.images.receipt import draw_receipt
from picha.images.snapshot import draw_photo
from picha.kit.clock import Clock, SystemClock
from picha.kit.launch import tied

T = TypeVar("T")
_PATIENCE_S = 20.0
_START_S = 60.0
_LOOK_S = 0.02
_STRANGER = "255700000001"
_ACCEPTED, _CREATED, _REFUSED = 202, 201, 422


class DemoFailedError(Exception):
    """Something was not as promised; the text says what."""


class Stage:
    """A running product, as the demo's shop and its customer see it."""

    def __init__(self, ready: Ready, session: aiohttp.ClientSession, console: Console, clock: Clock) -> None:
        self.ready, self.session, self.console, self.clock = ready, session, console, clock
        self.events: list[Event] = []

    async def call(self, method: str, path: str, **request: Any) -> tuple[int, Any]:
        """Call the gateway with the key, or any whole URL without it."""
        is_ours = path.startswith("/")
        headers = {"X-API-Key": self.ready.api_key} if is_ours else {}
        url = self.ready.api_url + path if is_ours else path
        async with self.session.request(method, url, headers=headers, **request) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def until(self, what: str, look: Callable[[], Awaitable[T | None]]) -> T:
        """Look until there is something to see."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while (seen := await look()) is None:  # noqa: ASYNC110 - the API is asked, nothing here is awaited
                    await asyncio.sleep(_LOOK_S)
                return seen
        except TimeoutError:
            raise DemoFailedError(f"{what} did not happen within {_PATIENCE_S:.0f} s.") from None

    def done(self, text: str) -> None:
        """Say that a step was as promised."""
        self.console.print(f"[green]✓[/green] {text}")


def promise(*, kept: bool, otherwise: str) -> None:
    """Stop the demo unless a promise was kept."""
    if not kept:
        raise DemoFailedError(otherwise)


async def perform(console: Console, home: Path, image: Path | None) -> list[Event]:
    """Run the whole demo with its data in `home`, and return its story.

    Raises:
        DemoFailedError: a step was not as promised, or the picture in `image` may not go out.
    """
    clock = SystemClock()
    begun = clock.monotonic()
    given = _given(image)
    console.print("Starting PostgreSQL, a sandbox that stands in for WhatsApp, the API and a worker ...")
    drawing = asyncio.create_task(asyncio.to_thread(_pictures, given))
    async with _running(home) as ready, aiohttp.ClientSession(trust_env=False) as session:
        stage = Stage(ready, session, console, clock)
        photo, answer = await drawing
        stage.done(f"Everything is up after {clock.monotonic() - begun:.1f} s.")
        with open_shopfront(answer, probe(answer).mime_type or "image/jpeg") as shop:
            await _customer_writes(stage, photo)
            sent = [await _by_file(stage, answer), await _by_url(stage, shop)]
            refused = await _refusals(stage, shop)
            await _both_read(stage, sent)
            await _false_picture_fails(stage, refused)
        await _list_shows_both(stage)
        kept = _keep_pictures(home, photo, answer)
    console.print()
    tell(console, stage.events)
    console.print(
        f"\nPictures: {kept}\nData and logs: {home}\nIt took {clock.monotonic() - begun:.1f} s, and nothing is left "
        "running. Next: `make up` starts the same and stays.",
        markup=False,
        soft_wrap=True,
    )
    return stage.events


def _given(image: Path | None) -> bytes | None:
    try:
        return image.read_bytes() if image else None
    except OSError as problem:
        raise DemoFailedError(f"{image} cannot be read: {problem.strerror}.") from problem


def _pictures(given: bytes | None) -> tuple[bytes, bytes]:
    """Return the customer's photo and the shop's answer."""
    lines = [("Echeveria, 12 cm", "18,000"), ("Clay pot", "9,500"), ("Cactus soil, 2 l", "4,000")]
    receipt = given or draw_receipt(
        title="Duka la Maua", lines=lines, total="TSh 31,500", when="31 Jan 2026 12:04", number="000417"
    )
    return draw_photo(), receipt


@asynccontextmanager
async def _running(home: Path) -> AsyncIterator[Ready]:
    """Run `picha up` on free ports; it ends with this program, however that ends."""
    command = tied(
        [sys.executable, "-P", "-m", "picha.cli", "up", "--home", str(home), *_FREE_PORTS], on_death=signal.SIGTERM
    )
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both were asked for")
    try:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_S)
        except TimeoutError:
            raise DemoFailedError(f"`picha up` was not ready within {_START_S:.0f} s.") from None
        if not line:
            raise DemoFailedError((await process.stderr.read()).decode(errors="replace").strip() or "it did not start.")
        yield msgspec.json.decode(line, type=Ready)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()


_FREE_PORTS = ("--port", "0", "--sandbox-port", "0", "--json")


async def _customer_writes(stage: Stage, photo: bytes) -> None:
    """Let the customer send a photo, and check that all of it arrived."""
    stage.console.print(f"\nA customer (…{PHONE[-4:]}) sends a photo, and asks: Do you still have this one?")
    at = stage.clock.now()
    spoken = {
        "from": PHONE,
        "name": "Sheena Nelson",
        "caption": "Do you still have this one?",
        "image_base64": _base64(photo),
    }
    status, said = await stage.call("POST", f"{stage.ready.sandbox_url}/_sandbox/inbound", json=spoken)
    promise(kept=status < _REFUSED, otherwise=f"the sandbox refused the customer's photo: {said}")

    async def arrived() -> Any:
        _, page = await stage.call("GET", "/v1/whatsapp/messages?direction=inbound")
        mine = [one for one in page["data"]["items"] if one["provider_message_id"] == said["message_id"]]
        return mine[0] if mine and mine[0]["content"]["state"] != "pending" else None

    message = await stage.until("The customer's photo arriving", arrived)
    stored_at = stage.clock.now()
    content = message["content"]
    async with stage.session.get(content["url"]) as answer:
        served = await answer.read()
    digests = {content["sha256"], hashlib.sha256(photo).hexdigest(), hashlib.sha256(served).hexdigest()}
    promise(
        kept=content["state"] == "stored" and len(digests) == 1,
        otherwise=f"the photo that was stored ({content['state']}) is not the one that was sent.",
    )
    received_at = _moment(message["created_at"])
    stage.events += [
        Event(at, CUSTOMER, "photo", said["message_id"], "Sends a photo with a caption"),
        Event(received_at, CUSTOMER, "photo", said["message_id"], "Webhook verified and kept", since=at),
        Event(stored_at, CUSTOMER, "photo", said["message_id"], "Fetched, SHA-256 checked, stored", since=received_at),
    ]
    _, thread = await stage.call("GET", f"/v1/whatsapp/conversations/{message['conversation_id']}")
    promise(kept=thread["data"]["window"]["open"], otherwise="the customer wrote, but the window is not open.")
    stage.done(
        f"{content['width']}x{content['height']} {content['mime_type']}, {content['size_bytes']:,} bytes, "
        "SHA-256 as announced; the 24-hour window is open."
    )


async def _by_file(stage: Stage, picture: bytes) -> str:
    """Answer with an uploaded picture."""
    stage.console.print("\nThe shop answers with a picture: once uploaded to Picha, once by its address.")
    form = aiohttp.FormData()
    form.add_field("file", picture, filename="receipt.jpg", content_type="application/octet-stream")
    status, answer = await stage.call("POST", "/v1/whatsapp/media", data=form)
    promise(kept=status == _CREATED, otherwise=f"The picture was refused. {_sentence(answer)}")
    return await _send(stage, "file_id", file_id=answer["data"]["file_id"], caption="We do. Here is your receipt.")


async def _by_url(stage: Stage, shop: str) -> str:
    return await _send(stage, "media_url", media_url=shop + GOOD, caption="And the same by link.")


async def _send(stage: Stage, name: str, **body: str) -> str:
    at = stage.clock.now()
    status, answer = await stage.call("POST", "/v1/whatsapp/messages/image", json={"to": PHONE, **body})
    promise(kept=status == _ACCEPTED, otherwise=f"a send was refused. {_sentence(answer)}")
    message: str = answer["data"]["message_id"]
    stage.events.append(Event(at, SHOP, name, message, "Sends a picture"))
    stage.done(f"202 pending for message {short(message)} ({name}).")
    return message


async def _refusals(stage: Stage, shop: str) -> str:
    """Send what must be refused at once, and what must fail later; return the latter's id."""
    stage.console.print("\nThe shop tries what cannot work: a stranger, and text that calls itself a picture.")
    at = stage.clock.now()
    body = {"to": _STRANGER, "media_url": shop + GOOD}
    status, answer = await stage.call("POST", "/v1/whatsapp/messages/image", json=body)
    code = (answer["errors"] or [{}])[0].get("code")
    promise(kept=(status, code) == (_REFUSED, "WINDOW_CLOSED"), otherwise=f"a stranger could be written to: {answer}")
    request: str = answer["request_id"]
    refused = Event(stage.clock.now(), SHOP, "stranger", request, "Refused, 422 WINDOW_CLOSED", since=at, is_bad=True)
    stage.events += [Event(at, SHOP, "stranger", request, "Sends a picture"), refused]
    stage.done(f"422 WINDOW_CLOSED. {_sentence(answer)}")
    return await _send(stage, "text as .jpg", media_url=shop + FALSE)


async def _both_read(stage: Stage, messages: list[str]) -> None:
    for message in messages:
        shown = await stage.until("A picture being read", partial(_becomes, stage, message, "read"))
        promise(kept=shown["provider_message_id"] is not None, otherwise="a message was read that WhatsApp never took.")
        await _tell_story(stage, message)
    stage.done("Both pictures were sent, delivered and read.")


async def _false_picture_fails(stage: Stage, message: str) -> None:
    shown = await stage.until("The false picture failing", partial(_becomes, stage, message, "failed"))
    promise(kept=shown["error_code"] == "131053", otherwise=f"the false picture failed with {shown['error_code']}.")
    await _tell_story(stage, message)
    stage.done(f"131053. {shown['error_detail']}")


async def _becomes(stage: Stage, message: str, status: str) -> Any:
    _, answer = await stage.call("GET", f"/v1/whatsapp/messages/{message}")
    shown = answer["data"]
    if shown["status"] == "failed" != status:
        raise DemoFailedError(f"a send failed with {shown['error_code']}: {shown['error_detail']}")
    return shown if shown["status"] == status else None


async def _tell_story(stage: Stage, message: str) -> None:
    """Add what the API tells of a message's life; each step is measured from the one before."""
    _, answer = await stage.call("GET", f"/v1/whatsapp/messages/{message}/timeline")
    first = next(event for event in stage.events if event.id == message)
    since = first.at
    for item in answer["data"]["items"]:
        at = _moment(item["at"])
        is_bad = item["code"] is not None
        what = f"Failed, {item['code']}" if is_bad else item["text"]
        stage.events.append(Event(at, SHOP, first.name, message, what, since=since, is_bad=is_bad))
        since = at


async def _list_shows_both(stage: Stage) -> None:
    _, page = await stage.call("GET", "/v1/whatsapp/messages")
    ways = {item["is_outbound"] for item in page["data"]["items"]}
    promise(kept=ways == {True, False}, otherwise="the list of messages does not show both directions.")
    stage.done(f"GET /v1/whatsapp/messages lists {page['data']['total']} messages, of both directions.")


def _keep_pictures(home: Path, photo: bytes, answer: bytes) -> Path:
    folder = home / "pictures"
    folder.mkdir(exist_ok=True)
    (folder / "received.jpg").write_bytes(photo)
    (folder / ("sent." + (probe(answer).kind or "bin"))).write_bytes(answer)
    return folder


def _sentence(answer: Any) -> str:
    return str((answer.get("errors") or [{"message": answer}])[0]["message"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _base64(data: bytes) -> str:
    return msgspec.json.decode(msgspec.json.encode(data), type=str)
