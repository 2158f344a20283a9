"""What the gateway tells of itself is true: every command of its page does what it says, and every answer fits."""

import asyncio
import base64
import hashlib
import html
import json
import re
import shlex
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import House, Talk, picture, raised, talking, until

from picha.gateway.api.manual import samples
from picha.gateway.api.manual.curl import command
from picha.gateway.api.manual.page import shown_titles
from picha.gateway.api.routes import ROUTES
from picha.karibu.errors import FAILURES, Code
from picha.manual.operations import Operation, operations

PATIENCE_S = 30
# What cannot be done to a message whose outcome is known.
REFUSED = {"resend_message": Code.NOT_RESENDABLE}


@pytest.fixture(scope="module")
def house(new_home: Callable[[str], Path]) -> Iterator[House]:
    """A product of its own: the commands change its number."""
    with raised(new_home("docs")) as raised_house:
        yield raised_house


@pytest.fixture
async def own(house: House) -> AsyncIterator[Talk]:
    async with talking(house) as talk:
        yield talk


async def document_of(talk: Talk) -> Any:
    told = await talk.api("GET", "/openapi.json", key=None)
    assert told.status == 200
    return told.document


async def test_every_command_of_the_page_does_what_it_says(own: Talk, host: PictureHost, tmp_path: Path) -> None:
    document = await document_of(own)
    (tmp_path / "picture.jpg").write_bytes(picture())
    real = {samples.PICTURE_URL: host.put("/receipt.jpg", picture())}
    for call in operations(document):
        for title in shown_titles(call):
            real |= await things_of(own, call)

            status, text = await pasted(replaced(command(call, title), real), own, tmp_path)

            knows_all = all(name in samples.IN_PATH for name in re.findall(r"\{(\w+)\}", call.path))
            wanted = REFUSED.get(call.id)
            if wanted is not None:
                assert json.loads(text)["errors"][0]["code"] == wanted, (call.id, title, text)
            elif knows_all:
                assert 200 <= int(status) < 300, (call.id, title, text)
            assert_fits(text, status, call, document)


async def things_of(talk: Talk, call: Operation) -> dict[str, str]:
    """Return real things for what the samples stand for: a message that can be taken back, one that was heard."""
    heard = await talk.hear(samples.CUSTOMER)
    sender = heard["sender_id"]
    await talk.api("POST", f"/v1/whatsapp/senders/{sender}/pause")
    file = (await talk.upload(picture())).data["file_id"]
    sent = (await talk.send(to=samples.CUSTOMER, file_id=file)).data
    message = heard["id"] if call.id in {"send_receipt", "send_text"} else sent["message_id"]

    for one in (await talk.api("GET", "/v1/webhooks/all")).document:
        await talk.api("DELETE", f"/v1/webhooks/{one['webhook_id']}")
    hook = {"app_id": talk.ready.app_id, "service_type": "sms", "url": "http://127.0.0.1:1/hook"}
    webhook = (await talk.api("POST", "/v1/webhooks", json=hook)).document["webhook_id"]
    tested = await talk.api("POST", f"/v1/webhooks/{webhook}/test")

    async def template() -> str | None:
        listed = (await talk.api("GET", "/v1/whatsapp/templates")).document["items"]
        return listed[0]["id"] if listed else None

    batch = await talk.api(
        "POST",
        "/v1/whatsapp/messages/image/batch",
        json={"file_id": file, "recipients": [{"to": samples.CUSTOMER}]},
    )
    return {
        samples.BATCH: batch.data["batch_id"],
        samples.CONVERSATION: sent["conversation_id"],
        samples.FILE: file,
        samples.MESSAGE: message,
        samples.SENDER: sender,
        samples.TEMPLATE: await until(template),
        samples.APP: talk.ready.app_id,
        samples.WEBHOOK: webhook,
        samples.DELIVERY: tested.document["delivery_id"],
    }


def replaced(text: str, real: dict[str, str]) -> str:
    for sample, thing in real.items():
        text = text.replace(sample, thing)
    return text


async def pasted(text: str, talk: Talk, folder: Path) -> tuple[str, str]:
    """Return the HTTP status and the body that a command brings; what it would write to a file is not kept."""
    script = f"set -o pipefail; {text} -w '\\n%{{http_code}}'".replace("-o picture.jpg", "-o /dev/null")
    environment = {"PATH": "/usr/bin:/bin", "PICHA_URL": talk.ready.api_url, "PICHA_API_KEY": talk.ready.api_key}
    shell = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdout=asyncio.subprocess.PIPE, env=environment, cwd=folder
    )
    body, _ = await asyncio.wait_for(shell.communicate(), PATIENCE_S)
    assert shell.returncode == 0, text
    said, _, status = body.decode(errors="replace").rpartition("\n")
    return status, said


def assert_fits(body: str, status: str, call: Operation, document: Any) -> None:
    """Hold an answer to the schema that the document has for it."""
    assert status in call.item["responses"], (call.id, status, body)
    answer = call.item["responses"][status]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    media = answer.get("content", {}).get("application/json")
    if media is not None:
        schema = media["schema"] | {"components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(json.loads(body))


async def test_the_page_shows_every_call_and_every_code_and_nothing_from_elsewhere(own: Talk) -> None:
    document = await document_of(own)

    told = await own.api("GET", "/docs/", key=None)

    text, policy = told.body.decode(), told.headers["Content-Security-Policy"]
    shown = html.unescape(text)
    assert f"export PICHA_URL={own.ready.api_url}\n" in shown
    for call in operations(document):
        assert f'<article id="{call.id}">' in text
        for title in shown_titles(call):
            assert command(call, title) in shown, call.id
    for code in (*Code, *FAILURES):
        assert f'<article id="{code}">' in text
    places, targets = re.findall(r' id="([^"]+)"', text), re.findall(r'href="#([^"]+)"', text)
    assert len(places) == len(set(places))
    assert set(targets) <= set(places)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert not re.search(r"<script|<link|<img|<iframe|\bstyle=|\bon\w+=", text)
    assert not re.search(r'(?:src|href)="(?!#|/openapi\.json)', text)


async def test_a_host_that_is_no_name_reaches_neither_the_page_nor_a_shell_as_it_is(own: Talk) -> None:
    for host in ("x$(reboot)<b>", "x;reboot", "a b", "'"):
        told = await own.api("GET", "/docs", key=None, headers={"Host": host})

        (line,) = re.findall(r"export PICHA_URL=(.*)\n", html.unescape(told.body.decode()))
        assert len(shlex.split(line)) == 1
        assert line.startswith("'") or not re.search(r"[^\w:/.-]", line), line
        assert "<b>" not in told.body.decode()


async def test_the_document_that_is_served_is_the_one_that_is_checked_in(own: Talk) -> None:
    kept = json.loads(await asyncio.to_thread(Path("docs/reference/openapi.json").read_text))

    assert await document_of(own) == kept
    assert len(operations(kept)) == len(ROUTES)
