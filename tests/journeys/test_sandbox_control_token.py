"""Who may use the control API: everybody on loopback but web pages, and whoever brings the token elsewhere."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.sandbox_program import SandboxProgram, running

from picha import testing

CALLS = (
    ("GET", "/ledger"), ("POST", "/inbound"), ("GET", "/wait?event=send"), ("POST", "/clock"), ("POST", "/reset"),
    ("GET", "/deliveries"), ("POST", "/people/16505551234/read"), ("DELETE", "/faults"), ("GET", "/nothing"),
)  # fmt: skip


async def asked(sandbox: SandboxProgram, method: str, path: str, **headers: str) -> tuple[int, Any]:
    url = sandbox.ready.control_url + path
    async with sandbox.session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def test_elsewhere_the_control_api_wants_its_token() -> None:
    async with running("--host", "0.0.0.0") as sandbox:
        token = sandbox.ready.control_token
        assert token
        for method, path in CALLS:
            for wrong in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": f"Basic {token}"},
                          {"Authorization": f"Bearer {sandbox.ready.access_token}"},
                          {"Authorization": f"Bearer {token}x"}, {"Authorization": "Bearer é"}):  # fmt: skip
                status, answer = await asked(sandbox, method, path, **wrong)
                assert (status, list(answer)) == (401, ["error"]), (method, path, wrong)

        assert await sandbox.ledger() == []
        status, answer = await sandbox.control("POST", "/inbound", json={"from": "255712345678"})
        assert status == 200, answer
        # What was refused did nothing.
        assert len(await sandbox.wait("inbound", count="2")) == 2


async def test_the_photo_the_clock_and_graph_want_no_control_token() -> None:
    token = "known-to-tests"
    async with running("--host", "0.0.0.0", "--control-token", token) as sandbox:
        assert (await asked(sandbox, "GET", "/photo.jpg"))[0] == 200
        assert (await asked(sandbox, "GET", "/clock"))[0] == 200
        _, answer = await sandbox.send_image(link=f"{sandbox.ready.control_url}/photo.jpg")
        assert await sandbox.wait("status", wamid=answer["messages"][0]["id"], status="sent")
        async with sandbox.session.get(sandbox.ready.handset_url) as page:
            assert token not in await page.text()
        async with sandbox.session.get(sandbox.ready.base_url) as front:
            assert token not in await front.text()


async def test_a_browser_reads_the_documentation_without_any_secret_where_there_is_a_token() -> None:
    async with running("--host", "0.0.0.0") as sandbox:
        ready = sandbox.ready
        for path in ("/docs", "/openapi.json"):
            async with sandbox.session.get(ready.control_url + path) as answer:
                text = await answer.text()

            assert answer.status == 200
            assert "CONTROL_TOKEN" in text or path == "/openapi.json"
            for secret in (ready.access_token, ready.app_secret, ready.verify_token, ready.control_token):
                assert secret is not None
                assert secret not in text, path


async def test_the_token_is_the_seeds_or_the_one_that_is_set() -> None:
    here = ("--host", "0.0.0.0")
    async with (
        running(*here, "--seed", "7") as one,
        running(*here, "--seed", "7") as same,
        running(*here, "--seed", "8") as other,
        running(*here, environment={"PICHA_SANDBOX_CONTROL_TOKEN": "set-by-me"}) as set_,
        running("--control-token", "set-by-me") as on_loopback,
        running() as free,
    ):
        assert (await asked(on_loopback, "GET", "/ledger"))[0] == 401
        assert (await on_loopback.control("GET", "/ledger"))[0] == 200
        tokens = [sandbox.ready.control_token for sandbox in (one, same, other, set_, on_loopback, free)]

    assert tokens[0] == tokens[1] != tokens[2]
    assert tokens[3:] == ["set-by-me", "set-by-me", None]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "127.0.0.1.nip.io:80"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
async def test_no_web_page_drives_the_control_api_on_loopback(headers: dict[str, str]) -> None:
    async with running() as sandbox:
        for method, path in CALLS:
            status, answer = await asked(sandbox, method, path, **headers)
            assert (status, list(answer)) == (403, ["error"]), (method, path)

        origin = sandbox.ready.base_url
        assert (await asked(sandbox, "GET", "/ledger", Origin=origin))[0] == 200
        assert (await asked(sandbox, "GET", "/ledger", Host="localhost:1"))[0] == 200


async def test_graph_takes_any_host() -> None:
    async with running() as sandbox:
        media_id = "1479537139650973"
        _, described = await sandbox.graph("GET", f"/{media_id}", headers={"Host": "graph.facebook.com"})
        headers = {"Host": "lookaside.fbsbx.com", "Authorization": f"Bearer {sandbox.ready.access_token}"}
        async with sandbox.session.get(described["url"], headers=headers) as picture:
            assert (picture.status, picture.content_type) == (200, "image/jpeg")


async def test_the_hint_for_people_tells_the_token() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "picha.cli", "sandbox", "--host", "0.0.0.0", "--control-token", "told-to-people",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert process.stdout is not None
    hint = b""
    async with asyncio.timeout(20):
        while b"Stop with" not in hint:
            hint += await process.stdout.readline()
    process.terminate()
    _, logged = await process.communicate()

    assert b"The control API wants the token told-to-people" in hint
    assert b"/inbound -H 'Authorization: Bearer told-to-people'" in hint
    assert b"told-to-people" not in logged


def test_the_fixture_brings_token_and_numbers_of_a_file(tmp_path: Path) -> None:
    config = tmp_path / "sandbox.toml"
    config.write_text('control_token = "known-to-tests"\nladder = "0,0,-"\n[[accounts]]\nnumbers = [{}, {}]\n')

    with testing.running(testing.SandboxOptions(config=config)) as sandbox:
        first, second = sandbox.numbers
        message_id = sandbox.receive_image(phone_number_id=second.phone_number_id)
        (heard,) = sandbox.wait("inbound", phone_number_id=second.phone_number_id)

    assert sandbox.phone_number_id == first.phone_number_id
    assert heard.message_id == message_id
