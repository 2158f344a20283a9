"""What is told of an hour is what its messages say, counted once or ten times, whatever else is stored."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.store.ground import Ground

from picha.gateway.domain.outcomes import Accepted, Rejected
from picha.gateway.store import tenants, turnouts
from picha.gateway.store.pool import Pool
from picha.gateway.store.turnouts import SETTLED_AFTER, STEPS_OF_TEN, Turnout
from picha.kit.ids import earliest

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

# Messages of every state and age: each hour of four days has its share, in two workspaces' numbers.
FILL = """
INSERT INTO contact (id, workspace_id) SELECT md5(id::text)::uuid, workspace_id FROM sender;
INSERT INTO conversation (id, workspace_id, sender_id, contact_id)
SELECT md5(id || 'thread')::uuid, workspace_id, id, md5(id::text)::uuid FROM sender;
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, is_echo, message_type,
    phase, status, created_at, sent_at, delivered_at)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
    workspace_id, md5(sender.id || 'thread')::uuid, sender.id, md5(sender.id::text)::uuid, n % 5 > 0, n % 11 = 1,
    'image', CASE WHEN n % 5 = 0 THEN 'received' WHEN n % 7 = 1 THEN 'cancelled' WHEN n % 7 = 2 THEN 'unknown'
        WHEN n % 7 = 3 THEN 'queued' ELSE 'submitted' END,
    CASE WHEN n % 5 = 0 THEN 'received' WHEN n % 7 = 1 THEN 'failed' WHEN n % 7 IN (2, 3) THEN 'pending'
        ELSE (ARRAY['sent', 'delivered', 'read'])[n % 3 + 1] END,
    at, at + n * interval '10 ms', at + n * interval '30 ms'
FROM sender, generate_series(1, {many}) AS n, LATERAL (SELECT now() - n * interval '{every}') AS span (at);
"""
SAID = """
SELECT CASE WHEN NOT is_outbound THEN 'received' WHEN is_echo THEN 'echoed' WHEN phase IN ('cancelled', 'unknown')
    THEN phase WHEN status = 'pending' THEN 'waiting' ELSE status END, count(*)
FROM message WHERE workspace_id = $1 AND id >= $2 AND id < $3 GROUP BY 1
"""


async def fill(database: str, *, many: int = 400, every: str = "15 minutes") -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(FILL.format(many=many, every=every))
    await connection.close()


async def count_all(pool: Pool) -> int:
    counted = 0
    while await turnouts.count_next(pool, back=5 * DAY):
        counted += 1
    return counted


async def hourly(ground: Ground) -> list[Turnout]:
    return await turnouts.told(ground.pool, ground.app.workspace_id, "test", since=LONG_AGO, every=HOUR)


def parts(one: Turnout) -> dict[str, int]:
    names = ("received", "echoed", "waiting", "unknown", "sent", "delivered", "read", "failed", "cancelled")
    return {name: number for name in names if (number := getattr(one, name))}


async def test_every_hour_says_what_its_messages_say(ground: Ground, database: str) -> None:
    other = await tenants.add_workspace(ground.pool, ground.ids, "Other")
    await fill(database)

    await count_all(ground.pool)

    told = await hourly(ground)
    assert len(told) > 95
    for one in told:
        span = earliest(one.at), earliest(one.at + HOUR)
        assert parts(one) == dict(map(tuple, await ground.pool.fetch(SAID, ground.app.workspace_id, *span)))
    assert sum(sum(parts(one).values()) for one in told) == 400
    assert await turnouts.told(ground.pool, other.workspace_id, "test", since=LONG_AGO, every=HOUR) == []
    assert await turnouts.told(ground.pool, ground.app.workspace_id, "live", since=LONG_AGO, every=HOUR) == []


async def test_a_day_is_the_sum_of_its_hours(ground: Ground, database: str) -> None:
    await fill(database)
    await count_all(ground.pool)

    days = await turnouts.told(ground.pool, ground.app.workspace_id, "test", since=LONG_AGO, every=DAY)

    assert all(one.at.hour == 0 for one in days)
    hours = await hourly(ground)
    for day in days:
        of_day = [one for one in hours if day.at <= one.at < day.at + DAY]
        assert day.accepted == sum(one.accepted for one in of_day)
        assert sum(day.steps["to_sent"].values()) == sum(sum(one.steps["to_sent"].values()) for one in of_day)


async def test_counting_again_changes_nothing_but_what_changed(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    await count_all(ground.pool)
    before = await hourly(ground)
    await ground.pool.execute("UPDATE turnout_hour SET due_at = now() WHERE due_at IS NOT NULL")
    await count_all(ground.pool)
    assert await hourly(ground) == before
    assert [parts(one) for one in before] == [{"received": 1, "waiting": 1}]
    lease = await ground.lease()
    await ground.settle(message, await ground.begin(lease, message), Accepted("wamid.OUT"))
    await ground.meta_says("wamid.OUT", "sent", "delivered")
    await ground.pool.execute("UPDATE turnout_hour SET due_at = now() WHERE due_at IS NOT NULL")

    await count_all(ground.pool)

    [after] = await hourly(ground)
    assert parts(after) == {"received": 1, "delivered": 1}
    # Created at noon and sent at noon; delivered a second later.
    assert after.steps == {"to_sent": {0: 1}, "to_delivered": {3 * STEPS_OF_TEN: 1}}


async def test_a_refused_send_is_told_as_failed(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease = await ground.lease()
    await ground.settle(message, await ground.begin(lease, message), Rejected("131047", "Re-engagement", "no"))

    await count_all(ground.pool)

    assert [parts(one) for one in await hourly(ground)] == [{"received": 1, "failed": 1}]


async def test_an_hour_that_settled_is_not_counted_any_more(ground: Ground, database: str) -> None:
    await fill(database)
    await count_all(ground.pool)

    due = await ground.pool.fetch("SELECT at FROM turnout_hour WHERE due_at IS NOT NULL ORDER BY at")

    oldest = due[0]["at"]
    now = await ground.pool.fetchval("SELECT now()")
    assert now - SETTLED_AFTER - 2 * HOUR <= oldest <= now - SETTLED_AFTER + HOUR
    assert len(due) in {72, 73, 74}
    assert await count_all(ground.pool) == 0


async def test_what_was_counted_stays_when_messages_are_let_go_of_and_goes_in_its_own_time(
    ground: Ground, database: str
) -> None:
    await fill(database)
    await count_all(ground.pool)
    connection = await asyncpg.connect(database)
    await connection.execute("DELETE FROM message")
    await connection.close()
    kept = await hourly(ground)

    gone = await turnouts.drop(ground.pool, after=timedelta(days=2), most=500)

    assert len(kept) > 95
    assert gone > 40
    assert len(await hourly(ground)) == len(kept) - gone
    assert await ground.pool.fetchval("SELECT count(*) FROM turnout_hour") == 100 + 1


async def test_no_hour_is_counted_before_there_was_a_message(ground: Ground, database: str) -> None:
    assert await count_all(ground.pool) == 1
    await ground.pool.execute("DELETE FROM turnout_hour")
    await fill(database, many=8, every="15 minutes")

    assert await count_all(ground.pool) == 2 + 1


async def test_two_that_count_at_once_take_different_hours(ground: Ground, database: str) -> None:
    await fill(database)
    await turnouts.count_next(ground.pool, back=DAY)

    async with ground.pool.acquire() as connection, connection.transaction():
        taken = await connection.fetchval(
            "SELECT at FROM turnout_hour WHERE due_at <= now() ORDER BY at DESC LIMIT 1 FOR UPDATE"
        )
        other = await turnouts.count_next(ground.pool, back=DAY)

    assert other == taken - HOUR


async def test_it_says_as_of_when_it_is_and_what_waits_now(ground: Ground) -> None:
    assert await turnouts.as_of(ground.pool) is None
    await ground.customer_writes()
    await ground.send()

    await turnouts.count_next(ground.pool, back=DAY)

    age = await ground.pool.fetchval("SELECT clock_timestamp()") - await turnouts.as_of(ground.pool)
    assert timedelta() <= age < timedelta(minutes=1)
    queues = await turnouts.queues(ground.pool, ground.app.workspace_id, "test")
    assert (queues.waiting, queues.unknown) == (1, 0)
    assert await turnouts.queues(ground.pool, ground.app.workspace_id, "live") == turnouts.Queues(0, 0)


@pytest.mark.parametrize("many", [50, 5000])
async def test_looking_reads_no_message(ground: Ground, database: str, many: int) -> None:
    await fill(database, many=many, every="20 seconds")
    await count_all(ground.pool)
    plans = [
        row[0]
        for statement in (turnouts._TOLD, turnouts._STEPS_TOLD)
        for row in await ground.pool.fetch(
            f"EXPLAIN {statement}", ground.app.workspace_id, "test", LONG_AGO, HOUR, None
        )
    ]

    assert not any("message" in line or "Seq Scan" in line for line in plans), plans
