import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.journeys.sandbox_program import Receiver, SandboxProgram, telling


@pytest.fixture
async def sandbox(receiver: Receiver) -> AsyncIterator[SandboxProgram]:
    async with telling(receiver, "--ladder", "0,20,20", "--limits", "off") as program:
        await receiver.until(1, kind="messages")
        yield program


async def troubled(sandbox: SandboxProgram, **trouble: Any) -> None:
    status, told = await sandbox.control("POST", "/trouble", json=trouble)
    assert status == 200, told
    assert {key: told["trouble"][key] for key in trouble} == trouble


async def test_an_early_status_comes_before_the_answer(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, early_status=True)
    gate = asyncio.Event()
    receiver.gates.append(gate)

    sending = asyncio.create_task(sandbox.sent())
    await receiver.until(1)
    was_answered = sending.done()
    gate.set()
    wamid = await sending
    await receiver.until(3)

    assert not was_answered
    assert receiver.updates() == [(wamid, "sent"), (wamid, "delivered"), (wamid, "read")]


async def test_a_send_is_answered_although_its_early_status_is_never_taken(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    await troubled(sandbox, early_status=True, drop=True)

    wamid = await sandbox.sent()

    await sandbox.wait("status", wamid=wamid, status="read")
    assert receiver.updates() == []


async def test_delivered_is_skipped(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, skip_delivered=True)

    wamid = await sandbox.sent()
    await sandbox.wait("delivery", wamid=wamid, status="read")

    assert receiver.updates() == [(wamid, "sent"), (wamid, "read")]


async def test_a_send_fails_after_it_was_delivered(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, failed_after_delivered=True)

    wamid = await sandbox.sent()
    await sandbox.wait("delivery", wamid=wamid, status="failed")

    assert receiver.updates() == [(wamid, "sent"), (wamid, "delivered"), (wamid, "failed")]
    assert receiver.of("statuses")[-1].value["statuses"][0]["errors"][0]["code"] == 131026


async def test_a_webhook_comes_twice(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, duplicate=True)

    wamid = await sandbox.sent()
    await sandbox.wait("delivery", wamid=wamid, count="6")

    assert Counter(receiver.updates()) == {(wamid, "sent"): 2, (wamid, "delivered"): 2, (wamid, "read"): 2}


async def test_a_later_webhook_overtakes(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, reorder=0.5, seed=1)

    wamids = [await sandbox.sent() for _ in range(8)]
    await sandbox.wait("delivery", status="read", count="8")
    await sandbox.wait("delivery", count=str(1 + 3 * 8))

    orders = [[status for wamid, status in receiver.updates() if wamid == one] for one in wamids]
    assert all(sorted(order) == ["delivered", "read", "sent"] for order in orders)
    assert any(order != ["sent", "delivered", "read"] for order in orders)


async def test_with_reorder_for_all_a_later_webhook_overtakes_each_time(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    await troubled(sandbox, reorder=True)

    wamid = await sandbox.sent()
    await sandbox.wait("delivery", wamid=wamid, count="3")

    assert [status for one, status in receiver.updates() if one == wamid] == ["delivered", "sent", "read"]


async def test_a_webhook_is_delayed(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, delay_ms=[400, 500])
    loop = asyncio.get_running_loop()

    await sandbox.sent()
    start = loop.time()
    await receiver.until(1)

    assert loop.time() - start > 0.3


async def test_a_dropped_webhook_is_given_up_without_a_try(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, drop=True)

    wamid = await sandbox.sent()
    dropped = await sandbox.wait("delivery", wamid=wamid, count="3")
    status, _ = await sandbox.control("DELETE", "/trouble")
    after = await sandbox.sent()
    await receiver.until(3)

    assert {(item["taken"], item["attempts"], item["http"]) for item in dropped} == {(False, 0, None)}
    assert status == 204
    assert {wamid for wamid, _ in receiver.updates()} == {after}


async def test_updates_travel_together_and_signed(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, batch=1000)

    wamids = [await sandbox.sent() for _ in range(20)]
    await sandbox.wait("delivery", status="read", count="20")

    assert Counter(receiver.updates()) == Counter((w, s) for w in wamids for s in ("sent", "delivered", "read"))
    assert len(receiver.of("statuses")) < 40


async def test_a_batch_that_is_not_taken_is_tried_again_one_by_one(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await troubled(sandbox, batch=3)
    receiver.answers.append(500)

    wamid = await sandbox.sent()
    delivered = await sandbox.wait("delivery", wamid=wamid, count="3")

    assert {item["taken"] for item in delivered} == {True}
    assert Counter(receiver.updates())[wamid, "sent"] == 2


async def test_a_status_of_a_message_nobody_sent_has_no_callback_data(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    await troubled(sandbox, unknown_wamid=True)

    wamid = await sandbox.sent()
    await receiver.until(6)

    foreign = {one for one, _ in receiver.updates()} - {wamid}
    assert len(foreign) == 3
    assert {item["wamid"] for item in await sandbox.ledger()} == {wamid}


async def test_trouble_that_means_nothing_is_refused_in_a_sentence(sandbox: SandboxProgram) -> None:
    status, answer = await sandbox.control("POST", "/trouble", json={"drop": 2})

    assert status == 400
    assert "drop lies from 0 to 1" in answer["error"]
    assert await sandbox.control("GET", "/trouble") == (200, {"trouble": None})
