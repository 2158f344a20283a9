"""What waits is counted truly, by small indexes, and by one process for all."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY
from tests.store.ground import NOON, Ground
from tests.store.test_forgetting_growth import FEW, MANY, TABLES, YOUNG_DAYS, fill
from tests.store.test_growth import execute, pages

from picha.gateway.domain.outcomes import Ambiguous
from picha.gateway.store import lanes, numbers, quarantine, raw, reading
from picha.gateway.store.quarantine import Quarantined
from picha.gateway.store.raw import Verified
from picha.gateway.store.reading import Reading
from picha.gateway.upkeep.pulse import show


async def read(ground: Ground) -> Reading:
    async with ground.pool.acquire() as connection:
        return await reading.read(connection)


async def test_everything_that_waits_is_counted_by_what_it_waits_for(ground: Ground) -> None:
    for phone in ("16505551234", "16505551235"):
        await ground.customer_writes(phone, f"wamid.IN{phone}")
    sends = [await ground.send() for _ in range(5)]
    await ground.send(media_url="https://shop.example/a.jpg", phone="16505551235")
    lease = await ground.lease()
    lost, flying = [await ground.begin(lease, message) for message in sends[:2]]
    await ground.settle(sends[0], lost, Ambiguous("lost"))
    await ground.pool.execute("UPDATE pair SET next_due = now() - interval '1 minute'")
    await ground.meta_says("wamid.STRANGER", "sent", "delivered")
    await raw.keep(ground.pool, [Verified(ground.ids.uuid(), "1", b"d" * 32, b"{}")])
    async with ground.pool.acquire() as connection:
        await quarantine.add(connection, [Quarantined(ground.ids.uuid(), ground.ids.uuid(), "$", "odd", b"{}")])

    told = await read(ground)

    assert flying
    assert told.waiting == {"image_wait": 1, "queued": 3, "sending": 1, "unknown": 1, "fetch": 2}
    assert (told.webhooks, told.parked, told.quarantined) == (1, 2, 1)
    assert told.webhooks_oldest_s > 0
    (sender,) = told.senders
    assert (sender.id, sender.waiting, sender.is_active, sender.is_owned) == (ground.sender, 6, True, True)
    assert 60 <= sender.oldest_s < 120
    assert told.orphaned == {"prepare": 0, "batch": 0, "send": 0, "hear": 0, "tell": 0}


async def test_nothing_waits_in_a_new_gateway(ground: Ground) -> None:
    told = await read(ground)

    assert set(told.waiting.values()) == {0}
    assert (told.webhooks, told.webhooks_oldest_s, told.senders[0].oldest_s) == (0, 0, 0)
    assert not told.senders[0].is_owned


async def test_a_lane_with_overdue_work_and_no_owner_is_told(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.send()
    await ground.send(media_url="https://shop.example/a.jpg")
    assert set((await read(ground)).orphaned.values()) == {0}

    for column in ("message SET due_at", "pair SET next_due"):
        await ground.pool.execute(f"UPDATE {column} = now() - interval '16 s'")
    assert (await read(ground)).orphaned == {"prepare": 1, "batch": 0, "send": 1, "hear": 1, "tell": 0}

    assert await numbers.pause(ground.pool, ground.sender, "operator")
    assert (await read(ground)).orphaned == {"prepare": 1, "batch": 0, "send": 0, "hear": 1, "tell": 0}
    assert (await read(ground)).senders[0].paused_for == "operator"

    await numbers.resume(ground.pool, ground.sender)
    assert await lanes.take(ground.pool, lanes.SEND, ground.ids.uuid(), most=1)
    assert (await read(ground)).orphaned == {"prepare": 1, "batch": 0, "send": 0, "hear": 1, "tell": 0}


async def test_of_many_that_ask_one_reads_and_all_are_told(ground: Ground) -> None:
    answers = await asyncio.gather(*(reading.told(ground.pool) for _ in range(6)))
    later = await asyncio.gather(*(reading.told(ground.pool) for _ in range(6)))

    assert {at for at, _ in filter(None, answers)} == {at for at, _ in filter(None, later)}
    assert len({at for at, _ in filter(None, later)}) == 1
    assert None not in later

    await ground.pool.execute("UPDATE reading SET read_at = read_at - interval '5 s'")
    again, last = await reading.told(ground.pool), later[0]
    assert again is not None
    assert last is not None
    assert again[0] > last[0]


async def test_the_count_of_what_waits_touches_no_more_pages_when_much_is_stored(ground: Ground, database: str) -> None:
    await ground.customer_writes(image_state="stored")
    await ground.send()
    await fill(database, FEW, YOUNG_DAYS)
    await execute(database, "DELETE FROM evidence WHERE attempt_id IS NULL; DELETE FROM quarantine")
    for _ in range(8):
        await read(ground)
    before = await pages(ground.pool)
    await read(ground)
    with_few = await pages(ground.pool) - before
    await fill(database, MANY, YOUNG_DAYS + 1)
    await execute(database, "DELETE FROM evidence WHERE attempt_id IS NULL; DELETE FROM quarantine")
    await execute(database, "".join(f"ANALYZE {table};" for table in TABLES))
    await vacuum(database, TABLES)
    await read(ground)
    before = await pages(ground.pool)

    await read(ground)

    grown = await pages(ground.pool) - before
    assert all(grown[table] < with_few[table] + 20 for table in grown), (with_few, grown)


async def vacuum(database: str, tables: Sequence[str]) -> None:
    for table in tables:
        await execute(database, f"VACUUM {table}")


@pytest.fixture
async def told(ground: Ground) -> Reading:
    await ground.customer_writes()
    await ground.send()
    return await read(ground)


async def test_a_reading_shows_in_the_gauges_and_a_number_that_is_gone_does_not(told: Reading) -> None:
    sender = {"sender": str(told.senders[0].id)}

    show(NOON, told)
    assert REGISTRY.get_sample_value("picha_messages_waiting", {"phase": "queued"}) == 1
    assert REGISTRY.get_sample_value("picha_sender_messages_waiting", sender) == 1
    assert REGISTRY.get_sample_value("picha_sender_active", sender) == 1
    assert REGISTRY.get_sample_value("picha_sender_paused", sender | {"why": "token"}) == 0
    assert REGISTRY.get_sample_value("picha_gauges_read_timestamp_seconds") == NOON.timestamp()

    idle = {"deliveries": 0, "deliveries_oldest_s": 0, "endpoints_failing": 0, "endpoints_off": 0}
    show(
        NOON,
        Reading(waiting={}, webhooks=0, webhooks_oldest_s=0, parked=0, quarantined=0, senders=(), orphaned={}, **idle),
    )
    assert REGISTRY.get_sample_value("picha_sender_messages_waiting", sender) is None
