import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, PERSON, Receiver, SandboxProgram, running, telling


@pytest.fixture
async def sandbox(receiver: Receiver) -> AsyncIterator[SandboxProgram]:
    async with telling(receiver, "--ladder", "0,0,0", "--seed", "7") as program:
        await program.wait("delivery")
        yield program


async def told_of(sandbox: SandboxProgram) -> str:
    """Send an image and return its wamid once the last webhook about it is taken."""
    wamid = await sandbox.sent()
    await sandbox.wait("delivery", wamid=wamid, count="3")
    return wamid


async def test_the_log_shows_every_try_and_what_was_sent(sandbox: SandboxProgram, receiver: Receiver) -> None:
    receiver.answers.extend([500, 503])

    wamid = await told_of(sandbox)
    items = await sandbox.deliveries(about=wamid)

    assert {item["state"] for item in items} == {"taken"}
    assert {item["status"] for item in items} == {"sent", "delivered", "read"}
    tries = sorted([one["http"] for one in item["tries"]] for item in items)
    assert sum(len(some) for some in tries) == 5
    assert all(some[-1] == 200 for some in tries)
    assert sorted(item["attempts"] for item in items) == sorted(len(some) for some in tries)
    assert items[0]["body"]["entry"][0]["changes"][0]["value"]["statuses"][0]["id"] == wamid


async def test_what_nobody_takes_is_owed(sandbox: SandboxProgram, receiver: Receiver) -> None:
    receiver.answers.extend([500] * 3)
    await sandbox.control("POST", "/clock", json={"freeze": True})

    await sandbox.send_image(id=DOCUMENTED_MEDIA)
    await receiver.until(3)
    items = await sandbox.deliveries(limit="3")

    assert {item["state"] for item in items} == {"owed"}


async def test_a_redelivery_is_the_same_bytes_under_another_id(sandbox: SandboxProgram, receiver: Receiver) -> None:
    wamid = await told_of(sandbox)
    (old,) = [item for item in await sandbox.deliveries(about=wamid) if item["status"] == "delivered"]

    status, answer = await sandbox.control("POST", f"/deliveries/{old['id']}/redeliver")
    await receiver.until(4)
    await sandbox.wait("delivery", wamid=wamid, count="4")

    assert status == 202
    assert answer["id"] != old["id"]
    assert [call.body for call in receiver.of("statuses")].count(receiver.of("statuses")[3].body) == 2
    assert len(await sandbox.deliveries(about=wamid)) == 4


async def test_nonsense_is_refused_in_a_sentence(sandbox: SandboxProgram) -> None:
    unknown, answer = await sandbox.control("POST", "/deliveries/1/redeliver")
    wrong, _ = await sandbox.control("GET", "/deliveries", params={"limit": "0"})

    assert (unknown, answer) == (404, {"error": "there is no such delivery"})
    assert wrong == 400


async def test_reset_is_the_first_day_again(sandbox: SandboxProgram, receiver: Receiver) -> None:
    first = await told_of(sandbox)
    await sandbox.control("POST", "/clock", json={"advance_s": 90_000})
    await sandbox.control("POST", "/faults", json={"effect": {"error": 131000}})
    await sandbox.control("POST", "/trouble", json={"drop": True})
    await sandbox.control("POST", f"/people/{PERSON}/block")
    before = len(receiver.of("messages"))

    status, _ = await sandbox.control("POST", "/reset")
    await receiver.until(before + 1, kind="messages")
    ledger = await sandbox.ledger()
    second = await told_of(sandbox)
    await sandbox.wait("status", wamid=second, status="read")

    assert status == 204
    assert ledger == []
    assert second == first
    assert [item["wamid"] for item in await sandbox.ledger()] == [second]
    assert await sandbox.control("GET", "/trouble") == (200, {"trouble": None})


async def test_a_reset_amid_work_leaves_nothing_behind_and_survives_a_kill(tmp_path: Path) -> None:
    arguments = ("--home", str(tmp_path), "--ladder", "0,50,50", "--callback", "http://127.0.0.1:1/hook")
    async with running(*arguments) as sandbox:
        await asyncio.gather(*(sandbox.send_image(id=DOCUMENTED_MEDIA) for _ in range(30)))
        await sandbox.control("POST", "/reset")
        ledger = await sandbox.ledger()
        _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)
        await sandbox.kill()
    async with running(*arguments) as sandbox:
        again = await sandbox.ledger()
        await sandbox.wait("status", wamid=answer["messages"][0]["id"], status="read")

    assert ledger == []
    assert [item["wamid"] for item in again] == [answer["messages"][0]["id"]]


async def test_after_a_reset_the_rates_begin_anew(sandbox: SandboxProgram) -> None:
    await asyncio.gather(*(sandbox.send_image(id=DOCUMENTED_MEDIA) for _ in range(46)))
    used_up, _ = await sandbox.send_image(id=DOCUMENTED_MEDIA)

    await sandbox.control("POST", "/reset")
    status, _ = await sandbox.send_image(id=DOCUMENTED_MEDIA)

    assert (used_up, status) == (400, 200)
