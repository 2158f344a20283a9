"""Nothing accepted is lost and nothing is sent twice, whatever is killed and whenever."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import aiohttp
import pytest
from tests.journeys.running import House, Talk, picture, talking, until

pytestmark = pytest.mark.timeout(240)

AT_REST = {"submitted", "failed", "unknown"}
SETTLES_WITHIN_S = 75.0


async def spoil(picha: Talk, effect: dict[str, Any], **when: Any) -> None:
    """Make trouble for sends."""
    await picha.control("POST", "/faults", json={"effect": effect, "match": {"route": "messages"}, "when": when})


async def captions(picha: Talk) -> "Counter[str]":
    """Count what Meta's stand-in took, by caption."""
    return Counter(line["caption"] for line in await picha.ledger())


async def at_rest(picha: Talk, message_id: str) -> Any:
    """Return the message once nothing more is about to be done with it."""

    async def look() -> Any:
        message = await picha.message(message_id)
        return message if message["phase"] in AT_REST else None

    return await until(look, SETTLES_WITHIN_S)


async def greeted(picha: Talk, count: int) -> list[str]:
    """Return so many customers whose windows are open."""
    customers = [picha.stranger() for _ in range(count)]
    await asyncio.gather(*(picha.hear(customer, type="text", text="Habari") for customer in customers))
    return customers


async def send_until_the_end(picha: Talk, customers: list[str], file_id: str, told: dict[str, str]) -> None:
    """Send to each customer in turn and note what was answered 202, until the other side is gone."""
    for number in range(30):
        caption = f"picture {number}"
        try:
            answer = await picha.send(to=customers[number % len(customers)], file_id=file_id, caption=caption)
        except aiohttp.ClientError:
            return
        assert answer.status == 202, answer.body
        told[caption] = answer.data["message_id"]
        await asyncio.sleep(0.02)


async def test_a_power_cut_amid_thirty_sends_loses_none_and_doubles_none(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    told: dict[str, str] = {}
    with raise_house() as house:
        async with talking(house) as picha:
            customers = await greeted(picha, 12)
            file_id = (await picha.upload(picture())).data["file_id"]
            await spoil(picha, {"hang": True, "at": "after"}, mode="every", n=3)
            await spoil(picha, {"hang": True, "at": "before"}, mode="every", n=5)
            await spoil(picha, {"delay_ms": 150})
            sending = asyncio.create_task(send_until_the_end(picha, customers, file_id, told))

            async def amid() -> bool:
                return (await captions(picha)).total() >= 6

            await until(amid)
            house.kill()
            await sending

    with raise_house(**house.ports) as again:
        async with talking(again) as picha:
            messages = {caption: await at_rest(picha, one) for caption, one in told.items()}
            taken = await captions(picha)

            assert len(told) >= 6
            assert {message["content"]["caption"] for message in messages.values()} == set(told)
            assert max(taken.values()) == 1, taken
            for caption, message in messages.items():
                # An attempt of which nobody knows whether it left is the last one.
                story = await picha.story(message["id"])
                unsure = {item["attempt"] for item in story if item["text"].startswith("No answer tells")}
                assert unsure <= {message["attempts"]}, story
                if caption in taken:
                    await picha.becomes(message["id"], "read", within_s=SETTLES_WITHIN_S)
                else:
                    # Its attempt was committed when the power went: whether it had left, nobody knows, and says so.
                    assert (message["phase"], message["status"], message["attempts"]) == ("unknown", "pending", 1)
            assert (await picha.send(to=customers[0], file_id=file_id)).status == 202


async def test_a_worker_that_is_killed_amid_sends_is_back_and_finishes(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            await _kill_the_worker(house, picha)


async def _kill_the_worker(house: House, picha: Talk) -> None:
    customers = await greeted(picha, 6)
    file_id = (await picha.upload(picture())).data["file_id"]
    await spoil(picha, {"hang": True, "at": "before"}, mode="next", n=1)
    await spoil(picha, {"hang": True, "at": "after"}, mode="next", n=3)
    sends = [(await picha.send(to=one, file_id=file_id, caption=one)).data["message_id"] for one in customers]

    async def amid() -> bool:
        return (await captions(picha)).total() == 5

    await until(amid)
    worker = house.ready.pids.worker
    assert house.child("worker") == worker
    os.kill(worker, signal.SIGKILL)

    async def back() -> bool:
        return house.child("worker") not in {None, worker}

    await until(back)
    messages = [await at_rest(picha, one) for one in sends]
    taken = await captions(picha)
    assert set(taken.values()) == {1}
    assert {message["attempts"] for message in messages} == {1}
    (lost,) = [message for message in messages if message["content"]["caption"] not in taken]
    assert (lost["phase"], lost["status"], lost["error_code"]) == ("unknown", "pending", None)
    assert "No answer tells whether WhatsApp took it" in (await picha.story(lost["id"]))[-1]["text"]
    for message in messages:
        if message is not lost:
            assert (await picha.becomes(message["id"], "read"))["phase"] == "submitted"
