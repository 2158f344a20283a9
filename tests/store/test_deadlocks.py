"""Two transactions in each other's way, in a real PostgreSQL."""

import asyncio

import asyncpg
import pytest
import structlog
from tests.store.ground import Ground

from picha.gateway.store.pool import Connection, in_transaction

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
