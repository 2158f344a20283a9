"""Takes the screenshots of docs/images in the machine's Chromium, of a household raised for them.

`python -m tools.screenshots [NAME ...]` takes those that are named, or all. A new one is a function in `SHOTS` that
brings a page to where it shall be seen.
"""

import io
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from tests.journeys.running import House, raised

FOLDER = Path(__file__).parent.parent / "docs" / "images"
_MAX_BYTES = 200_000
_SIZE = {"width": 1280, "height": 860}
_CUSTOMER = "255712345678"


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


SHOTS: Mapping[str, Callable[[Page, House], None]] = {"handset": handset}


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
        for name in names or SHOTS:
            page = browser.new_context(viewport=_SIZE, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
            SHOTS[name](page, house)
            (FOLDER / f"{name}.png").write_bytes(_kept(page.screenshot()))
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
