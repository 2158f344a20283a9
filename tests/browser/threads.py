"""How the tests of threads fill one: what both sides said, trouble on the way, and time that passed."""

import asyncio
import json
import threading
import urllib.request
from typing import Any
from uuid import UUID

import asyncpg
from playwright.sync_api import Page
from tests.browser.conftest import Window
from tests.browser.speaking import api, until
from tests.journeys.running import House

from picha.gateway.store.embedded import EmbeddedPostgres


def opened(window: Window, house: House, thread: str) -> Page:
    """Open a thread, and wait until it is live."""
    window.page.goto(f"{house.ready.inbox_url}/conversations/{thread}")
    window.page.locator("html[data-live=yes]").wait_for()
    return window.page


def control(house: House, path: str, body: Any) -> Any:
    """Ask the sandbox for something; it must not refuse."""
    request = urllib.request.Request(
        f"{house.ready.sandbox_url}/_sandbox{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def spoil(house: House, route: str, effect: dict[str, Any], **match: str) -> None:
    """Let the next call of a route go wrong."""
    control(house, "/faults", {"match": {"route": route, **match}, "when": {"mode": "next"}, "effect": effect})


def uploaded(house: House, data: bytes, name: str = "picture.jpg") -> str:
    """Upload a picture; return its file_id."""
    edge = "between"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    request = urllib.request.Request(
        f"{house.ready.api_url}/v1/whatsapp/media",
        head.encode() + data + f"\r\n--{edge}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={edge}", "X-API-Key": house.ready.api_key},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        file: str = json.load(answer)["data"]["file_id"]
    return file


def sends(house: House, customer: str, body: str = "On its way", **more: Any) -> str:
    """Send a text to a customer, or with `file_id` a picture; return the message's id."""
    kind = "image" if "file_id" in more else "text"
    said = {"caption": body} if kind == "image" else {"body": body}
    message: str = api(house, "POST", f"/v1/whatsapp/messages/{kind}", {"to": customer, **said, **more})["message_id"]
    return message


def becomes(house: House, message: str, *phases: str) -> Any:
    """Return a message once it is in one of these phases, or has one of these statuses."""

    def look() -> Any:
        found = api(house, "GET", f"/v1/whatsapp/messages/{message}")
        return found if found["phase"] in phases or found["status"] in phases else None

    return until(look)


def in_database(house: House, statement: str, *arguments: object) -> None:
    """Run a statement, in a thread of its own: the browser's driver has the loop of this one."""

    async def run() -> None:
        connection = await asyncpg.connect(EmbeddedPostgres(house.home).dsn)
        await connection.execute(statement, *arguments)
        await connection.close()

    running = threading.Thread(target=lambda: asyncio.run(run()))
    running.start()
    running.join()


def time_passes(house: House, message: str, length: str) -> None:
    """Let what is waited for with a message be so much nearer."""
    statement = f"UPDATE message SET due_at = due_at - interval '{length}' WHERE id = $1"
    in_database(house, statement, UUID(message))
