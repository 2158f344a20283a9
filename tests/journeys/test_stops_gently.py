"""SIGTERM under load: who is told to stop finishes what it began, within ten seconds, and leaves no send unknown."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import aiohttp
import pytest
from tests.journeys.running import House, talking, until
from tests.journeys.test_database_away import enough, see_that_all_arrived, the_callers
from tests.journeys.test_survives import spoil

pytestmark = pytest.mark.timeout(300)

Raise = Callable[..., AbstractContextManager[House]]
# What the drain is allowed, and the time that a busy machine takes to end a process.
DRAIN_S, SLACK_S = 10.0, 5.0


async def told_to_stop(house: House, name: str) -> float:
    """Tell a program to stop, and return how long it took until another stood in its place."""
    pid = house.child(name)
    assert pid is not None
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)

    async def is_another() -> bool:
        return house.child(name) not in {None, pid}

    await until(is_another)
    return time.monotonic() - began


async def test_a_worker_that_is_told_to_stop_under_load_leaves_no_send_unknown(raise_house: Raise) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            callers = await the_callers(picha, 20)
            await spoil(picha, {"delay_ms": 400})
            took = []
            async with callers.at_work():
                for times in range(1, 4):
                    await until(partial(enough, callers, times * 25))
                    took.append(await told_to_stop(house, "worker"))
            await see_that_all_arrived(picha, callers)

            assert max(took) < DRAIN_S + SLACK_S
            assert callers.refused == []
            stories = [await picha.story(message) for message in callers.accepted.values()]
            texts = {item["text"] for story in stories for item in story}
            assert not {text for text in texts if text.startswith("No answer tells")}, texts


async def test_a_worker_that_is_told_to_stop_waits_ten_seconds_for_an_answer_and_no_longer(raise_house: Raise) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            callers = await the_callers(picha, 6)
            await spoil(picha, {"hang": True, "at": "before"}, mode="next", n=1)
            lost = (await callers.once()).data["message_id"]

            async def is_begun() -> bool:
                return bool((await picha.message(lost))["phase"] == "sending")

            await until(is_begun)
            for _ in range(5):
                await callers.once()

            assert await told_to_stop(house, "worker") < DRAIN_S + SLACK_S

            async def is_unknown() -> bool:
                return bool((await picha.message(lost))["phase"] == "unknown")

            await until(is_unknown)
            del callers.accepted["picture 1"]
            await see_that_all_arrived(picha, callers)


async def test_an_api_that_is_told_to_stop_under_load_keeps_all_that_it_answered_202(raise_house: Raise) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            callers = await the_callers(picha, 20)
            async with callers.at_work(may_lose=(aiohttp.ClientError,)):
                for times in range(1, 4):
                    await until(partial(enough, callers, times * 25))
                    assert await told_to_stop(house, "api") < DRAIN_S + SLACK_S
                await until(partial(enough, callers, 100))

            await see_that_all_arrived(picha, callers)
