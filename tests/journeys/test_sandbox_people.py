from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, Receiver, SandboxProgram, running, telling

SHEENA = "16505551234"
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
    wamid = await sandbox.sent(to=to)
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


async def seen_by(sandbox: SandboxProgram, person: str = PERSON) -> Any:
    """Return what the person is told to be, and apart from it their one conversation."""
    status, told = await sandbox.control("GET", f"/people/{person}")
    assert status == 200, told
    (conversation,) = told.pop("conversations")
    return told, conversation


async def mark(sandbox: SandboxProgram, message_id: str, **typing: object) -> None:
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id} | typing
    assert await sandbox.graph("POST", f"/{sandbox.number}/messages", json=body) == (200, {"success": True})


async def heard(sandbox: SandboxProgram, **message: str) -> str:
    _, answer = await sandbox.control("POST", "/inbound", json={"from": PERSON} | message)
    return str(answer["message_id"])


async def test_a_read_mark_covers_what_came_before_and_nothing_later(sandbox: SandboxProgram) -> None:
    second, third = await heard(sandbox), await heard(sandbox)
    _, before = await seen_by(sandbox)

    await mark(sandbox, second)
    await mark(sandbox, before["unread"][0])
    _, after = await seen_by(sandbox)

    assert before["unread"][1:] == [second, third]
    assert after["unread"] == [third]
    assert (before["typing"], after["typing"]) == (False, False)


async def test_a_person_sees_the_business_typing_until_it_sends(sandbox: SandboxProgram) -> None:
    message = await heard(sandbox)

    await mark(sandbox, message, typing_indicator={"type": "text"})
    await sandbox.send_image(to="16505551234", id=DOCUMENTED_MEDIA)
    _, typing = await seen_by(sandbox)
    _, other = await seen_by(sandbox, "16505551234")
    await sent(sandbox)
    _, replied = await seen_by(sandbox)

    assert (typing["typing"], other["typing"], replied["typing"]) == (True, False, False)


async def test_what_a_person_saw_outlives_a_kill(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    async with running(*home) as sandbox:
        await sandbox.control("POST", "/clock", json={"freeze": True})
        await mark(sandbox, await heard(sandbox), typing_indicator={"type": "text"})
        unread = await heard(sandbox)
        before = await seen_by(sandbox)
        await sandbox.kill()
    async with running(*home) as sandbox:
        after = await seen_by(sandbox)

    assert before == after
    assert after[1]["typing"] is True
    assert after[1]["unread"] == [unread]


async def test_a_person_is_told_with_when_their_window_closes(sandbox: SandboxProgram) -> None:
    await heard(sandbox, identity_key_hash="DF2lS5v2W6x=")
    await act(sandbox, "block")
    (inbound, *_) = (await sandbox.wait("inbound", to=PERSON, count="2"))[1:]
    told, conversation = await seen_by(sandbox, f"+{PERSON}")
    stranger, closed = await seen_by(sandbox, NEW)

    assert told.pop("user_id").startswith("US.")
    assert told == {"wa_id": PERSON, "name": "Asha", "username": None, "identity_key_hash": "DF2lS5v2W6x="}
    assert (conversation["blocked"], closed["blocked"]) == (True, False)
    closes_at = datetime.fromisoformat(conversation["window_closes_at"])
    assert closes_at - datetime.fromisoformat(inbound["at"]) == timedelta(hours=24)
    assert (stranger["name"], closed["window_closes_at"], closed["unread"]) == (None, None, [])


async def test_a_person_who_reads_while_the_ladder_climbs_gives_each_status_once() -> None:
    async with running("--ladder", "0,100,100") as sandbox:
        wamid = await sent(sandbox, SHEENA)
        await act(sandbox, "read", SHEENA)
        # What is sent later climbs the same ladder: once it is read, the first one's pauses are over.
        later = await sandbox.sent()
        await sandbox.wait("status", wamid=later, status="read")

        assert await statuses(sandbox, wamid) == ["sent", "delivered", "read"]


async def test_after_delivery_the_ladder_goes_on_by_itself() -> None:
    async with running("--ladder", "0,-,0") as sandbox:
        wamid = await sent(sandbox, SHEENA)
        await act(sandbox, "deliver", SHEENA)

        await sandbox.wait("status", wamid=wamid, status="read")


async def test_nobody_else_reads(sandbox: SandboxProgram) -> None:
    wamid = await sent(sandbox)

    assert await act(sandbox, "read", SHEENA) == {"wamids": []}
    assert await statuses(sandbox, wamid) == ["sent"]


async def test_what_is_sent_to_one_who_blocked_stays_at_sent_for_good(tmp_path: Path) -> None:
    arguments = ("--home", str(tmp_path), "--ladder", "0,0,0")
    async with running(*arguments) as sandbox:
        assert await act(sandbox, "block", SHEENA) == {"wa_id": SHEENA, "blocked": True}
        wamid = await sent(sandbox, SHEENA)
        refused, _ = await sandbox.control("POST", "/inbound", json={"from": SHEENA})
        assert await act(sandbox, "unblock", SHEENA) == {"wa_id": SHEENA, "blocked": False}
        await sandbox.kill()
    async with running(*arguments) as sandbox:
        after = await sent(sandbox, SHEENA)
        await sandbox.wait("status", wamid=after, status="read")

        assert refused == 400
        assert await statuses(sandbox, wamid) == ["sent"]
        assert await act(sandbox, "read", SHEENA) == {"wamids": []}


async def test_what_was_under_way_to_one_who_blocks_does_not_arrive(sandbox: SandboxProgram) -> None:
    wamid = await sent(sandbox)
    await act(sandbox, "block")

    assert await act(sandbox, "deliver") == {"wamids": []}
    assert await statuses(sandbox, wamid) == ["sent"]


async def test_what_is_not_delivered_within_30_days_never_is(sandbox: SandboxProgram) -> None:
    await sandbox.control("POST", "/inbound", json={"from": NEW})
    await sandbox.control("POST", "/clock", json={"freeze": True})
    in_time, too_late, delivered = await sent(sandbox), await sent(sandbox, NEW), await sent(sandbox, "16505551234")
    await act(sandbox, "deliver", "16505551234")

    await sandbox.control("POST", "/clock", json={"advance_s": 30 * 86_400 - 0.001})
    arrived = await act(sandbox, "deliver")
    await sandbox.control("POST", "/clock", json={"advance_s": 0.001})
    never = await act(sandbox, "read", NEW)
    read = await act(sandbox, "read", "16505551234")

    assert (arrived, never) == ({"wamids": [in_time]}, {"wamids": []})
    assert await statuses(sandbox, too_late) == ["sent"]
    assert read == {"wamids": [delivered]}


async def test_a_number_change_is_told_and_the_old_number_fails_from_then_on(receiver: Receiver) -> None:
    async with telling(receiver, "--ladder", "0,0,0") as sandbox:
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


@pytest.mark.parametrize("what", ["number", "user id"])
async def test_what_is_unread_follows_one_who_is_known_by_something_else_now(
    sandbox: SandboxProgram, what: str
) -> None:
    old, new = (PERSON, NEW) if what == "number" else ("US.4321", "US.9876")
    who = {"from": old} if what == "number" else {"user_id": old}
    first, second = [(await sandbox.control("POST", "/inbound", json=who))[1]["message_id"] for _ in range(2)]

    await mark(sandbox, first, typing_indicator={"type": "text"})
    if what == "number":
        await act(sandbox, "change-number", old, to=new)
    else:
        change = {"type": "user_changed_user_id", "new_user_id": new}
        assert (await sandbox.control("POST", "/inbound", json=who | change))[0] == 200
    (_, moved), (_, left) = await seen_by(sandbox, new), await seen_by(sandbox, old)
    await mark(sandbox, second)
    _, after = await seen_by(sandbox, new)
    writer = {"from": new} if what == "number" else {"user_id": new}
    edit = {"type": "edit", "original_message_id": second, "caption": "Habari"}
    edited, answer = await sandbox.control("POST", "/inbound", json=writer | edit)

    assert ([*moved["unread"], moved["typing"]], [*left["unread"], left["typing"]]) == ([second, True], [False])
    assert after["unread"] == []
    assert edited == 200, answer


async def test_a_block_follows_one_who_moves_to_another_number(sandbox: SandboxProgram) -> None:
    await sandbox.control("POST", "/inbound", json={"from": PERSON})
    await act(sandbox, "block")

    await act(sandbox, "change-number", to=NEW)
    refused, told = await sandbox.control("POST", "/inbound", json={"from": NEW})
    stranger, _ = await sandbox.control("POST", "/inbound", json={"from": PERSON})

    (_, moved), (_, left) = await seen_by(sandbox, NEW), await seen_by(sandbox, PERSON)

    assert (refused, "unblock" in told["error"]) == (400, True)
    assert (stranger, moved["blocked"], left["blocked"]) == (200, True, False)


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
        (f"{PERSON}/change-number", {"to": SHEENA}, 400),
        (f"{NEW}/change-number", {"to": "255700000000"}, 400),
    ],
)
async def test_nonsense_is_refused_in_a_sentence(
    sandbox: SandboxProgram, path: str, body: dict[str, str], status: int
) -> None:
    told, answer = await sandbox.control("POST", f"/people/{path}", json=body)

    assert told == status
    assert answer["error"]
