"""Group commit: what queues while a batch is written is the next batch; each gets its own answer."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from picha.gateway.store.group import GroupCommit, OverloadedError


class Register:
    """Keeps the batches it was given; a batch waits until `open` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def run(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        self.began.set()
        await self.open.wait()
        if 13 in batch:
            raise asyncpg.DataError("13 is not data")
        if 99 in batch:
            raise ConnectionResetError("gone")
        return [item * 10 for item in batch]


async def test_what_queues_during_a_batch_is_committed_together() -> None:
    register = Register()
    async with GroupCommit(register.run) as group:
        register.open.clear()
        first = asyncio.create_task(group.submit(0))
        await register.began.wait()
        others = [asyncio.create_task(group.submit(n)) for n in range(1, 6)]
        await asyncio.sleep(0)

        register.open.set()

        assert await asyncio.gather(first, *others) == [0, 10, 20, 30, 40, 50]
    assert register.batches == [[0], [1, 2, 3, 4, 5]]


async def test_who_gives_up_before_its_batch_is_begun_takes_the_item_back() -> None:
    register = Register()
    async with GroupCommit(register.run) as group:
        register.open.clear()
        first = asyncio.create_task(group.submit(0))
        await register.began.wait()
        impatient, patient = asyncio.create_task(group.submit(1)), asyncio.create_task(group.submit(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)

        register.open.set()

        assert (await first, await patient) == (0, 20)
    assert register.batches == [[0], [2]]


async def test_no_batch_is_larger_than_most() -> None:
    register = Register()
    async with GroupCommit(register.run, most=3) as group:
        await asyncio.gather(*(group.submit(n) for n in range(8)))

    assert max(map(len, register.batches)) <= 3


async def test_one_poisonous_item_fails_alone() -> None:
    async with GroupCommit(Register().run) as group:
        answers = await asyncio.gather(*(group.submit(n) for n in (12, 13, 14)), return_exceptions=True)

    assert answers[0] == 120
    assert isinstance(answers[1], asyncpg.DataError)
    assert answers[2] == 140


async def test_a_lost_connection_is_everyones_failure_and_is_tried_once() -> None:
    register = Register()
    async with GroupCommit(register.run) as group:
        answers = await asyncio.gather(*(group.submit(n) for n in (1, 99, 2)), return_exceptions=True)

    assert all(isinstance(answer, ConnectionResetError) for answer in answers)
    assert len(register.batches) == 1


async def test_a_full_queue_refuses_at_once_and_loses_nothing_it_took() -> None:
    register = Register()
    async with GroupCommit(register.run, queue=2) as group:
        register.open.clear()
        taken = [asyncio.create_task(group.submit(0))]
        await register.began.wait()
        taken += [asyncio.create_task(group.submit(n)) for n in (1, 2)]
        await asyncio.sleep(0)

        with pytest.raises(OverloadedError):
            await group.submit(3)
        register.open.set()

        assert await asyncio.gather(*taken) == [0, 10, 20]


async def test_closing_writes_what_is_queued_and_takes_nothing_more() -> None:
    register = Register()
    group = GroupCommit(register.run)
    async with group:
        waiting = asyncio.create_task(group.submit(7))
        await asyncio.sleep(0)

    assert await waiting == 70
    with pytest.raises(OverloadedError):
        await group.submit(8)


async def test_a_caller_that_went_away_does_not_disturb_the_others() -> None:
    register = Register()
    async with GroupCommit(register.run) as group:
        register.open.clear()
        gone = asyncio.create_task(group.submit(1))
        stays = asyncio.create_task(group.submit(2))
        await asyncio.sleep(0)
        gone.cancel()
        register.open.set()

        assert await stays == 20
