"""Two transactions in each other's way, in a real PostgreSQL."""

import asyncio

import asyncpg
import pytest
import structlog
from tests.journeys.running import until
from tests.store.ground import Ground

from picha.gateway.store import lanes
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.pool import Connection, in_transaction, open_pool

CAP = 30


async def test_of_two_transactions_in_each_other_s_way_both_are_done_one_of_them_once_more(ground: Ground) -> None:
    both_hold = asyncio.Barrier(2)
    tries = {1: 0, 2: 0}

    async def crosses(first: int, second: int) -> int:
        async def work(connection: Connection) -> int:
            tries[first] += 1
            await connection.execute("SELECT pg_advisory_xact_lock($1)", first)
            if tries[first] == 1:
                await both_hold.wait()
            await connection.execute("SELECT pg_advisory_xact_lock($1)", second)
            return first

        return await in_transaction(ground.pool, work)

    done = await asyncio.wait_for(asyncio.gather(crosses(1, 2), crosses(2, 1)), CAP)

    assert list(done) == [1, 2]
    assert sorted(tries.values()) == [1, 2]


async def test_who_is_in_the_way_again_and_again_waits_longer_each_time_and_gives_up(ground: Ground) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$")

    with structlog.testing.capture_logs() as told, pytest.raises(asyncpg.DeadlockDetectedError):
        await in_transaction(ground.pool, work)

    pauses = [one["pause_s"] for one in told]
    assert len(pauses) == 4
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 4


async def test_lanes_that_are_prolonged_and_begin_to_send_at_once_are_not_in_each_other_s_way(
    ground: Ground, database: str
) -> None:
    for number in range(40):
        await ground.another_number(f"206540352242{number:03}")
    keys = sorted(
        (one["key"] for one in await ground.pool.fetch("SELECT key FROM lane WHERE kind = 'send'")), reverse=True
    )
    # As they may be held and may lie: not in the order of their keys.
    for key in keys:
        taken = "UPDATE lane SET fence = 1, leased_until = now() + interval '1 hour' WHERE kind = 'send' AND key = $1"
        await ground.pool.execute(taken, key)
    leases = [Lease(lanes.SEND, key, 1) for key in keys]

    async def stand(count: int) -> bool:
        """Tell whether so many wait for a lock."""
        return bool(await ground.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") == count)

    with structlog.testing.capture_logs() as told:
        async with open_pool(database, size=3) as pool:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT FROM lane WHERE kind = 'send' AND key = $1 FOR SHARE", leases[20].key)
                renewal = asyncio.create_task(lanes.renew(pool, lanes.SEND, leases))
                await until(lambda: stand(1))
                beginnings = [Beginning(one, ground.ids.uuid(), ground.ids.uuid()) for one in leases]
                begun = asyncio.create_task(begin(pool, beginnings))
                await until(lambda: stand(2))
            kept, _ = await asyncio.wait_for(asyncio.gather(renewal, begun), CAP)

    assert kept == set(leases)
    assert told == []
