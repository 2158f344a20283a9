"""What the API says of a request that takes longer than it may, or that it fails over."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import msgspec
from tests.store.ground import Ground

from picha.gateway.api.app import create_app
from picha.gateway.api.calls import Call
from picha.gateway.api.routes import ROUTES
from picha.gateway.run import open_ground, open_services
from picha.gateway.settings import Settings
from picha.gateway.setup import fresh_key
from picha.gateway.store import keys
from picha.gateway.store.vault import keep_private, written

PATH = "/v1/whatsapp/messages/text"


async def answer(ground: Ground, database: str, tmp_path: Path, **changes: Any) -> tuple[dict[Any, Any], Any]:
    """Return the head and the body's error of an answer to a request whose body never comes, of a changed route."""
    text, presented = fresh_key("test")
    await keys.add(ground.pool, ground.ids, ground.app, presented)
    keep_private(tmp_path / "keys", written({"masterky": b"m" * 32}))
    settings = Settings(database_url=database, home=tmp_path)
    [route] = [one for one in ROUTES if (one.method, one.path) == ("POST", PATH)]
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    async with open_ground(settings) as opened, open_services(opened, settings) as services:
        app = create_app(services, [dataclasses.replace(route, **changes)])
        head = [(b"x-api-key", text.encode()), (b"content-type", b"application/json"), (b"content-length", b"9")]
        scope = {"type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b""}
        await app({**scope, "headers": head, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}, receive, send)

    [error] = msgspec.json.decode(sent[1]["body"])["errors"]
    return {"status": sent[0]["status"], **dict(sent[0]["headers"])}, error


async def test_a_body_that_does_not_come_is_not_taken_for_a_database_that_is_away(
    ground: Ground, database: str, tmp_path: Path
) -> None:
    head, error = await answer(ground, database, tmp_path, patience_s=0.05)

    assert head["status"] == 503
    assert error["code"] == "UNAVAILABLE"
    assert "given up" in error["message"]


async def test_what_fails_for_a_reason_that_nobody_expected_is_said_to_be_tried_again_soon(
    ground: Ground, database: str, tmp_path: Path
) -> None:
    async def fails(call: Call) -> Any:
        raise ZeroDivisionError(call.request.url.path)

    head, error = await answer(ground, database, tmp_path, handler=fails)

    assert (head["status"], head[b"retry-after"]) == (503, b"2")
    assert error["code"] == "UNAVAILABLE"
    assert "whether it took effect is not known" in error["message"]
