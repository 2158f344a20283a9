"""The programs of docs/sdk.md, run as they stand there."""

import asyncio
import hashlib
import hmac
import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.running import Talk, picture, until

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"
ADDRESS, CUSTOMER = "http://127.0.0.1:8080", "16505551234"


def program(title: str) -> str:
    """Return the code block of the page that has this title."""
    (code,) = re.findall(
        rf'^```python title="{re.escape(title)}"\n(.*?)^```$', PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert isinstance(code, str)
    return code


@pytest.fixture
async def place(picha: Talk, tmp_path: Path) -> Path:
    """A folder as the page has it in mind: a home, a receipt, and somebody who has written."""
    (tmp_path / ".picha").symlink_to(picha.house.home)
    (tmp_path / "receipt.jpg").write_bytes(picture(shade=221))
    await picha.hear(CUSTOMER)
    return tmp_path


async def begun(title: str, place: Path, picha: Talk) -> asyncio.subprocess.Process:
    code = program(title)
    assert ADDRESS in code
    (place / title).write_text(code.replace(ADDRESS, picha.ready.api_url))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, title),
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def done(title: str, place: Path, picha: Talk) -> str:
    process = await begun(title, place, picha)
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode()


async def test_the_first_program_sends_and_tells_the_story(picha: Talk, place: Path) -> None:
    out = await done("send.py", place, picha)

    assert re.match(r"(delivered|read) 64 48\n", out)
    assert "Accepted and stored" in out


async def test_the_awaited_one_lists_what_was_said(picha: Talk, place: Path) -> None:
    out = await done("send_async.py", place, picha)

    assert len(out.splitlines()) >= 2
    assert " read " in out.splitlines()[0]


async def test_an_order_that_is_sent_again_is_one_message(picha: Talk, place: Path) -> None:
    await done("once.py", place, picha)
    total = await picha.total()
    await done("once.py", place, picha)

    assert await picha.total() == total


async def test_one_picture_goes_to_many_and_whoever_is_refused_is_told(picha: Talk, place: Path) -> None:
    first, *others = (await done("many.py", place, picha)).splitlines()

    assert first == "1 accepted, 1 refused"
    assert others[0].startswith(f"{CUSTOMER} accepted ")
    assert others[1] == "255799999999 refused WINDOW_CLOSED"


async def test_whoever_follows_keeps_their_place_and_fetches_photos(picha: Talk, place: Path) -> None:
    # The house has seen much before; this program has followed it up to here.
    kept = (await picha.api("GET", "/v1/events", params={"after": "latest"})).data["cursor"]
    (place / "cursor").write_text(kept)
    process = await begun("follow.py", place, picha)
    heard = await picha.hear(CUSTOMER)

    async def handled() -> bool:
        return (place / "photo.jpg").exists() and (place / "cursor").read_text() not in {"", kept}

    await until(handled)
    process.send_signal(signal.SIGINT)
    await process.communicate()

    assert heard["content"]["state"] == "stored"
    assert re.fullmatch(r"\d+\.\d+", (place / "cursor").read_text())


def test_a_webhook_is_received_once_and_another_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    room: dict[str, Any] = {}
    exec(program("receive.py"), room)
    event = {"event": "whatsapp.tomorrow", "event_id": "wa_1", "timestamp": "2026-01-31T12:00:00Z", "data": {}}
    body = json.dumps(event).encode()
    signed = {"X-Briq-Signature": "sha256=" + hmac.new(b"whsec_secret", body, hashlib.sha256).hexdigest()}

    answers = [room["receive"](body, signed, "whsec_secret") for _ in range(2)]
    refused = room["receive"](body, signed, "another")

    assert (answers, refused) == ([200, 200], 401)
    assert capsys.readouterr().out == "whatsapp.tomorrow {}\n"
