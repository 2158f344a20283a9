"""The stream of what changes, and whose phones are shown by it."""

import asyncio
import html
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.journeys.sandbox_program import PERSON, SandboxProgram, running
from tests.nursery import ran

from picha.sandbox.control_live import STREAMS_MAX

# Longer than the sandboxes of these tests take to read by themselves.
A_WHILE_S = 0.6


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,300", "--limits", "off") as program:
        yield program


@asynccontextmanager
async def live(sandbox: SandboxProgram, **query: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with sandbox.session.get(f"{sandbox.ready.control_url}/live", params=query) as stream:
        yield stream


async def told(stream: aiohttp.ClientResponse) -> list[str]:
    """Return the parts that the next event tells of."""
    async with asyncio.timeout(10):
        while not (line := await stream.content.readline()).startswith(b"data: "):
            assert line, "the stream has ended"
    changed: list[str] = json.loads(line[6:])["changed"]
    return changed


async def told_of(stream: aiohttp.ClientResponse, *parts: str) -> set[str]:
    """Read on until all of these parts were told of, and return all that were."""
    seen: set[str] = set()
    while not seen >= set(parts):
        seen |= set(await told(stream))
    return seen


async def status(sandbox: SandboxProgram, wamid: str) -> Any:
    _, answer = await sandbox.control("GET", "/messages", params={"with": PERSON})
    return next(one["status"] for one in answer["items"] if one["message_id"] == wamid)


async def test_the_first_event_tells_of_everything_and_each_next_one_of_what_has_changed(
    sandbox: SandboxProgram,
) -> None:
    async with live(sandbox) as stream:
        assert stream.content_type == "text/event-stream"
        assert await told(stream) == ["world"]
        await sandbox.control("POST", "/inbound", json={"from": PERSON})
        assert await told(stream) == ["messages", "people"]
        await sandbox.control("POST", "/clock", json={"advance_s": 1})
        assert await told(stream) == ["clock"]
        await sandbox.sent()
        assert await told_of(stream, "messages", "ledger") == {"messages", "ledger"}
        await sandbox.control("POST", "/faults", json={"effect": {"error": 1}})
        await told_of(stream, "rules")
        await sandbox.control("POST", f"/people/{PERSON}/block")
        await told_of(stream, "people")
        await sandbox.control("POST", "/reset")
        await told_of(stream, "world")


@pytest.mark.parametrize(("query", "word"), [({"for_s": "-1"}, "for_s"), ({"person": "nobody"}, "phone number")])
async def test_nonsense_is_refused_in_a_sentence(sandbox: SandboxProgram, query: dict[str, str], word: str) -> None:
    code, answer = await sandbox.control("GET", "/live", params=query)

    assert (code, list(answer)) == (400, ["error"])
    assert word in answer["error"]


async def test_a_stream_ends_when_it_is_told_to(sandbox: SandboxProgram) -> None:
    async with live(sandbox, for_s="0.2") as stream, asyncio.timeout(5):
        whole = await stream.read()

    assert whole.count(b"data: ") == 1


async def test_there_are_so_many_streams_and_no_more_until_one_ends(sandbox: SandboxProgram) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(live(sandbox)) for _ in range(STREAMS_MAX)]
        for stream in streams:
            await told(stream)
        async with live(sandbox) as refused:
            assert refused.status == 503
            assert "32 streams" in (await refused.json())["error"]
        streams[0].close()
        async with asyncio.timeout(10):
            while True:
                async with live(sandbox) as stream:
                    if stream.status == 200:
                        break
                await asyncio.sleep(0.05)


async def test_what_is_sent_to_whoever_is_shown_waits_to_be_seen(sandbox: SandboxProgram) -> None:
    async with live(sandbox, person=f"+{PERSON}") as stream:
        await told(stream)
        first, second, third = [await sandbox.sent() for _ in range(3)]
        await sandbox.wait("status", wamid=third, status="delivered")
        await asyncio.sleep(A_WHILE_S)
        assert [await status(sandbox, one) for one in (first, second, third)] == ["delivered"] * 3

        code, answer = await sandbox.control("POST", f"/people/{PERSON}/read", params={"upto": second})
        assert (code, answer) == (200, {"wamids": [first, second]})
        assert [await status(sandbox, one) for one in (first, second, third)] == ["read", "read", "delivered"]

    # Nobody looks any more.
    await sandbox.wait("status", wamid=third, status="read")


async def test_two_who_look_at_one_phone_both_have_to_go(sandbox: SandboxProgram) -> None:
    async with live(sandbox, person=PERSON) as one:
        await told(one)
        async with live(sandbox, person=PERSON) as other:
            await told(other)
            wamid = await sandbox.sent()
            await sandbox.wait("status", wamid=wamid, status="delivered")
        await asyncio.sleep(A_WHILE_S)
        assert await status(sandbox, wamid) == "delivered"

    await sandbox.wait("status", wamid=wamid, status="read")


async def test_others_read_by_themselves_and_so_does_a_group_but_for_who_is_shown(sandbox: SandboxProgram) -> None:
    other = "255712345678"
    await sandbox.control("POST", "/inbound", json={"from": other})
    _, made = await sandbox.control("POST", "/groups", json={"participants": [PERSON, other]})
    group = made["group_id"]
    await sandbox.control("POST", "/inbound", json={"from": other, "group_id": group})
    async with live(sandbox, person=PERSON) as stream:
        await told(stream)
        wamid = await sandbox.sent(to=other)
        await sandbox.wait("status", wamid=wamid, status="read")
        body = {"messaging_product": "whatsapp", "recipient_type": "group", "to": group, "type": "text",
                "text": {"body": "Hello all"}}  # fmt: skip
        _, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body)
        to_group = answer["messages"][0]["id"]

        (reader,) = await sandbox.wait("status", wamid=to_group, status="read")
        assert reader["participant"] == other

    last = await sandbox.wait("status", wamid=to_group, status="read", count="2")
    assert {one["participant"] for one in last} == {PERSON, other}


@pytest.mark.parametrize(
    ("deed", "query"),
    [("read", {"upto": "wamid.x"}), ("deliver", {"upto": "wamid.x"}), ("block", {"upto": "wamid.x"})],
)
async def test_only_what_was_sent_to_a_person_is_read_as_far_as_it(
    sandbox: SandboxProgram, deed: str, query: dict[str, str]
) -> None:
    code, answer = await sandbox.control("POST", f"/people/{PERSON}/{deed}", params=query)

    assert (code, list(answer)) == (400, ["error"])


async def test_the_last_of_the_ledger_is_read_without_the_rest(sandbox: SandboxProgram) -> None:
    wamids = [await sandbox.sent() for _ in range(4)]

    code, answer = await sandbox.control("GET", "/ledger", params={"last": "2"})
    both, _ = await sandbox.control("GET", "/ledger", params={"last": "2", "after": wamids[0]})

    assert code == 200
    assert [one["wamid"] for one in answer["items"]] == wamids[2:]
    assert both == 400


async def test_a_sandbox_with_open_streams_stops_at_once() -> None:
    async with running() as sandbox, live(sandbox, person=PERSON) as stream:
        await told(stream)
        begun = time.monotonic()

        code = await sandbox.stop()

        assert code == 0
        assert time.monotonic() - begun < 1.9
        assert await stream.read() == b"\n"


@pytest.mark.parametrize("wrong", ["javascript:alert(1)", "inbox", "file:///etc/passwd", "http://"])
async def test_the_handset_leads_to_no_inbox_that_is_no_web_address(wrong: str) -> None:
    code, _, said = await ran("sandbox", "--inbox-url", wrong)

    assert code == 2
    assert b"--inbox-url" in said


async def test_the_handset_leads_to_the_inbox_that_it_is_told_of() -> None:
    url = 'http://127.0.0.1:8080/inbox?a="><script>&b=1'
    async with (
        running(environment={"PICHA_SANDBOX_INBOX_URL": url}) as sandbox,
        sandbox.session.get(sandbox.ready.handset_url) as page,
    ):
        text = await page.text()

    assert html.escape(url) in text
    assert "><script>&" not in text
