"""Takes the screenshots of docs/images in the machine's Chromium, of a household raised for them.

`python -m tools.screenshots [NAME ...]` takes those that are named, or all. A new one is a function in `SHOTS` that
brings a page to where it shall be seen.
"""

import functools
import io
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.journeys.running import House, raised

FOLDER = Path(__file__).parent.parent / "docs" / "images"
_MAX_BYTES = 200_000
_SIZE = {"width": 1280, "height": 860}
_CUSTOMER = "255712345678"
# Whether all pictures that one sees have come.
_PICTURES_STAND = """() => [...document.images].every((picture) => {
    const { top, bottom, height } = picture.getBoundingClientRect();
    return !height || bottom < 0 || top > innerHeight || (picture.complete && picture.naturalWidth > 0);
})"""


def handset(page: Page, house: House) -> None:
    """A customer asks for a plant and is answered with a picture; the webhooks stand beside the phone."""
    control = f"{house.ready.sandbox_url}/_sandbox"
    inbox = f"{house.ready.api_url}/v1/whatsapp/messages"
    key = {"X-API-Key": house.ready.api_key}
    page.goto(f"{house.ready.handset_url}#{_CUSTOMER}/{house.ready.phone_number_id}")
    asked = {"from": _CUSTOMER, "name": "Asha Mwakyusa", "type": "text"}
    _post(f"{control}/inbound", asked | {"text": "Habari! Do you have a small succulent, for a window sill?"})
    shown = page.locator(".message")
    expect(shown).to_have_count(1)
    picture = {"to": _CUSTOMER, "media_url": f"{control}/photo.jpg", "caption": "This one, in a clay pot. 18,000 TZS."}
    _post(f"{inbox}/image", picture, key)
    expect(shown).to_have_count(2)
    offered = shown.last.get_attribute("data-id")
    _post(f"{control}/inbound", asked | {"text": "I take it! Can you deliver tomorrow?", "reply_to": offered})
    expect(shown).to_have_count(3)
    expect(page.locator(".picture img")).to_have_js_property("naturalWidth", 1024)
    expect(page.locator("#webhooks")).to_contain_text("read")


def inbox_list(page: Page, house: House) -> None:
    """The conversations of a busy morning."""
    _signed_in(page, house)
    page.goto(house.ready.inbox_url)
    for _, name, _ in _SAID:
        expect(page.locator(".thread-row", has_text=name)).to_be_visible()
    expect(page.locator("html[data-live=yes]")).to_be_attached()


def inbox_thread(page: Page, house: House) -> None:
    """A thread with pictures of both sides, beside the list."""
    _signed_in(page, house)
    page.goto(house.ready.inbox_url)
    page.locator(".thread-row", has_text="Neema").click()
    # A picture is shown in full once somebody is there.
    page.mouse.move(800, 400)
    expect(page.locator(".msg")).to_have_count(4)
    expect(page.locator(".msg img").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def inbox_composer(page: Page, house: House) -> None:
    """Two pictures that are about to be sent, and what becomes of them."""
    inbox_thread(page, house)
    large, odd = _drawn(2600, 1900, "PNG", 90), _drawn(900, 700, "WEBP", 200)
    files: Any = [
        {"name": "till.png", "mimeType": "image/png", "buffer": large},
        {"name": "pot.webp", "mimeType": "image/webp", "buffer": odd},
    ]
    page.locator("#composer-file").set_input_files(files)
    expect(page.locator(".attached[data-state=ready]")).to_have_count(2, timeout=20_000)
    page.locator(".attached").first.get_by_label("Caption").fill("Your receipt. Asante!")


def inbox_story(page: Page, house: House) -> None:
    """What happened to one message, step by step."""
    inbox_thread(page, house)
    page.locator(".msg.is-mine [data-does=story]").last.click()
    expect(page.locator("#story .story-line").last).to_be_visible()


SHOTS: Mapping[str, Callable[[Page, House], None]] = {
    "handset": handset,
    "inbox-list": inbox_list,
    "inbox-thread": inbox_thread,
    "inbox-composer": inbox_composer,
    "inbox-story": inbox_story,
}

_SAID = (
    ("255754000111", "Juma Kessy", "Asante sana, it came in one piece!"),
    ("255754000222", "Grace Achieng", "What does the big one cost?"),
    ("4915112345678", "Lena Vogt", "Is the shop open on Saturday?"),
    ("255754000333", "Baraka Mushi", "I sent the money just now."),
)


def _morning(house: House) -> None:
    """Let some people write, one of whom is answered with pictures."""
    control, key = f"{house.ready.sandbox_url}/_sandbox", {"X-API-Key": house.ready.api_key}
    for number, name, text in _SAID:
        _post(f"{control}/inbound", {"from": number, "name": name, "type": "text", "text": text})
    neema: dict[str, Any] = {"from": "255754000444", "name": "Neema Swai"}
    _post(f"{control}/inbound", neema | {"type": "text", "text": "Habari! Is this one still to be had?"})
    photo = {"image_url": f"{control}/photo.jpg", "caption": "I saw it in your window"}
    _post(f"{control}/inbound", neema | photo)
    messages = f"{house.ready.api_url}/v1/whatsapp/messages"
    to = {"to": neema["from"]}
    _until_told(lambda: _post(f"{messages}/text", to | {"body": "It is. 18,000 TZS, with the pot."}, key))
    receipt = to | {"media_url": f"{control}/receipt.jpg", "caption": "Paid, thank you. It is kept for you until six."}
    _post(f"{messages}/image", receipt, key)


def _until_told(ask: Callable[[], None]) -> None:
    """Ask again and again until it is not refused: what customers say takes a moment."""
    for _ in range(50):
        with suppress(HTTPError):
            ask()
            return
        time.sleep(0.1)
    ask()


def _signed_in(page: Page, house: House) -> None:
    page.context.add_cookies(_cookies(page, house))


@functools.cache
def _cookies_of(house: House, browser: Browser) -> Any:
    """Return the cookies of the first admin, for whom the printed link was followed."""
    page = browser.new_context().new_page()
    page.goto(house.ready.sign_in_url)
    page.get_by_label("password").fill("a password for the pictures")
    page.get_by_role("button", name="Set password and open").click()
    page.wait_for_url(house.ready.inbox_url)
    return page.context.cookies()


def _cookies(page: Page, house: House) -> Any:
    browser = page.context.browser
    if browser is None:
        raise LookupError("a page without a browser")
    return _cookies_of(house, browser)


def _drawn(width: int, height: int, kind: str, shade: int) -> bytes:
    """Return a picture whose colours run into one another."""
    across, down = Image.linear_gradient("L").rotate(90), Image.linear_gradient("L")
    whole = Image.merge("RGB", (across, down, Image.new("L", (256, 256), shade))).resize((width, height))
    out = io.BytesIO()
    whole.save(out, kind)
    return out.getvalue()


def _post(url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
    named = {"Content-Type": "application/json", **(headers or {})}
    request = Request(url, json.dumps(body).encode(), named)  # noqa: S310 - the household that was raised for this
    with urlopen(request) as answer:  # noqa: S310 - as above
        answer.read()


def _kept(png: bytes) -> bytes:
    """Return the same picture with 256 colours, which halves its size and shows no difference on a page."""
    out = io.BytesIO()
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    whole.quantize(palette=whole.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(out, "PNG", optimize=True)
    if out.tell() > _MAX_BYTES:
        raise ValueError(f"a screenshot of {out.tell():,} bytes is too large for the repository")
    return out.getvalue()


def main(names: list[str]) -> None:
    """Take the screenshots that are named, or all, and write them."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        TemporaryDirectory() as folder,
        raised(Path(folder) / "home") as house,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        _morning(house)
        for name in names or SHOTS:
            page = browser.new_context(viewport=_SIZE, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
            SHOTS[name](page, house)
            page.wait_for_function(_PICTURES_STAND)
            (FOLDER / f"{name}.png").write_bytes(_kept(page.screenshot()))
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
