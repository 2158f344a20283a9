"""Caps on what is sent: who is counted, from when to when, and what several processes know of one another."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.store.ground import Ground

from picha.gateway.domain.caps import Cap
from picha.gateway.domain.once import Once
from picha.gateway.sending.budget import FRESH_S, Budget
from picha.gateway.setup import fresh_key
from picha.gateway.store import audit, keys, spending, tenants
from picha.gateway.store.keys import KeyRefusedError
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.pool import in_transaction
from picha.gateway.store.replays import Taken
from picha.gateway.store.spending import Spent
from picha.kit.clock import ManualClock

OWNER, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def cap(most: int, *, span: str = "day", owner: UUID = OWNER) -> Cap:
    return Cap(owner, "key", span, most)  # type: ignore[arg-type]


async def accept(ground: Ground, budget: Budget, *caps: Cap, count: int = 1) -> list[bool]:
    """Accept sends as one batch, and tell which were not refused."""
    refused = await budget.refusals([caps] * count)
    spent = [one for refusal in refused if refusal is None and (one := budget.spent(caps))]
    await in_transaction(ground.pool, lambda connection: spending.add(connection, spent))
    budget.note(spent)
    return [refusal is None for refusal in refused]


async def test_the_last_message_of_a_cap_goes_and_the_next_does_not_also_within_a_batch(ground: Ground) -> None:
    budget = Budget(ground.pool, ManualClock(NOON), ground.ids.uuid())

    assert await accept(ground, budget, cap(5), count=3) == [True] * 3
    assert await accept(ground, budget, cap(5), count=4) == [True, True, False, False]
    assert await accept(ground, budget, cap(5)) == [False]
    assert await accept(ground, budget, cap(6)) == [True]
    assert await accept(ground, budget, cap(0, owner=OTHER)) == [False]


async def test_a_day_and_a_month_end_at_midnight_utc(ground: Ground) -> None:
    clock = ManualClock(datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC))
    budget = Budget(ground.pool, clock, ground.ids.uuid())
    both = cap(1), cap(1, span="month", owner=OTHER)
    assert await accept(ground, budget, *both) == [True]

    [refusal] = await budget.refusals([both])

    assert refusal is not None
    assert (refusal.code, refusal.retry_after_s) == ("RATE_LIMITED", 30)
    clock.advance(timedelta(seconds=30))
    assert await accept(ground, budget, *both) == [True]


@pytest.mark.parametrize(
    ("now", "day", "month"),
    [
        (NOON, datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (NOON.replace(month=12, day=31), datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_span_ends_where_the_calendar_says(now: datetime, day: datetime, month: datetime) -> None:
    assert cap(1).ends_at(now) == day
    assert cap(1, span="month").ends_at(now) == month


async def test_of_two_full_caps_the_longer_one_is_told(ground: Ground) -> None:
    budget = Budget(ground.pool, ManualClock(NOON), ground.ids.uuid())

    [refusal] = await budget.refusals([(cap(0), cap(0, span="month"))])

    assert refusal is not None
    assert "0 messages a month" in refusal.message
    assert "picha keys cap" in refusal.message


async def test_what_another_process_accepted_is_known_within_a_second(ground: Ground) -> None:
    clock = ManualClock(NOON)
    one, another = (Budget(ground.pool, clock, ground.ids.uuid()) for _ in range(2))
    assert await accept(ground, one, cap(2)) == [True]
    assert await accept(ground, another, cap(2)) == [True]

    assert await accept(ground, one, cap(2)) == [True], "it has not looked again"
    clock.advance(timedelta(seconds=FRESH_S, milliseconds=1))

    assert await accept(ground, one, cap(2)) == [False]
    tallies = await spending.tallies(ground.pool, [OWNER], NOON.date())
    assert (tallies[OWNER].day, tallies[OWNER].month) == (3, 3)


async def test_what_is_not_written_because_its_key_was_taken_is_not_counted(ground: Ground) -> None:
    await ground.customer_writes()
    taken = Taken(ground.app.workspace_id, "test", Once("key", b"f" * 32), 202, {})
    spent = Spent([OWNER], NOON.date(), OTHER)
    sends = [replace(await ground.new_send(), spent=spent, taken=taken) for _ in range(2)]

    late = await admit(ground.pool, sends)

    assert len(late) == 1
    assert (await spending.tallies(ground.pool, [OWNER], NOON.date()))[OWNER].day == 1


async def test_who_has_no_cap_is_not_counted_and_asks_nothing(ground: Ground) -> None:
    budget = Budget(ground.pool, ManualClock(NOON), ground.ids.uuid())

    assert budget.spent(()) is None
    assert await accept(ground, budget) == [True]
    assert await ground.pool.fetchval("SELECT count(*) FROM spend") == 0


async def found(ground: Ground, text: str) -> Sequence[tuple[str, str, int]]:
    row = await keys.find(ground.pool, text[11:19])
    assert row is not None
    return [(one.whose, one.span, one.most) for one in row.caps]


async def test_caps_are_found_with_the_key_kept_when_others_change_and_taken_away(ground: Ground) -> None:
    text, key = fresh_key("test")
    await keys.add(ground.pool, ground.ids, ground.app, key)
    assert await found(ground, text) == []

    await keys.cap(ground.pool, key.public_id, per_day=10, per_month=None)
    await keys.cap(ground.pool, key.public_id, per_day=None, per_month=100)
    await tenants.cap_workspace(ground.pool, ground.app.workspace_id, per_day=0, per_month=None)

    assert await found(ground, text) == [("key", "day", 10), ("key", "month", 100), ("workspace", "day", 0)]
    await keys.cap(ground.pool, key.public_id, per_day=-1, per_month=None)
    await tenants.cap_workspace(ground.pool, ground.app.workspace_id, per_day=-1, per_month=None)
    assert await found(ground, text) == [("key", "month", 100)]
    deeds = [one.deed for one in await audit.listed(ground.pool, None, most=2)]
    assert deeds == ["workspace.capped", "key.capped"]
    with pytest.raises(KeyRefusedError, match="is active"):
        await keys.cap(ground.pool, "nobody00", per_day=1, per_month=None)


async def test_a_rotated_key_and_its_heir_have_one_cap_and_are_counted_as_one(ground: Ground) -> None:
    text, key = fresh_key("test")
    await keys.add(ground.pool, ground.ids, ground.app, key)
    await keys.cap(ground.pool, key.public_id, per_day=10, per_month=None)
    heir, heirs_key = fresh_key("test")

    await keys.rotate(ground.pool, ground.ids, key.public_id, heirs_key, timedelta(hours=1))
    await keys.cap(ground.pool, heirs_key.public_id, per_day=20, per_month=None)

    assert await found(ground, text) == await found(ground, heir) == [("key", "day", 20)]
    rows = [await keys.find(ground.pool, one[11:19]) for one in (text, heir)]
    assert len({row.caps[0].owner for row in rows if row}) == 1


async def test_counts_go_when_their_month_and_the_next_are_over(ground: Ground) -> None:
    await ground.pool.execute(
        "INSERT INTO spend SELECT $1, (date_trunc('month', now()) + ago::interval)::date, $1, 1"
        " FROM unnest('{0,-1 month,-1 month -1 day}'::text[]) AS ago",
        OWNER,
    )

    assert await spending.drop(ground.pool, most=10) == 1
    assert await ground.pool.fetchval("SELECT count(*) FROM spend") == 2
