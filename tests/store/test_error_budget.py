"""The errors that a lane may make in an hour, which all workers share that have it one after the other."""

import asyncio
import time
from datetime import timedelta
from random import Random

import pytest
from tests.store.ground import Ground

from picha.gateway.domain.pace import ErrorBudget
from picha.gateway.store import lanes
from picha.gateway.store.lanes import Lease
from picha.gateway.store.pool import open_pool

BUDGET = ErrorBudget(20, timedelta(hours=1))


async def passes(ground: Ground, seconds: float) -> None:
    """Move what was spent so far into the past."""
    await ground.pool.execute("UPDATE lane SET errors_until = errors_until - make_interval(secs => $1)", seconds)


async def spend(ground: Ground, times: int = 1) -> list[bool]:
    lease = Lease(lanes.HEAR, ground.sender, 1)
    return [await lanes.spend(ground.pool, lease, BUDGET) for _ in range(times)]


async def test_half_of_the_budget_may_be_spent_at_once_and_the_other_half_as_it_is_paid_back(ground: Ground) -> None:
    assert await spend(ground, 11) == [True] * 10 + [False]
    await passes(ground, 350)
    assert await spend(ground) == [False]
    await passes(ground, 10)
    assert await spend(ground, 2) == [True, False]


async def test_what_did_not_fail_costs_nothing(ground: Ground) -> None:
    for _ in range(25):
        assert await spend(ground) == [True]
        await lanes.refund(ground.pool, Lease(lanes.HEAR, ground.sender, 1), BUDGET)

    assert await spend(ground, 11) == [True] * 10 + [False]


@pytest.mark.parametrize("seed", range(5))
async def test_of_errors_no_more_come_in_any_hour_than_the_budget_has(ground: Ground, seed: int) -> None:
    chance, moved = Random(seed), 0.0
    # Between which moments each was spent: time passes while it is, too.
    errors: list[tuple[float, float]] = []

    for _ in range(200):
        pause = chance.choice([0, 0, 0, chance.uniform(0, 600)])
        moved += pause
        await passes(ground, pause)
        before = time.monotonic()
        if all(await spend(ground)):
            errors.append((moved + before, moved + time.monotonic()))

    assert len(errors) > 25
    assert all(later - first > 3599.9 for (first, _), (_, later) in zip(errors, errors[20:], strict=False))


async def test_workers_that_spend_at_the_same_time_spend_one_budget(ground: Ground, database: str) -> None:
    lease = Lease(lanes.HEAR, ground.sender, 1)
    async with open_pool(database) as other:
        pools = [ground.pool, other] * 15

        spent = await asyncio.gather(*(lanes.spend(pool, lease, BUDGET) for pool in pools))

    assert sum(spent) == 10


async def test_each_number_has_a_budget_of_its_own(ground: Ground) -> None:
    other = await ground.another_number("20654035224292")
    await spend(ground, 10)

    assert await spend(other) == [True]
