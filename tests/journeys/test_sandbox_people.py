import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.sandbox_program import Receiver, SandboxProgram, running

DOCUMENTED_MEDIA = "1479537139650973"
PERSON = "255712345678"
NEW = "255787654321"


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProgram]:
    """A sandbox in which people decide when messages arrive and are read."""
    async with running("--ladder", "0,-,-") as program:
        await program.control("POST", "/inbound", json={"from": PERSON, "name": "Asha"})
        yield program


async def sent(sandbox: SandboxProgram, to: str = PERSON) -> str:
    """Send an image and return its wamid once it is `sent`."""
    _, answer = await sandbox.send_image(to=to, id=DOCUMENTED_MEDIA)
    wamid: str = answer["messages"][0]["id"]
    await sandbox.wait("status", wamid=wamid, status="sent")
    return wamid


async def act(sandbox: SandboxProgram, deed: str, person: str = PERSON, **body: str) -> Any:
    status, answer = await sandbox.control("POST", f"/people/{person}/{deed}", json=body)
    assert status == 200, answer
    return answer


async def statuses(sandbox: SandboxProgram, wamid: str) -> list[str]:
    params = {"event": "status", "wamid": wamid, "count": "9", "timeout_s": "0"}
    _, answer = await sandbox.control("GET", "/wait", params=params)
    return [item["status"] for item in answer["items"]]


async def test_messages_wait_until_the_person_gets_and_reads_them(sandbox: SandboxProgram) -> None:
    first, second = await sent(sandbox), await sent(sandbox)
    at_first = await statuses(sandbox, first)

    arrived = await act(sandbox, "deliver")
    third = await sent(sandbox)
    read = await act(sandbox, "read", f"+{PERSON}")

    assert at_first == ["sent"]
    assert arrived == {"wamids": [first, second]}
    assert read == {"wamids": [first, second, third]}
    for wamid in (first, second, third):
        assert await statuses(sandbox, wamid) == ["sent", "delivered", "read"]
    assert await act(sandbox, "read") == {"wamids": []}


async def test_a_person_who_reads_while_the_ladder_climbs_gives_each_status_once() -> None:
    async with running("--ladder", "0,100,100") as sandbox:
        wamid = await sent(sandbox, "16505551234")
        await act(sandbox, "read", "16505551234")
        # Past both pauses of the ladder, which would have made them again.
        await asyncio.sleep(0.4)

        assert await statuses(sandbox, wamid) == ["sent", "delivered", "read"]


async def test_after_delivery_the_ladder_goes_on_by_itself() -> None:
    async with running("--ladder", "0,-,0") as sandbox:
        wamid = await sent(sandbox, "16505551234")
        await act(sandbox, "deliver", "16505551234")

        await sandbox.wait("status", wamid=wamid, status="read")


async def test_nobody_else_reads(sandbox: SandboxProgram) -> None:
    wamid = await sent(sandbox)

    assert await act(sandbox, "read", "16505551234") == {"wamids": []}
    assert await statuses(sandbox, wamid) == ["sent"]


async def test_what_is_sent_to_one_who_blocked_stays_at_sent_for_good(tmp_path: Path) -> None:
    arguments = ("--home", str(tmp_path), "--ladder", "0,0,0")
    async with running(*arguments) as sandbox:
        assert await act(sandbox, "block", "16505551234") == {"wa_id": "16505551234", "blocked": True}
        wamid = await sent(sandbox, "16505551234")
        refused, _ = await sandbox.control("POST", "/inbound", json={"from": "16505551234"})
        assert await act(sandbox, "unblock", "16505551234") == {"wa_id": "16505551234", "blocked": False}
        await sandbox.kill()
    async with running(*arguments) as sandbox:
        after = await sent(sandbox, "16505551234")
        await sandbox.wait("status", wamid=after, status="read")

        assert refused == 400
        assert await statuses(sandbox, wamid) == ["sent"]
        assert await act(sandbox, "read", "16505551234") == {"wamids": []}


async def test_what_was_under_way_to_one_who_blocks_does_not_arrive(sandbox: SandboxProgram) -> None:
    wamid = await sent(sandbox)
    await act(sandbox, "block")

    assert await act(sandbox, "deliver") == {"wamids": []}
    assert await statuses(sandbox, wamid) == ["sent"]


async def test_a_number_change_is_told_and_the_old_number_fails_from_then_on() -> None:
    async with Receiver("shaken").listening() as receiver:
        arguments = ("--callback", receiver.url, "--verify-token", receiver.verify_token)
        async with running("--ladder", "0,0,0", *arguments) as sandbox:
            await sandbox.control("POST", "/inbound", json={"from": PERSON, "name": "Asha"})
            answer = await act(sandbox, "change-number", to=f"+{NEW}")
            calls = await receiver.until(3, kind="messages")
            _, old = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA)
            (failed,) = await sandbox.wait("status", wamid=old["messages"][0]["id"])
            _, early = await sandbox.send_image(to=NEW, id=DOCUMENTED_MEDIA)
            (closed,) = await sandbox.wait("status", wamid=early["messages"][0]["id"])
            await sandbox.control("POST", "/inbound", json={"from": NEW})
            new = await sent(sandbox, NEW)
            await sandbox.wait("status", wamid=new, status="read")

    value = next(call.value for call in calls if call.value["messages"][0]["type"] == "system")
    message = value["messages"][0]
    assert "contacts" not in value
    assert (message["id"], message["from"]) == (answer["message_id"], PERSON)
    assert message["system"]["type"] == "user_changed_number"
    assert message["system"]["wa_id"] == NEW
    assert message["system"]["previous_user_id"] != message["system"]["user_id"]
    assert (failed["status"], failed["code"]) == ("failed", 131026)
    assert closed["code"] == 131047


async def test_one_without_a_number_reads_and_blocks_by_user_id(sandbox: SandboxProgram) -> None:
    await sandbox.control("POST", "/inbound", json={"user_id": "US.4321", "name": "Sheena"})
    body = {"messaging_product": "whatsapp", "recipient": "US.4321", "type": "text", "text": {"body": "Hello"}}

    async def write() -> str:
        _, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body)
        wamid: str = answer["messages"][0]["id"]
        await sandbox.wait("status", wamid=wamid, status="sent")
        return wamid

    first = await write()
    read = await act(sandbox, "read", "US.4321")
    blocked = await act(sandbox, "block", "US.4321")
    second = await write()
    refused, _ = await sandbox.control("POST", "/inbound", json={"user_id": "US.4321"})

    assert read == {"wamids": [first]}
    assert blocked == {"wa_id": "US.4321", "blocked": True}
    assert refused == 400
    assert await act(sandbox, "read", "US.4321") == {"wamids": []}
    assert await statuses(sandbox, second) == ["sent"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("12/read", {}, 400),
        ("15550783881/read", {}, 400),
        (f"{PERSON}/dance", {}, 404),
        (f"{PERSON}/change-number", {}, 400),
        (f"{PERSON}/change-number", {"to": "x"}, 400),
        (f"{PERSON}/change-number", {"to": "16505551234"}, 400),
        (f"{NEW}/change-number", {"to": "255700000000"}, 400),
    ],
)
async def test_nonsense_is_refused_in_a_sentence(
    sandbox: SandboxProgram, path: str, body: dict[str, str], status: int
) -> None:
    told, answer = await sandbox.control("POST", f"/people/{path}", json=body)

    assert told == status
    assert answer["error"]
