"""What the demo does: start everything, play customer and shop, check every promise, tell the story, stop."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console

from picha.cli.shopfront import FALSE, GOOD, open_shopfront
from picha.cli.stage import DemoFailedError, Stage, done, promise, running, sentence
from picha.cli.story import CUSTOMER, SHOP, Event, short, tell
from picha.images.probe import probe
from picha.images.receipt import draw_receipt
from picha.images.snapshot import photo
from picha.kit.clock import SystemClock

# Not the person whom the sandbox lets write at its first start: what opens this window is the demo's own photo.
_PHONE, _NAME, _QUESTION = "255712345678", "Asha Juma", "Do you still have this one?"
_STRANGER = "255700000001"
_WINDOW, _TOLERANCE = timedelta(hours=24), timedelta(minutes=1)
_OK, _CREATED, _ACCEPTED, _REFUSED = 200, 201, 202, 422
_LEDGER = "/_sandbox/ledger?limit=10000"


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
    async with running(home) as ready, aiohttp.ClientSession(trust_env=False) as session:
        stage = Stage(ready, session, console, clock)
        photo, answer = await drawing
        stage.done(f"Everything is up after {clock.monotonic() - begun:.1f} s.")
        received, sent = await _play(stage, photo, answer)
    done(console, "Everything is stopped again; nothing is left running.")
    kept = _keep_pictures(home, received, sent)
    console.print()
    tell(console, stage.events)
    _close(console, home, kept, clock.monotonic() - begun)
    return stage.events


async def _play(stage: Stage, photo: bytes, answer: bytes) -> tuple[bytes, bytes]:
    """Play all acts and return the customer's photo and the shop's answer as the gateway serves them."""
    taken_before = len(await _ledger(stage))
    message, received = await _customer_writes(stage, photo)
    with open_shopfront(answer, probe(answer).mime_type or "image/jpeg") as shop:
        file = await _upload(stage, answer)
        sent = [await _by_file(stage, file), await _by_url(stage, shop)]
        false = await _refusals(stage, shop)
        wamids = [await _is_read(stage, one) for one in sent]
        await _false_picture_fails(stage, false)
    await _reached_whatsapp_once(stage, wamids, file["sha256"], taken_before)
    await _list_shows_both(stage, message, [*sent, false])
    shown = await stage.read(f"/v1/whatsapp/messages/{sent[0]}")
    return received, await stage.fetch(shown["content"]["url"])


def _given(image: Path | None) -> bytes | None:
    try:
        return image.read_bytes() if image else None
    except OSError as problem:
        raise DemoFailedError(f"{image} cannot be read: {problem.strerror}.") from problem


def _pictures(given: bytes | None) -> tuple[bytes, bytes]:
    """Return the customer's photo and the shop's answer."""
    if given is not None:
        return photo(), given
    lines = [("Echeveria, 12 cm", "18,000"), ("Clay pot", "9,500"), ("Cactus soil, 2 l", "4,000")]
    receipt = draw_receipt(
        title="Duka la Maua", lines=lines, total="TSh 31,500", when="31 Jan 2026 12:04", number="000417"
    )
    return photo(), receipt


async def _ledger(stage: Stage) -> list[Any]:
    """Return what the sandbox, in WhatsApp's place, has accepted so far."""
    status, page = await stage.call("GET", stage.ready.sandbox_url + _LEDGER)
    promise(kept=status == _OK, otherwise=f"the sandbox does not show its ledger: {page}")
    items: list[Any] = page["items"]
    return items


async def _customer_writes(stage: Stage, photo: bytes) -> tuple[Any, bytes]:
    """Let the customer send a photo, check that all of it arrived, and return the message and the bytes served."""
    stage.console.print(f"\nA customer (…{_PHONE[-4:]}) sends a photo, and asks: {_QUESTION}")
    at = stage.clock.now()
    spoken = {"from": _PHONE, "name": _NAME, "caption": _QUESTION, "image_base64": _base64(photo)}
    status, said = await stage.call("POST", f"{stage.ready.sandbox_url}/_sandbox/inbound", json=spoken)
    promise(kept=status == _OK, otherwise=f"the sandbox refused the customer's photo: {said}")
    wamid = said["message_id"]
    message = await stage.until("The customer's photo arriving", partial(_arrived, stage, wamid))
    stored_at, content = stage.clock.now(), message["content"]
    promise(kept=content["state"] == "stored", otherwise=f"the customer's photo is {content['state']}, not stored.")
    promise(kept=content["caption"] == _QUESTION, otherwise="the customer's question is not what was asked.")
    served = await stage.fetch(content["url"])
    digests = {content["sha256"], hashlib.sha256(photo).hexdigest(), hashlib.sha256(served).hexdigest()}
    promise(kept=len(digests) == 1, otherwise="the photo that was stored is not the one that was sent.")
    await _window_is_open(stage, message)
    stage.done(
        f"{content['width']}x{content['height']} {content['mime_type']}, {content['size_bytes']:,} bytes, SHA-256 as "
        "announced; the 24-hour window is open."
    )
    received_at = _moment(message["created_at"])
    stage.events += [
        Event(at, CUSTOMER, "photo", wamid, "Sends a photo with a caption"),
        Event(received_at, CUSTOMER, "photo", wamid, "Webhook verified and kept", since=at),
        Event(stored_at, CUSTOMER, "photo", wamid, "Fetched, SHA-256 checked, stored", since=received_at),
    ]
    return message, served


async def _arrived(stage: Stage, wamid: str) -> Any:
    page = await stage.read("/v1/whatsapp/messages?direction=inbound")
    mine = [one for one in page["items"] if one["provider_message_id"] == wamid]
    return mine[0] if mine and mine[0]["content"]["state"] != "pending" else None


async def _window_is_open(stage: Stage, message: Any) -> None:
    """Check that this very photo opened the window: it ends 24 hours after it."""
    window = (await stage.read(f"/v1/whatsapp/conversations/{message['conversation_id']}"))["window"]
    promise(kept=window["open"] is True, otherwise="the customer wrote, but the window is not open.")
    off = abs(_moment(window["expires_at"]) - _moment(message["created_at"]) - _WINDOW)
    promise(kept=off < _TOLERANCE, otherwise=f"the window ends at {window['expires_at']}, not after 24 hours.")


async def _upload(stage: Stage, picture: bytes) -> Any:
    """Upload the shop's picture and return its facts; say what had to be changed about it."""
    stage.console.print("\nThe shop answers with a picture: once uploaded to Picha, once by its address.")
    form = aiohttp.FormData()
    form.add_field("file", picture, filename="picture", content_type="application/octet-stream")
    status, answer = await stage.call("POST", "/v1/whatsapp/media", data=form)
    promise(kept=status == _CREATED, otherwise=f"the API refused the picture ({status}). {sentence(answer)}")
    file = answer["data"]
    if file["changes"]:
        stage.done(
            f"WhatsApp would not have taken it as it was, or it told too much. Changed: {', '.join(file['changes'])}."
        )
    return file


async def _by_file(stage: Stage, file: Any) -> str:
    return await _send(stage, "file_id", file_id=file["file_id"], caption="We do. Here is your receipt.")


async def _by_url(stage: Stage, shop: str) -> str:
    return await _send(stage, "media_url", media_url=shop + GOOD, caption="And the same by link.")


async def _send(stage: Stage, name: str, **body: str) -> str:
    at = stage.clock.now()
    status, answer = await stage.call("POST", "/v1/whatsapp/messages/image", json={"to": _PHONE, **body})
    promise(kept=status == _ACCEPTED, otherwise=f"a send was refused ({status}). {sentence(answer)}")
    message: str = answer["data"]["message_id"]
    stage.events.append(Event(at, SHOP, name, message, "Sends a picture"))
    stage.done(f"202 {answer['data']['status']} for message {short(message)} ({name}).")
    return message


async def _refusals(stage: Stage, shop: str) -> str:
    """Send what must be refused at once, and what must fail later; return the latter's id."""
    stage.console.print("\nThe shop tries what cannot work: a stranger, and text that calls itself a picture.")
    at = stage.clock.now()
    body = {"to": _STRANGER, "media_url": shop + GOOD}
    status, answer = await stage.call("POST", "/v1/whatsapp/messages/image", json=body)
    code = (answer["errors"] or [{}])[0].get("code")
    promise(
        kept=(status, code) == (_REFUSED, "WINDOW_CLOSED"), otherwise=f"a stranger was not refused: {status} {code}"
    )
    request: str = answer["request_id"]
    refused = Event(stage.clock.now(), SHOP, "stranger", request, "Refused, 422 WINDOW_CLOSED", since=at, is_bad=True)
    stage.events += [Event(at, SHOP, "stranger", request, "Sends a picture"), refused]
    stage.done(f"{status} {code}. {sentence(answer)}")
    return await _send(stage, "text as .jpg", media_url=shop + FALSE)


async def _is_read(stage: Stage, message: str) -> str:
    """Wait until the customer read a picture, and return the id that WhatsApp gave it."""
    shown = await stage.until("A picture being read", partial(_becomes, stage, message, "read"))
    await _tell_story(stage, message)
    return str(shown["provider_message_id"])


async def _false_picture_fails(stage: Stage, message: str) -> None:
    shown = await stage.until("The false picture failing", partial(_becomes, stage, message, "failed"))
    promise(kept=shown["error_code"] == "131053", otherwise=f"the false picture failed with {shown['error_code']}.")
    await _tell_story(stage, message)
    stage.done(f"failed with {shown['error_code']}. {shown['error_detail']}")


async def _becomes(stage: Stage, message: str, status: str) -> Any:
    shown = await stage.read(f"/v1/whatsapp/messages/{message}")
    if shown["status"] == "failed" != status:
        raise DemoFailedError(f"a send failed with {shown['error_code']}: {shown['error_detail']}")
    return shown if shown["status"] == status else None


async def _tell_story(stage: Stage, message: str) -> None:
    """Add what the API tells of a message's life; each step is measured from the one before."""
    items = (await stage.read(f"/v1/whatsapp/messages/{message}/timeline"))["items"]
    promise(kept=bool(items), otherwise="a message has no timeline.")
    first = next(event for event in stage.events if event.id == message)
    since = first.at
    for item in items:
        at, is_bad = _moment(item["at"]), item["code"] is not None
        what = f"Failed, {item['code']}" if is_bad else item["text"]
        stage.events.append(Event(at, SHOP, first.name, message, what, since=since, is_bad=is_bad))
        since = at


async def _reached_whatsapp_once(stage: Stage, wamids: Sequence[str], sha256: str, taken_before: int) -> None:
    """Check with WhatsApp's side that it took the two answers, each once and byte for byte, and nothing else."""
    taken = (await _ledger(stage))[taken_before:]
    promise(
        kept=sorted(one["wamid"] for one in taken) == sorted(wamids),
        otherwise=f"WhatsApp should have taken the two pictures once each, but took {len(taken)} messages.",
    )
    promise(
        kept={one["sha256"] for one in taken} == {sha256},
        otherwise="what reached WhatsApp is not, byte for byte, what the upload said.",
    )
    stage.console.print("\nThe end of it, seen from both sides.")
    stage.done("Both pictures were sent, delivered and read. WhatsApp took each once, byte for byte, and nothing else.")


async def _list_shows_both(stage: Stage, message: Any, sent: Sequence[str]) -> None:
    items = (await stage.read(f"/v1/whatsapp/messages?conversation_id={message['conversation_id']}"))["items"]
    statuses = {one["id"]: one["status"] for one in items if one["is_outbound"]}
    ways = [message["id"] in {one["id"] for one in items if not one["is_outbound"]}, set(sent) <= statuses.keys()]
    promise(kept=all(ways), otherwise="the list of messages does not show both directions.")
    told = ", ".join(statuses[one] for one in sent)
    stage.done(f"GET /v1/whatsapp/messages lists both directions: the photo in, and three answers out ({told}).")


def _keep_pictures(home: Path, received: bytes, sent: bytes) -> list[Path]:
    folder = home / "pictures"
    folder.mkdir(exist_ok=True)
    ending = {"image/jpeg": ".jpg", "image/png": ".png"}.get(probe(sent).mime_type or "", "")
    kept = [folder / "received.jpg", folder / f"sent{ending}"]
    for path, picture in zip(kept, (received, sent), strict=True):
        path.write_bytes(picture)
    return kept


def _close(console: Console, home: Path, kept: Sequence[Path], seconds: float) -> None:
    """Say where everything lies and what to do next."""
    console.print()
    for name, value in (
        ("The photo", kept[0]),
        ("The answer", kept[1]),
        ("Logs", home / "logs"),
        ("Data", home),
    ):
        console.print(f"{name:<11} {value}", markup=False, soft_wrap=True)
    console.print(f"\nIt took {seconds:.1f} s. Next: `make up` starts the same and stays.", markup=False)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _base64(data: bytes) -> str:
    return msgspec.json.decode(msgspec.json.encode(data), type=str)
