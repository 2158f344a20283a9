"""What waits for a number is counted beside the accepts; the limit holds as if it were counted in them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from tests.journeys.running import until
from tests.store.ground import NOON, PNID, VAULT, Ground

from picha.gateway.domain.admission import Refusal, Send
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.times import Times
from picha.gateway.sending.accept import Accept, Receipt
from picha.gateway.sending.backlog import Backlog
from picha.gateway.store.ledger.admit import NewSend, admit
from picha.gateway.store.pool import Pool, open_pool
from picha.kit.clock import ManualClock

CAP = 20
OTHER = "20654035224292"
# A number sends 80 a second, so that it is behind by more than this with the second message.
LIMIT_S = 1 / 80


@dataclass
class Desk:
    """Accepts whose counts take their connections from a pool of their own, which `stalled` takes all of."""

    ground: Ground
    clock: ManualClock
    accept: Accept
    counts: Pool

    async def send(self, number: str = PNID) -> Receipt | Refusal:
        command = Send(
            workspace_id=self.ground.app.workspace_id,
            environment="test",
            app_id=self.ground.app.app_id,
            to="16505551234",
            sender=number,
            text="Habari",
        )
        return await asyncio.wait_for(self.accept.send(command), CAP)

    async def stalled(self, stack: AsyncExitStack) -> None:
        for _ in range(2):
            await stack.enter_async_context(self.counts.acquire())


@pytest.fixture
async def desk(ground: Ground, database: str) -> AsyncIterator[Desk]:
    clock = ManualClock(NOON)
    await ground.customer_writes(image_state=None)
    await (await ground.another_number(OTHER)).customer_writes(wamid="wamid.IN2", image_state=None)
    async with open_pool(database, size=2) as counts:
        times = Times(clock, AccountBook(ground.pool, VAULT, clock))
        accept = Accept(ground.pool, clock, ground.ids, times, Backlog(counts, clock, limit_s=LIMIT_S))
        async with accept.group:
            yield Desk(ground, clock, accept, counts)


async def test_a_count_that_takes_long_keeps_nobody_waiting_of_a_number_that_had_room(desk: Desk) -> None:
    async with AsyncExitStack() as stack:
        await desk.stalled(stack)
        first = asyncio.create_task(desk.send())

        async def counts() -> bool:
            return bool(desk.accept._backlog._counting)

        await until(counts)
        desk.clock.advance(timedelta(seconds=1))
    assert isinstance(await first, Receipt)
    async with AsyncExitStack() as stack:
        await desk.stalled(stack)
        desk.clock.advance(timedelta(seconds=50))

        assert isinstance(await desk.send(), Receipt)


async def test_sends_of_many_numbers_are_decided_once_however_long_what_is_written_takes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []

    async def slow(pool: Pool, sends: Sequence[NewSend]) -> Collection[UUID]:
        batches.append(len(sends))
        desk.clock.advance(timedelta(seconds=1.2))
        return await admit(pool, sends)

    monkeypatch.setattr(desk.accept, "_write", slow)

    answers = await asyncio.gather(*(desk.send(number) for number in (PNID, OTHER) * 8))

    assert {type(answer) for answer in answers} == {Receipt}
    # The first came alone, and all others while it was written.
    assert len(batches) <= 2


async def test_a_number_that_is_asked_about_again_and_again_is_counted_while_its_last_count_is_used(desk: Desk) -> None:
    await desk.send()
    desk.clock.advance(timedelta(seconds=0.6))
    await desk.send()
    async with AsyncExitStack() as stack:
        await desk.stalled(stack)
        desk.clock.advance(timedelta(seconds=0.6))

        # The first count is too old by now, and no other can be made.
        await desk.send()


async def test_a_number_with_much_room_is_not_counted_for_every_send(desk: Desk) -> None:
    await desk.ground.pool.execute("UPDATE sender SET per_second = 1e8")
    await desk.send()
    async with AsyncExitStack() as stack:
        await desk.stalled(stack)
        desk.clock.advance(timedelta(seconds=4))

        assert isinstance(await desk.send(), Receipt)
        assert not desk.accept._backlog._counting


async def test_a_number_past_its_limit_takes_no_more_and_takes_more_as_soon_as_it_is_not(desk: Desk) -> None:
    taken: list[UUID] = []
    for _ in range(2):
        answer = await desk.send()
        assert isinstance(answer, Receipt)
        taken.append(answer.message_id)
        desk.clock.advance(timedelta(seconds=1))

    refused = await desk.send()
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.retry_after_s) == ("BACKLOG_FULL", 1)

    await desk.ground.pool.execute("UPDATE message SET phase = 'submitted' WHERE id = $1", taken[0])
    desk.clock.advance(timedelta(seconds=1))
    assert isinstance(await desk.send(), Receipt)
