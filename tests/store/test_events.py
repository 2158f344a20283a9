"""Customers are told of each change once and in order, and who reads the log by cursor misses nothing of it."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from tests.store.ground import Ground, at
from tests.store.test_ledger_advance import begun

from picha.gateway.domain.facts import StatusSeen
from picha.gateway.domain.outcomes import CANCELLED, GIVE_UP_AFTER, UNKNOWN, Accepted, Ambiguous, Rejected
from picha.gateway.store import events, lanes, pruning, tenants
from picha.gateway.store.events import Cursor, EventView, Part
from picha.gateway.store.ledger import decide, equip, forget, withdraw, witness
from picha.gateway.store.ledger.settle import Settlement
from picha.gateway.store.pool import in_transaction

RANKS = ("sent", "failed", "delivered", "read")
# As it would be read by the number of the row alone.
BY_NUMBER_ALONE = "SELECT seq, message_id FROM event WHERE seq > $1 ORDER BY seq"


async def read(ground: Ground, cursor: Cursor | None = None, *, limit: int = 1000, app: UUID | None = None) -> Part:
    return await events.after(
        ground.pool,
        ground.app.workspace_id,
        "test",
        app=app or ground.app.app_id,
        cursor=cursor,
        limit=limit,
    )


async def told(ground: Ground, message: UUID) -> list[EventView]:
    """Return what is told of one message, numbered from 1 without a gap."""
    found = [one for one in (await read(ground)).events if one.message_id == message]
    assert [one.sequence for one in found] == list(range(1, len(found) + 1))
    return found


async def kinds(ground: Ground, message: UUID) -> list[str]:
    return [one.kind for one in await told(ground, message)]


async def sent(ground: Ground, wamid: str = "wamid.OUT1") -> UUID:
    """Send a picture to a customer who has written, and have Meta take it."""
    await ground.customer_writes(image_state="stored")
    message = await ground.send()
    [attempt] = await begun(ground, [message])
    await ground.settle(message, attempt, Accepted(wamid))
    return message


async def test_a_send_is_told_from_sent_to_read_with_the_times_of_each(ground: Ground) -> None:
    message = await sent(ground)
    assert await told(ground, message) == []

    for n, status in enumerate(("sent", "delivered", "read")):
        await ground.meta_says("wamid.OUT1", status, seconds=n)

    found = await told(ground, message)
    assert [(one.kind, one.occurred_at) for one in found] == [("sent", at(0)), ("delivered", at(1)), ("read", at(2))]
    assert {(one.provider_message_id, one.app_id, one.error_code) for one in found} == {
        ("wamid.OUT1", ground.app.app_id, None)
    }
    assert {(one.sender, one.recipient) for one in found} == {("15550783881", "16505551234")}


async def test_what_comes_in_one_batch_is_told_stage_by_stage(ground: Ground) -> None:
    message = await sent(ground)

    await ground.meta_says("wamid.OUT1", "read", "delivered", "sent")

    assert await kinds(ground, message) == ["sent", "delivered", "read"]


async def test_a_status_that_comes_late_or_twice_is_not_told(ground: Ground) -> None:
    message = await sent(ground)
    await ground.meta_says("wamid.OUT1", "delivered")

    await ground.meta_says("wamid.OUT1", "sent", seconds=-5)
    await ground.meta_says("wamid.OUT1", "delivered")
    await ground.meta_says("wamid.OUT1", "delivered", seconds=9)
    await ground.meta_says("wamid.OUT1", "failed", code=131053, seconds=10)
    await ground.meta_says("wamid.OUT1", "read", seconds=11)
    await ground.meta_says("wamid.OUT1", "delivered", seconds=12)

    assert await kinds(ground, message) == ["delivered", "read"]


async def test_a_failure_is_told_with_its_reason_and_an_arrival_after_it_corrects_it(ground: Ground) -> None:
    message = await sent(ground)
    await ground.meta_says("wamid.OUT1", "sent")

    await ground.meta_says("wamid.OUT1", "failed", code=131026, seconds=1)
    await ground.meta_says("wamid.OUT1", "failed", code=131026, seconds=2)

    found = await told(ground, message)
    assert [(one.kind, one.error_code, one.error_message) for one in found] == [
        ("sent", None, None),
        ("failed", "131026", "Media upload error"),
    ]
    await ground.meta_says("wamid.OUT1", "sent", "delivered", seconds=3)
    assert await kinds(ground, message) == ["sent", "failed", "delivered"]


async def test_every_way_to_fail_without_whatsapp_is_told_once(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    phones = [f"1650555100{n}" for n in range(6)]
    for phone in phones:
        await ground.customer_writes(phone, f"wamid.{phone}", image_state="stored")
    refused, cancelled, flushed, rejected = [await ground.send(phone=phone) for phone in phones[:4]]
    unfetched = await ground.send(media_url="https://shop.example/r.jpg", phone=phones[4])
    [attempt] = await begun(ground, [rejected])

    await ground.settle(rejected, attempt, Rejected("131026", "Undeliverable", "Not on WhatsApp."))
    await decide.refuse(ground.pool, refused, code="131047", title="Window closed", detail="Too late.")
    assert await withdraw.cancel(ground.pool, cancelled)
    await equip.refused(ground.pool, unfetched, code="131052", title="Not fetched", detail="404")
    assert await withdraw.flush(ground.pool, ground.sender) == 1
    assert not await withdraw.cancel(ground.pool, cancelled)

    for message, code in (
        (rejected, "131026"), (refused, "131047"), (cancelled, CANCELLED), (unfetched, "131052"), (flushed, CANCELLED),
    ):  # fmt: skip
        assert [(one.kind, one.error_code) for one in await told(ground, message)] == [("failed", code)]


async def test_a_send_that_was_given_up_and_sent_again_is_told_anew(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    message = await ground.send()
    [attempt] = await begun(ground, [message])
    await ground.settle(message, attempt, Ambiguous("No answer came."))
    await ground.time_passes(GIVE_UP_AFTER + timedelta(seconds=1))
    assert await decide.give_up(ground.pool) == 1
    assert [(one.kind, one.error_code) for one in await told(ground, message)] == [("failed", UNKNOWN)]

    assert await decide.send_again(ground.pool, message)
    [attempt] = await begun(ground, [message])
    await ground.settle(message, attempt, Accepted("wamid.OUT2"))
    await ground.meta_says("wamid.OUT2", "sent", "read")

    assert await kinds(ground, message) == ["failed", "sent", "delivered", "read"]


async def test_a_healed_send_is_not_told_sent_twice(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    message, lease = await ground.send(), await ground.lease()
    await ground.settle(message, await ground.begin(lease, message), Accepted("wamid.OUT1"))
    await lanes.release(ground.pool, lease)
    await ground.meta_says("wamid.OUT1", "sent")

    await ground.meta_says("wamid.OUT1", "failed", code=131053, seconds=1)
    assert (await ground.see(message)).status == "pending"
    [attempt] = await begun(ground, [message])
    await ground.settle(message, attempt, Accepted("wamid.OUT2"))
    await ground.meta_says("wamid.OUT2", "sent", "delivered", seconds=2)

    assert await kinds(ground, message) == ["sent", "delivered"]


async def test_a_photo_is_told_when_its_bytes_are_there_and_any_other_message_at_once(ground: Ground) -> None:
    await ground.customer_writes("16505551234", "wamid.IN1")
    await ground.customer_writes("16505551235", "wamid.IN2", image_state="unavailable")
    await ground.customer_writes("16505551235", "wamid.IN2", image_state="unavailable")
    assert [one.provider_message_id for one in (await read(ground)).events] == ["wamid.IN2"]
    photo = await ground.pool.fetchval("SELECT id FROM message WHERE provider_message_id = 'wamid.IN1'")

    await equip.received(ground.pool, photo, state="stored", file=await ground.picture())
    await equip.received(ground.pool, photo, state="unavailable", file=None)

    _, one = (await read(ground)).events
    assert (one.kind, one.provider_message_id, one.sequence, one.app_id) == ("received", "wamid.IN1", 1, None)
    assert one.heard is not None
    assert (one.heard.image_state, one.heard.contact_name) == ("stored", "Sheena Nelson")


async def test_an_app_is_told_of_its_own_sends_and_of_all_that_is_received(ground: Ground) -> None:
    message = await sent(ground)
    await ground.meta_says("wamid.OUT1", "sent")
    sibling, stranger = ground.ids.uuid(), await tenants.add_workspace(ground.pool, ground.ids, "Stranger")

    assert [one.kind for one in (await read(ground)).events] == ["received", "sent"]
    assert [one.kind for one in (await read(ground, app=sibling)).events] == ["received"]
    theirs = {"app": stranger.app_id, "cursor": None, "limit": 9}
    assert not (await events.after(ground.pool, stranger.workspace_id, "test", **theirs)).events  # type: ignore[arg-type]
    live = await events.after(ground.pool, ground.app.workspace_id, "live", app=ground.app.app_id, cursor=None, limit=9)
    assert not live.events
    assert message


async def test_pages_follow_one_another_without_a_gap_or_a_repetition(ground: Ground) -> None:
    message = await sent(ground)
    for n, status in enumerate(("sent", "delivered", "read")):
        await ground.meta_says("wamid.OUT1", status, seconds=n)
    whole = [one.cursor for one in (await read(ground)).events]

    found, part = list[Cursor](), await read(ground, limit=1)
    while part.events:
        found += [one.cursor for one in part.events]
        assert part.is_full
        part = await read(ground, Cursor.parse(str(part.cursor)), limit=1)

    assert found == whole
    assert len(found) == 4
    await ground.meta_says("wamid.OUT1", "sent")
    assert not (await read(ground, part.cursor)).events
    assert await kinds(ground, message)


async def hear(ground: Ground, seen: Sequence[StatusSeen]) -> None:
    await in_transaction(ground.pool, lambda connection: witness.statuses(connection, seen))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_order_and_however_many_take_it_in_nothing_is_told_twice_or_backwards(
    ground: Ground, seed: int
) -> None:
    await ground.customer_writes(image_state="stored")
    chance = random.Random(seed)
    messages = [await ground.send() for _ in range(12)]
    attempts = await begun(ground, messages)
    settlements = [
        Settlement(message, attempt, Accepted(f"wamid.{n}"))
        for n, (message, attempt) in enumerate(zip(messages, attempts, strict=True))
    ]
    for one in settlements:
        await ground.settle(one.message, one.attempt, one.outcome)
    seen = [
        StatusSeen(
            ground.app.workspace_id, ground.sender, f"wamid.{n}", status, at(m), at(m), 131026 * (status == "failed")
        )
        for n in range(len(messages))
        for m, status in enumerate(chance.sample(("sent", "delivered", "read", "failed", "sent"), 4))
    ]

    for _ in range(4):
        await asyncio.gather(*(hear(ground, chance.sample(seen, len(seen) // 2)) for _ in range(4)))
    await hear(ground, seen)

    for message in messages:
        stages = [RANKS.index(kind) for kind in await kinds(ground, message)]
        assert stages == sorted(set(stages)), stages
        assert RANKS[stages[-1]] == (await ground.see(message)).status


async def told_in(connection: "asyncpg.Connection[asyncpg.Record]", message: UUID) -> None:
    await connection.execute("UPDATE message SET status = 'sent', sent_at = now() WHERE id = $1", message)


async def test_what_is_committed_late_is_read_after_what_was_committed_before_it(ground: Ground, database: str) -> None:
    """The rule of the oldest open transaction: by the row's number alone the first of two would be lost for ever."""
    await ground.customer_writes(image_state="stored")
    first, second = await ground.send(), await ground.send()
    start = (await read(ground)).cursor
    number = await ground.pool.fetchval("SELECT max(seq) FROM event")
    slow = await asyncpg.connect(database)
    transaction = slow.transaction()
    await transaction.start()
    await told_in(slow, first)
    await ground.pool.execute("UPDATE message SET status = 'sent', sent_at = now() WHERE id = $1", second)

    early = await read(ground, start)
    careless = await ground.pool.fetch(BY_NUMBER_ALONE, number)
    await transaction.commit()
    await slow.close()
    late = await read(ground, early.cursor)

    assert early.events == []
    assert [one.message_id for one in late.events] == [first, second]
    # The mistake: who goes on from the greatest number seen never sees the row that was numbered before it.
    assert [row["message_id"] for row in careless] == [second]
    rest = await ground.pool.fetch(BY_NUMBER_ALONE, careless[-1]["seq"])
    assert [row["message_id"] for row in rest] == []
    assert not (await read(ground, late.cursor)).events


async def test_who_began_first_and_came_second_to_a_message_tells_of_it_second(ground: Ground, database: str) -> None:
    await ground.customer_writes(image_state="stored")
    message, other = await ground.send(), await ground.send()
    start = (await read(ground)).cursor
    first = await asyncpg.connect(database)
    transaction = first.transaction()
    await transaction.start()
    await told_in(first, other)
    await ground.pool.execute("UPDATE message SET status = 'sent', sent_at = now() WHERE id = $1", message)
    assert (await read(ground, start)).events == []

    await first.execute(
        "UPDATE message SET status = 'read', delivered_at = now(), read_at = now() WHERE id = $1", message
    )
    await transaction.commit()
    await first.close()

    part = await read(ground, start)
    assert [one.kind for one in part.events if one.message_id == message] == ["sent", "delivered", "read"]
    assert [one.cursor for one in part.events] == sorted(one.cursor for one in part.events)
    assert (await read(ground, part.cursor)).events == []


async def test_a_message_whose_last_event_came_from_another_server_is_told_of_all_the_same(ground: Ground) -> None:
    message = await sent(ground)
    await ground.meta_says("wamid.OUT1", "sent")
    await ground.pool.execute("UPDATE event SET tx = '1000000000' WHERE message_id = $1", message)

    await ground.meta_says("wamid.OUT1", "read", seconds=1)

    told_now = (await read(ground)).events
    assert [one.kind for one in told_now if one.message_id == message] == ["delivered", "read"]


async def test_who_reads_while_many_write_reads_everything_once(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    messages = [await ground.send() for _ in range(40)]
    chance, found, cursor = random.Random(5), list[EventView](), (await read(ground)).cursor

    async def write(message: UUID) -> None:
        async with ground.pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE message SET status = 'sent', sent_at = now() WHERE id = $1", message)
            await connection.execute("SELECT pg_sleep($1)", chance.random() / 20)

    writing = asyncio.gather(*(write(message) for message in messages))
    is_over = False
    while not is_over:
        was_written = writing.done()
        part = await read(ground, cursor, limit=7)
        found, cursor = [*found, *part.events], part.cursor
        is_over = was_written and not part.events
    await writing

    assert sorted(str(one.message_id) for one in found) == sorted(map(str, messages))


async def test_events_go_after_thirty_days_and_who_comes_with_an_older_cursor_is_told_of_the_gap(
    ground: Ground,
) -> None:
    await sent(ground)
    [first] = (await read(ground)).events
    start = Cursor(first.cursor.tx, first.cursor.seq - 1)
    await ground.meta_says("wamid.OUT1", "sent")
    await ground.pool.execute("UPDATE event SET told_at = now() - interval '29.9 days'")
    assert await pruning.old_events(ground.pool, after=timedelta(days=30), most=500) == 0
    assert not (await read(ground, start)).has_gap

    await ground.pool.execute(
        "UPDATE event SET told_at = now() - interval '30.1 days' WHERE seq = $1", first.cursor.seq
    )
    assert await pruning.old_events(ground.pool, after=timedelta(days=30), most=500) == 1

    behind = await read(ground, start)
    assert (behind.has_gap, [one.kind for one in behind.events]) == (True, ["sent"])
    assert not (await read(ground, first.cursor)).has_gap
    assert not (await read(ground)).has_gap
    assert not (await read(ground, behind.cursor)).has_gap


async def test_letting_go_of_events_stops_at_its_step(ground: Ground) -> None:
    await sent(ground)
    await ground.meta_says("wamid.OUT1", "sent", "delivered")
    await ground.pool.execute("UPDATE event SET told_at = now() - interval '31 days'")

    gone = [await pruning.old_events(ground.pool, after=timedelta(days=30), most=2) for _ in range(3)]

    assert gone == [2, 1, 0]


async def test_a_cursor_of_another_life_of_the_database_starts_over(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")

    part = await read(ground, Cursor(2**40, 7))

    assert (part.has_gap, [one.kind for one in part.events]) == (True, ["received"])


async def test_rows_that_were_moved_from_another_server_make_no_gap_that_never_ends(ground: Ground) -> None:
    await sent(ground)
    await ground.meta_says("wamid.OUT1", "sent")
    first, last = (await read(ground)).events
    await ground.pool.execute("UPDATE event_gone SET tx = '1099511627776', seq = 1")
    await ground.pool.execute("UPDATE event SET told_at = now() - interval '31 days' WHERE seq = $1", first.cursor.seq)

    assert not (await read(ground, first.cursor)).has_gap

    assert await pruning.old_events(ground.pool, after=timedelta(days=30), most=500) == 1
    behind = await read(ground, Cursor(first.cursor.tx, first.cursor.seq - 1))
    assert (behind.has_gap, [one.cursor for one in behind.events]) == (True, [last.cursor])
    assert not (await read(ground, behind.cursor)).has_gap


async def test_a_message_that_is_let_go_of_takes_its_events_along(ground: Ground) -> None:
    message = await sent(ground)
    await ground.meta_says("wamid.OUT1", "read")
    assert await kinds(ground, message)

    await in_transaction(ground.pool, lambda connection: forget.MESSAGES.let_go(connection, [message]))

    assert await kinds(ground, message) == []


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".1", "1.2.3", "-1.2", "1.٣", "1.9223372036854775808", "9" * 21 + ".1"]
)
def test_a_cursor_that_was_never_given_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        Cursor.parse(text)


def test_a_cursor_reads_back_as_it_was_written() -> None:
    for cursor in (Cursor(), Cursor(7, 9), Cursor(2**64 - 1, 2**63 - 1)):
        assert Cursor.parse(str(cursor)) == cursor
