"""How the tests of pages let customers write and ask the gateway's API: without a loop, beside the browser's own."""

import base64
import io
import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

from PIL import Image, ImageDraw
from tests.journeys.running import House

T = TypeVar("T")
_STRANGERS = itertools.count(255_765_000_001)


def stranger() -> str:
    """Return a number that nobody has yet."""
    return str(next(_STRANGERS))


def photo(shade: int = 90, *, size: tuple[int, int] = (600, 800)) -> str:
    """Draw a photo, in base64; another `shade` makes another."""
    image = Image.new("RGB", size, (shade % 256, 120, 200))
    ImageDraw.Draw(image).ellipse((40, 40, size[0] - 40, size[1] - 40), fill=(250, shade % 256, 90))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def writes(house: House, customer: str, **spoken: Any) -> str:
    """Let a customer write, a photo unless said otherwise; return the wamid."""
    told = _asked(f"{house.ready.sandbox_url}/_sandbox/inbound", {"from": customer, **spoken})
    wamid: str = told["message_id"]
    return wamid


def control(house: House, path: str, body: Any) -> Any:
    """Call the sandbox's control API; it must not refuse."""
    return _asked(f"{house.ready.sandbox_url}/_sandbox{path}", body)


def api(house: House, method: str, path: str, body: Any = None) -> Any:
    """Call the gateway's API with the house's key; it must not refuse."""
    told = _asked(house.ready.api_url + path, body, method=method, key=house.ready.api_key)
    return told.get("data", told) if isinstance(told, dict) else told


def until(look: Callable[[], T | None], within_s: float = 20.0) -> T:
    """Look again and again until there is something to see, and return it."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)
    return seen


def thread_of(house: House, customer: str) -> str:
    """Return the id of a customer's conversation, once there is one."""

    def look() -> str | None:
        found = api(house, "GET", f"/v1/whatsapp/conversations?recipient={customer}")["items"]
        return found[0]["id"] if found else None

    return until(look)


def heard(house: House, wamid: str) -> Any:
    """Return the message that a customer wrote, once the gateway has all of it."""

    def look() -> Any:
        items = api(house, "GET", "/v1/whatsapp/messages?direction=inbound")["items"]
        return next((m for m in items if m["message_id"] == wamid and m["content"]["state"] != "pending"), None)

    return until(look)


def picha(house: House, *words: str) -> str:
    """Run a command about the house, and return what it prints."""
    command = [sys.executable, "-m", "picha.cli", *words, "--home", str(house.home)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _asked(url: str, body: Any, *, method: str = "POST", key: str = "") -> Any:
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20) as answer:
        return json.load(answer)
