"""Other people's clients, unmodified, do with a picture whatever they can do; `make clients` brings those of npm."""

import asyncio
import base64
import hashlib
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.journeys.pywa_bot import ASHA, PERSON, picture, write
from tests.journeys.sandbox_program import PATIENCE_S, Receiver, SandboxProgram, telling

from picha.cloudapi import signature

CLIENTS = Path(__file__).parent / "clients"
NODE_MODULES = Path(__file__).parents[2] / ".venv" / "clients" / "node_modules"
CAPTION = 'é <50%> a/b @c 😀 "quoted" \\'
THROTTLED = "9990130429"
NPM = pytest.mark.skipif(not NODE_MODULES.is_dir(), reason="`make clients` installs the npm clients and runs this")


@pytest.fixture
async def sandbox(receiver: Receiver) -> AsyncIterator[SandboxProgram]:
    async with telling(receiver, "--ladder", "0,0,0") as program:
        await receiver.until(1, kind="messages")
        yield program


@pytest.fixture
async def place(sandbox: SandboxProgram, receiver: Receiver, tmp_path: Path) -> Path:
    """A folder with a picture, what the sandbox printed, and a webhook it sent with all that Meta escapes."""
    heard = await write(sandbox, caption=CAPTION)
    call = (await receiver.until(2, kind="messages"))[1]
    assert call.value["messages"][0]["id"] == heard
    given = {
        "to": PERSON, "throttled": THROTTLED, "photo_url": f"{sandbox.ready.control_url}/photo.jpg",
        "signature": call.headers[signature.HEADER],
    }  # fmt: skip
    (tmp_path / "given.json").write_text(json.dumps(msgspec.to_builtins(sandbox.ready) | given))
    (tmp_path / "picture.jpg").write_bytes(picture())
    (tmp_path / "hook.body").write_bytes(call.body)
    return tmp_path


async def run(place: Path, program: str) -> dict[str, Any]:
    """Run a client's program and return what it says it saw."""
    command: list[str | Path] = [sys.executable, CLIENTS / program]
    if program.endswith(".mjs"):
        (place / "node_modules").symlink_to(NODE_MODULES)
        shutil.copy(CLIENTS / program, place)
        command = [NODE_MODULES / ".bin" / "node", program]
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=place, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, said = await asyncio.wait_for(process.communicate(), PATIENCE_S * 2)
    assert process.returncode == 0, said.decode()
    told = json.loads(out)
    assert isinstance(told, dict)
    return told


async def check_sends(sandbox: SandboxProgram, told: dict[str, Any], *names: str) -> None:
    """What the client says it sent is all there is in the ledger, and was read."""
    ledger = {line["wamid"]: line for line in await sandbox.ledger()}
    assert set(ledger) == {told[name] for name in names}
    for name in names:
        await sandbox.wait("status", wamid=told[name], status="read")
    assert ledger[told["by_id"]]["caption"] == "by id"
    assert ledger[told["by_id"]]["sha256"] == hashlib.sha256(picture()).hexdigest()
    assert (told["refused"], told["marked"]) == (100, True)


async def check_media(sandbox: SandboxProgram, told: dict[str, Any]) -> None:
    """The client got back what it uploaded, and deleted it."""
    assert base64.b64decode(told["bytes"]) == picture()
    assert told["deleted"] is True
    status, _ = await sandbox.graph("GET", f"/{told['id']}")
    assert status == 400


@NPM
@pytest.mark.parametrize("program", ["kapso.mjs", "api-js.mjs", "great-detail.mjs"])
async def test_a_javascript_client_does_it_all(sandbox: SandboxProgram, place: Path, program: str) -> None:
    told = await run(place, program)

    await check_sends(sandbox, told, "by_id", "by_link")
    await check_media(sandbox, told)
    assert (told["mime_type"], told["file_size"]) == ("image/jpeg", str(len(picture())))
    assert told["caption"] == CAPTION
    assert told["verified"] == [True, False]
    if program == "kapso.mjs":
        assert told["extra"] == {"bare": 100, "throttled": "throttling"}


@NPM
async def test_a_client_that_only_uploads_and_sends_does(sandbox: SandboxProgram, place: Path) -> None:
    told = await run(place, "cloudapi-client.mjs")

    await check_sends(sandbox, told, "by_id")


async def test_heyoo_does_it_all(sandbox: SandboxProgram, place: Path) -> None:
    told = await run(place, "heyoo_shop.py")

    await check_sends(sandbox, told, "by_id", "by_link")
    await check_media(sandbox, told)
    assert told["caption"] == CAPTION
    assert told["extra"] == {"name": "Asha", "mobile": ASHA, "gone": None}
