import asyncio
import base64
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import PATIENCE_S, Receiver, SandboxProgram, running

from picha.manual.operations import operations, titles
from picha.sandbox.manual.curl import Commands

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Nobody listens on the example's port 5000 here.
NOBODY_THERE = {"subscribe_app"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--limits", "off") as program:
        yield program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def described(sandbox: SandboxProgram) -> Any:
    status, answer = await sandbox.control("GET", "/openapi.json")
    assert status == 200
    return answer


async def test_every_command_of_the_page_does_what_it_says(sandbox: SandboxProgram, described: Any) -> None:
    commands = Commands(described, sandbox.ready)
    receiver = Receiver(sandbox.ready.verify_token)
    async with receiver.listening():
        for call in operations(described):
            for title in titles(call):
                await begin_anew(sandbox, receiver)

                status, body = await pasted(commands.write(call, title))

                assert status in call.item["responses"] or call.id in NOBODY_THERE, (call.id, title, body)
                if status in call.item["responses"]:
                    assert_fits(body, call.item["responses"][status], described)


def assert_fits(body: str, response: Any, document: Any) -> None:
    """Hold an answer to the schema that the document has for it."""
    media = response.get("content", {}).get("application/json")
    if media is not None:
        schema = media["schema"] | {"components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(json.loads(body))


async def begin_anew(sandbox: SandboxProgram, receiver: Receiver) -> None:
    """Leave a delivery and a fault to be found, whatever the last command did."""
    await sandbox.control("POST", "/reset")
    await sandbox.graph("POST", f"/{sandbox.ready.waba_id}/subscribed_apps")
    override = {"override_callback_uri": receiver.url, "verify_token": receiver.verify_token}
    await sandbox.graph("POST", f"/{sandbox.number}", json={"webhook_configuration": override})
    await sandbox.control("POST", "/inbound", json={"from": "16505551234"})
    await sandbox.control("POST", "/faults", json={"match": {"to": "1"}, "effect": {"error": 1}})


async def pasted(command: str) -> tuple[str, str]:
    """Return the HTTP status and the body that a command brings; what it would write to a file is not kept."""
    script = f"set -o pipefail; {command} -w '\\n%{{http_code}}'".replace("-o photo.jpg", "-o /dev/null")
    shell = await asyncio.create_subprocess_exec("bash", "-c", script, stdout=asyncio.subprocess.PIPE)
    body, _ = await asyncio.wait_for(shell.communicate(), PATIENCE_S)
    assert shell.returncode == 0, command
    text, _, status = body.decode(errors="replace").rpartition("\n")
    return status, text


async def test_the_page_shows_every_call_with_its_commands_and_nothing_from_elsewhere(
    sandbox: SandboxProgram, described: Any
) -> None:
    async with sandbox.session.get(f"{sandbox.ready.control_url}/docs") as answer:
        policy, text = answer.headers["Content-Security-Policy"], await answer.text()
    commands = Commands(described, sandbox.ready)

    shown = html.unescape(text)
    for call in operations(described):
        assert f'<article id="{call.id}">' in text
        for title in titles(call):
            assert commands.write(call, title) in shown, call.id
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert not re.search(r"<script|<link|<img|<iframe|\bstyle=|\bon\w+=", text)
    assert not re.search(r'(?:src|href)="(?!#|/_sandbox/|/handset)', text)


async def test_the_document_holds_this_sandboxs_own_words(sandbox: SandboxProgram, described: Any) -> None:
    text = json.dumps(described)

    assert sandbox.ready.base_url in text
    assert not re.search(r"\{(?:base_url|control_url|access_token|app_secret|verify_token)\}", text)
