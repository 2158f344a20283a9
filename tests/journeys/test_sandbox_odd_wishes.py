"""What somebody may well ask of the sandbox by a slip or out of malice: refused in words, or done as it was meant."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

PERSON = "16505551234"


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,-,-") as started:
        yield started


@pytest.mark.parametrize(
    "effect",
    [
        {"delay_ms": 600_001},
        {"delay_ms": 10**30},
        {"cut_after_bytes": 2**31 + 1},
        {"error": -1},
        {"error": 10**20},
    ],
    ids=str,
)
async def test_a_fault_beyond_measure_is_refused_and_sends_go_on(
    sandbox: SandboxProgram, effect: dict[str, Any]
) -> None:
    status, told = await sandbox.control("POST", "/faults", json={"effect": effect})

    assert (status, list(told)) == (400, ["error"])
    await sandbox.sent()


async def test_a_fault_finds_its_recipient_however_the_number_is_written(sandbox: SandboxProgram) -> None:
    wish = {"match": {"to": "+1 (650) 555-1234"}, "effect": {"error": 131026}}
    await sandbox.control("POST", "/faults", json=wish)

    _, answer = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA)

    assert answer["error"]["code"] == 131026


@pytest.mark.parametrize(
    ("wanted", "part"), [("bytes=0-9", slice(10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))]
)
async def test_a_range_brings_that_part_of_the_picture(sandbox: SandboxProgram, wanted: str, part: slice) -> None:
    _, described = await sandbox.graph("GET", f"/{DOCUMENTED_MEDIA}")
    headers = {"Authorization": f"Bearer {sandbox.ready.access_token}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(described["url"]) as answer:
            whole = await answer.read()
        async with session.get(described["url"], headers={"Range": wanted}) as answer:
            first = len(whole[: part.start]) if part.start else 0
            assert answer.status == 206
            assert await answer.read() == whole[part]
            assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(whole[part]) - 1}/{len(whole)}"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=a-b", "bytes=999999999-", "bytes=-0", "lines=1-2"])
async def test_a_range_that_makes_no_sense_brings_the_whole_picture(sandbox: SandboxProgram, wanted: str) -> None:
    _, described = await sandbox.graph("GET", f"/{DOCUMENTED_MEDIA}")
    headers = {"Authorization": f"Bearer {sandbox.ready.access_token}", "Range": wanted}

    async with aiohttp.ClientSession() as session, session.get(described["url"], headers=headers) as answer:
        assert answer.status == 200
        assert len(await answer.read()) == int(described["file_size"])


@pytest.mark.parametrize(("status", "is_able"), [("CONNECTED", True), ("FLAGGED", True), ("PENDING", False)])
async def test_a_number_that_may_not_send_is_blocked_in_its_health(
    sandbox: SandboxProgram, status: str, *, is_able: bool
) -> None:
    await sandbox.control("POST", "/switches", json={"number_status": status})

    _, number = await sandbox.graph("GET", f"/{sandbox.number}?fields=status,health_status")

    health = number["health_status"]
    assert number["status"] == status
    assert health["can_send_message"] == ("AVAILABLE" if is_able else "BLOCKED")
    assert ("errors" in health["entities"][0]) is not is_able


@pytest.mark.parametrize("callback", ["localhost:5055/hook", "zz", "ftp://127.0.0.1/hook", "http://"])
def test_a_callback_that_is_no_whole_address_is_told_before_the_start(callback: str) -> None:
    command = [sys.executable, "-m", "picha.cli", "sandbox", "--callback", callback]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "http://127.0.0.1:5000/webhook" in done.stderr


@pytest.mark.parametrize("moment", [1e12, 1e300, -1e300])
async def test_a_state_with_an_impossible_date_is_refused_and_changes_nothing(
    sandbox: SandboxProgram, moment: float
) -> None:
    await sandbox.sent()
    _, before = await sandbox.control("GET", "/state")
    queued = {
        "record": "queued", "id": "1234567890123456", "url": "http://127.0.0.1:1/", "at": moment, "about": "wamid.x",
        "kind": "status", "body": '{"object":"whatsapp_business_account","entry":[]}',
    }  # fmt: skip
    document = before | {"records": [*before["records"], queued]}

    status, told = await sandbox.control("PUT", "/state", json=document)

    assert (status, "error" in told) == (400, True)
    assert (await sandbox.control("GET", "/deliveries"))[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/wait?event=send&bogus=1&timeout_s=0", "/ledger?befor=x", "/deliveries?abuot=x", "/people/16505551234?number=1"],
)
async def test_a_mistyped_query_is_refused_and_does_not_match_everything(sandbox: SandboxProgram, path: str) -> None:
    status, told = await sandbox.control("GET", path)

    assert status == 400
    assert "the query has no" in told["error"]


@pytest.mark.parametrize("deed", ["read", "deliver", "block", "unblock"])
async def test_a_mistyped_query_does_nothing_to_anybody(sandbox: SandboxProgram, deed: str) -> None:
    status, told = await sandbox.control("POST", f"/people/16505551234/{deed}?phone_number=1")

    assert status == 400
    assert "the query has no 'phone_number'" in told["error"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("event=status&status=zz", "status is one of delivered, failed, read, sent, not 'zz'"),
        ("event=zz", "event is one of delivery, inbound, send, status, not 'zz'"),
        ("event=send&status=sent", "wait for the event status or delivery"),
        ("event=inbound&status=read", "wait for the event status or delivery"),
    ],
)
async def test_a_wait_for_what_never_comes_is_refused_at_once_and_names_what_could(
    sandbox: SandboxProgram, query: str, words: str
) -> None:
    status, told = await sandbox.control("GET", f"/wait?{query}")

    assert status == 400
    assert words in told["error"]
