"""A customer's phone as tests hold it: the page of a running sandbox, and the business on the other side.

phone = Handset(window, shop).hold(stranger())
phone.say("Hello")
wamid = business(shop).send(phone.person, text="Hello to you")
"""

import io
import itertools
import json
from dataclasses import dataclass
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Window

from picha.testing import Sandbox
from picha.testing.wire import call

_STRANGERS = itertools.count(255_710_000_000)


def stranger() -> str:
    """Return a phone number that nobody in this run has yet."""
    return str(next(_STRANGERS))


def send(sandbox: Sandbox, to: str, *, number: int = 0, **message: Any) -> tuple[int, Any]:
    """Send a message as the business; the photo of the sandbox by link where there is no other content."""
    content = message or {"image": {"link": sandbox.photo_url, "caption": "This one?"}}
    kind = next(name for name in ("image", "text") if name in content)
    sender = sandbox.numbers[number]
    body = {"messaging_product": "whatsapp", "to": to, "type": kind, **content}
    url = f"{sandbox.base_url}/v24.0/{sender.phone_number_id}/messages"
    status, answer = call("POST", url, body=json.dumps(body).encode(), token=sender.access_token)
    return status, json.loads(answer)


def sent(sandbox: Sandbox, to: str, *, number: int = 0, **message: Any) -> str:
    """Send a message that is accepted, and return its wamid."""
    status, answer = send(sandbox, to, number=number, **message)
    assert status == 200, answer
    wamid: str = answer["messages"][0]["id"]
    return wamid


def written(sandbox: Sandbox, person: str, **message: Any) -> str:
    """Write as a person who does not use the page, a text if nothing else is said, and return the wamid."""
    body = {"from": person} | ({"type": "text", "text": "Hello"} | message if "type" not in message else message)
    message_id: str = sandbox.control("POST", "/inbound", body)["message_id"]
    return message_id


def drawn(kind: str = "JPEG", *, shade: int = 90, size: tuple[int, int] = (320, 240)) -> bytes:
    """Draw a small picture; another shade makes other bytes."""
    out = io.BytesIO()
    Image.new("RGB", size, (shade, 140, 120)).save(out, kind)
    return out.getvalue()


@dataclass
class Handset:
    """The page, in whichever window, on one sandbox."""

    window: Window
    sandbox: Sandbox
    person: str = ""

    @property
    def page(self) -> Page:
        """The page itself, for what no member here is for."""
        return self.window.page

    def hold(self, person: str, *, number: int = 0) -> "Handset":
        """Open the page as this person's phone, live."""
        self.person = person
        self.page.goto(f"{self.sandbox.base_url}/handset#{person}/{self.sandbox.numbers[number].phone_number_id}")
        expect(self.page.get_by_text("Live", exact=True)).to_be_visible()
        return self

    @property
    def bubbles(self) -> Locator:
        """Every message in the open conversation."""
        return self.page.locator(".message")

    def bubble(self, text: str) -> Locator:
        """Return the message with this text."""
        return self.bubbles.filter(has_text=text)

    def say(self, text: str) -> None:
        """Type a text and send it."""
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.keyboard.press("Enter")

    def choose(self, button: str, entry: str, *, within: Locator | None = None) -> None:
        """Open a menu and take one of its entries."""
        place = within or self.page
        if within is not None:
            within.hover()
        place.get_by_role("button", name=button).click()
        self.page.get_by_role("menuitem", name=entry).click()

    def pick(self, *pictures: bytes, kind: str = "image/jpeg") -> None:
        """Choose pictures from the disk."""
        files = [{"name": f"{n}.jpg", "mimeType": kind, "buffer": data} for n, data in enumerate(pictures)]
        self.page.get_by_label("Pictures from this device").set_input_files(files)  # type: ignore[arg-type]

    def view(self, name: str) -> Locator:
        """Open what stands beside the phone, and return it."""
        tab = self.page.get_by_role("navigation", name="Views").get_by_role("button", name=name)
        if tab.is_visible():
            tab.click()
        titles = {"Time": "clock", "Break": "trouble", "Webhooks": "webhooks", "Ledger": "ledger"}
        return self.page.locator(f"#{titles[name]}")

    def conversation(self) -> list[Any]:
        """Return what the sandbox knows of the conversation."""
        return list(self.sandbox.conversation(self.person))

    def status(self, wamid: str) -> str | None:
        """Return how far a send has come."""
        return next((one.status for one in self.conversation() if one.message_id == wamid), None)
