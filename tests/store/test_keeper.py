"""The loop that drains lanes, against a real PostgreSQL: every piece once, nothing after the lease is gone."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.store.ground import NOON, Ground

from picha.gateway.domain.lane import Due
from picha.gateway.domain.rest import Landing, Resting
from picha.gateway.lanes.doorbell import doorbell
from picha.gateway.lanes.keeper import Keeper
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import lanes, outbox, tenants
from picha.gateway.store.lanes import Lease, Leases
from picha.gateway.store.ledger import decide, turns
from picha.kit.clock import ManualClock, SystemClock
from picha.kit.ids import Ids

CAP = 20


class Tally:
    """Notes what was performed, and lets a test wait for a number of pieces."""

    def __init__(self) -> None:
        self.done: list[UUID] = []
        self._landed = asyncio.Semaphore(0)

    def note(self, piece: UUID) -> None:
        self.done.append(piece)
        self._landed.release()

    async def reaches(self, count: int) -> None:
        async with asyncio.timeout(CAP):
            for _ in range(count):
                await self._landed.acquire()


class Sending:
    """Work that ends a send by refusing it, and notes who did what; it fails where it is told to."""

    def __init__(self, lease: Lease, ground: Ground, tally: Tally, *, failing: set[UUID]) -> None:
        self.lease, self.ground, self.tally, self.failing = lease, ground, tally, failing

    async def opened(self) -> None:
        await decide.orphan(self.ground.pool, self.lease, PAIR_PACE)

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        sends, idle = await outbox.sends(self.ground.pool, self.lease.key, busy=busy, most=50)
        await turns.rest(self.ground.pool, self.lease.key, idle, PAIR_PACE)
        return [Due(one.id, one.conversation_id) for one in sends]

    async def perform(self, piece: Due) -> Landing:
        if piece.id in self.failing:
            self.failing.discard(piece.id)
            raise RuntimeError("a defect")
        await decide.refuse(self.ground.pool, piece.id, code="EXPIRED", title="Expired", detail="For the test.")
        self.tally.note(piece.id)
        return Landing.FINE


@asynccontextmanager
async def keeping(ground: Ground, database: str, tally: Tally, failing: Iterable[UUID] = ()) -> AsyncIterator[Keeper]:
    defects = set(failing)
    async with doorbell(database, lanes.CHANNELS.values()) as bell:
        keeper = Keeper(
            Leases(ground.pool, lanes.SEND, ground.ids.uuid()),
            bell,
            SystemClock(),
            work=lambda lease: Sending(lease, ground, tally, failing=defects),
        )
        running = asyncio.create_task(keeper.run())
        try:
            yield keeper
        finally:
            keeper.stop()
            await asyncio.wait_for(running, CAP)


async def test_sends_of_many_people_are_each_performed_once_and_in_order_for_each(
    ground: Ground, database: str
) -> None:
    phones = [f"1650555000{n}" for n in range(4)]
    for phone in phones:
        await ground.customer_writes(phone, f"wamid.{phone}", image_state=None)
    file = await ground.picture()
    tally = Tally()

    async with keeping(ground, database, tally):
        sent = {phone: [await ground.send(file=file, phone=phone) for _ in range(5)] for phone in phones}
        await tally.reaches(20)

    assert sorted(tally.done) == sorted(message for messages in sent.values() for message in messages)
    for messages in sent.values():
        assert [message for message in tally.done if message in messages] == messages


async def test_two_keepers_share_the_work_without_doing_any_twice(ground: Ground, database: str) -> None:
    await ground.customer_writes(image_state=None)
    file = await ground.picture()
    tally = Tally()

    async with keeping(ground, database, tally), keeping(ground, database, tally):
        sent = [await ground.send(file=file) for _ in range(20)]
        await tally.reaches(20)

    assert sorted(tally.done) == sorted(sent)


async def test_a_defect_in_one_piece_neither_ends_the_lane_nor_loses_the_piece(ground: Ground, database: str) -> None:
    await ground.customer_writes(image_state=None)
    file = await ground.picture()
    sent = [await ground.send(file=file) for _ in range(3)]
    tally = Tally()

    async with keeping(ground, database, tally, {sent[0]}):
        await tally.reaches(3)

    assert sorted(tally.done) == sorted(sent)


class Throttled:
    """Work of which Meta always wants less; `looked` is set at each look, and `begun` when a piece was begun."""

    def __init__(self, ids: Ids) -> None:
        self.ids, self.looked, self.begun = ids, asyncio.Event(), asyncio.Event()

    async def opened(self) -> None:
        """Nothing to clean up."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        self.looked.set()
        return () if busy else [Due(self.ids.uuid(), self.ids.uuid())]

    async def perform(self, piece: Due) -> Landing:  # noqa: ARG002 - one is like the other
        self.begun.set()
        return Landing.THROTTLED


@pytest.mark.parametrize("ending", ["is stopped", "loses its lane", "dies"])
async def test_a_lane_that_rests_goes_on_resting_with_its_next_owner(
    ground: Ground, database: str, ending: str
) -> None:
    await ground.customer_writes(image_state=None)
    await ground.send()
    # After so many rests the next one is half a minute at least.
    await ground.pool.execute("UPDATE lane SET rests = 7 WHERE kind = 'send'")
    first, second, clock = Throttled(ground.ids), Throttled(ground.ids), ManualClock(NOON)
    async with doorbell(database, lanes.CHANNELS.values()) as bell, asyncio.timeout(CAP):
        keepers = [
            Keeper(Leases(ground.pool, lanes.SEND, ground.ids.uuid()), bell, SystemClock(), work=lambda _: first),
            Keeper(Leases(ground.pool, lanes.SEND, ground.ids.uuid()), bell, clock, work=lambda _: second),
        ]
        before = asyncio.create_task(keepers[0].run())
        if ending == "is stopped":
            await first.begun.wait()
            keepers[0].stop()
            await before
        else:
            resting = "SELECT rests_until > now() FROM lane WHERE kind = 'send'"
            while not await ground.pool.fetchval(resting):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if ending == "dies":
                before.cancel()
                await asyncio.wait([before])
            await ground.pool.execute("UPDATE lane SET leased_until = NULL WHERE kind = 'send'")

        after = asyncio.create_task(keepers[1].run())
        await second.looked.wait()
        for _ in range(3):
            second.looked.clear()
            bell.ring(lanes.CHANNELS[lanes.SEND])
            clock.advance(timedelta(seconds=1.1))
            await second.looked.wait()
        assert not second.begun.is_set()

        # The lease is over by that clock, too: the lane is given back, and taken anew.
        clock.advance(timedelta(seconds=60))
        await second.begun.wait()
        for keeper in keepers:
            keeper.stop()
        await asyncio.gather(after, before, return_exceptions=True)


async def test_a_lane_whose_number_is_well_again_leaves_no_rest_behind(ground: Ground) -> None:
    await ground.customer_writes(image_state=None)
    await ground.send()
    lease = replace(await ground.lease(), resting=Resting(30, 4))
    await lanes.renew(ground.pool, lanes.SEND, [lease])

    await lanes.release(ground.pool, replace(lease, resting=Resting()))

    assert (await ground.lease()).resting == Resting()


class Endless:
    """Work that never ends."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    async def opened(self) -> None:
        """Nothing to clean up."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        return () if busy else [Due(self.ids.uuid(), self.ids.uuid())]

    async def perform(self, piece: Due) -> Landing:  # noqa: ARG002 - one is like the other
        await asyncio.sleep(0.1)
        return Landing.MUTE


@asynccontextmanager
async def endless(
    ground: Ground, database: str, owner: UUID, *, most: int = 256, began: set[UUID] | None = None
) -> AsyncIterator[None]:
    """Keep lanes of received pictures, in which the work never ends; note in `began` whose were worked on."""

    def work(lease: Lease) -> Endless:
        if began is not None:
            began.add(lease.key)
        return Endless(ground.ids)

    async with doorbell(database, lanes.CHANNELS.values()) as bell:
        leases = Leases(ground.pool, lanes.HEAR, owner)
        keeper = Keeper(leases, bell, SystemClock(), work=work, most=most)
        running = asyncio.create_task(keeper.run())
        try:
            yield
        finally:
            keeper.stop()
            await asyncio.wait_for(running, CAP)


async def test_a_keeper_that_comes_later_gets_its_share_of_busy_lanes_and_leaves_it_when_it_goes(
    ground: Ground, database: str
) -> None:
    for number in range(3):
        other = await ground.another_number(f"10654035224293{number}")
        await other.customer_writes(wamid=f"wamid.{number}")
    await ground.customer_writes(wamid="wamid.mine")
    first, second = ground.ids.uuid(), ground.ids.uuid()

    async def come_to(*wanted: int) -> None:
        held = "SELECT count(*) FROM lane WHERE owner = $1 AND leased_until > now()"
        async with asyncio.timeout(CAP):
            while [await ground.pool.fetchval(held, one) for one in (first, second)] != [*wanted]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async with endless(ground, database, first):
        await come_to(4, 0)
        async with endless(ground, database, second):
            await come_to(2, 2)
        await come_to(4, 0)


async def test_lanes_whose_work_never_ends_let_others_have_a_turn(ground: Ground, database: str) -> None:
    numbers = [ground, *[await ground.another_number(f"10654035224293{number}") for number in range(3)]]
    for place, number in enumerate(numbers):
        await number.customer_writes(wamid=f"wamid.{place}")
    began: set[UUID] = set()

    async with endless(ground, database, ground.ids.uuid(), most=2, began=began), asyncio.timeout(CAP):
        while began != {number.sender for number in numbers}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_a_lease_tells_whose_its_lane_is(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.send(media_url="https://shop.example/a.jpg")

    leases = [await ground.lease(kind) for kind in (lanes.HEAR, lanes.PREPARE)]

    assert [one.workspace for one in leases] == [ground.app.workspace_id] * 2


async def test_a_keeper_learns_what_a_workspace_weighs(ground: Ground) -> None:
    leases = Leases(ground.pool, lanes.SEND, ground.ids.uuid())
    before = await leases.weights()

    await tenants.weigh_workspace(ground.pool, ground.app.workspace_id, 3)

    assert (before, await leases.weights()) == ({}, {ground.app.workspace_id: 3})


async def test_a_stopped_keeper_gives_its_lane_back_at_once(ground: Ground, database: str) -> None:
    await ground.customer_writes(image_state=None)
    tally = Tally()
    async with keeping(ground, database, tally):
        await ground.send()
        await tally.reaches(1)

    await ground.send()

    assert (await ground.lease()).fence == 2
