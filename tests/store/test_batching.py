"""A batch goes on chunk by chunk, whoever works on it; it waits where its number is full, and goes when it is old."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.store.ground import ACCOUNT, NOON, VAULT, Ground
from tests.store.test_forgetting import after

from picha.egress import Fetcher
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.limits import IMAGE_MAX_BYTES, PAIR_PACE
from picha.gateway.meta.times import Times
from picha.gateway.pictures.bring import Bringer
from picha.gateway.pictures.intake import Album
from picha.gateway.sending.accept import Accept
from picha.gateway.sending.backlog import Backlog
from picha.gateway.sending.batching import CHUNK, Batching, end
from picha.gateway.setup import fresh_key
from picha.gateway.store import batches, epochs, keys, lanes, tenants
from picha.gateway.store.batches import BatchView, NewBatch, Recipient
from picha.gateway.store.ledger import doubt, withdraw
from picha.images.workers import Workshop
from picha.kit.clock import ManualClock

HOURS_S = 3600.0


@pytest.fixture
async def people(ground: Ground) -> list[str]:
    """Three people whose windows are open."""
    phones = [f"1650555123{n}" for n in range(3)]
    for phone in phones:
        await ground.customer_writes(phone, f"wamid.IN{phone}", image_state=None)
    return phones


async def keep(ground: Ground, phones: Sequence[str], **what: Any) -> UUID:
    """Keep a batch for these people."""
    new = NewBatch(
        id=ground.ids.uuid(),
        workspace_id=ground.app.workspace_id,
        app_id=ground.app.app_id,
        environment=ACCOUNT.environment,
        sender=None,
        sender_id=None,
        media_url=None,
        file_id=await ground.picture(),
        caption="For all",
        image_policy="auto",
        is_high=False,
        on_unknown="hold",
        expires_at=None,
        created_at=ManualClock(NOON).now(),
        recipients=[Recipient(phone, None, None, None) for phone in phones],
    )
    assert await batches.keep(ground.pool, replace(new, **what))
    return new.id


async def worker(ground: Ground, *, limit_s: float = HOURS_S) -> Batching:
    """Return the batch lane's work as another process would do it."""
    clock = ManualClock(NOON)
    accept = Accept(
        ground.pool,
        clock,
        ground.ids,
        Times(clock, AccountBook(ground.pool, VAULT, clock)),
        Backlog(ground.pool, clock, limit_s=limit_s),
    )
    album = Album(ground.pool, LocalBlobs(Path("nowhere")), Workshop(), clock, ground.ids, max_bytes=IMAGE_MAX_BYTES)
    lease = lanes.Lease(lanes.BATCH, ground.app.workspace_id, 1)
    return Batching(lease, ground.pool, accept, Bringer(album, Fetcher()))


async def steps(work: Batching, times: int = 1) -> int:
    """Go so many steps on, and return how many there were to go."""
    gone = 0
    for _ in range(times):
        for piece in await work.due(()):
            await work.perform(piece)
            gone += 1
    return gone


async def seen(ground: Ground, batch: UUID) -> BatchView:
    view = await batches.view(ground.pool, ground.app.workspace_id, ACCOUNT.environment, batch)
    assert view is not None
    return view


async def count(ground: Ground, table: str) -> int:
    number = await ground.pool.fetchval(f"SELECT count(*) FROM {table}")
    assert isinstance(number, int)
    return number


async def test_the_lane_of_a_workspace_has_work_while_a_batch_is_to_go_on(ground: Ground, people: list[str]) -> None:
    owner = ground.ids.uuid()
    assert await lanes.take(ground.pool, lanes.BATCH, owner, most=1) == []
    await keep(ground, people)

    [lease] = await lanes.take(ground.pool, lanes.BATCH, owner, most=1)
    await lanes.release(ground.pool, lease)
    await steps(await worker(ground))

    assert lease.key == ground.app.workspace_id
    assert await lanes.take(ground.pool, lanes.BATCH, owner, most=1) == []


async def test_a_batch_goes_on_chunk_by_chunk_and_lets_others_of_its_workspace_go_on_beside_it(
    ground: Ground, people: list[str]
) -> None:
    long = await keep(ground, people * CHUNK)
    short = await keep(ground, people)
    work = await worker(ground)

    await steps(work)

    assert ((await seen(ground, long)).upto, (await seen(ground, short)).accepted) == (CHUNK, 3)
    await steps(work, 3)
    assert (await seen(ground, long)).accepted == 3 * CHUNK
    assert await count(ground, "message WHERE batch_id IS NOT NULL") == 3 * CHUNK + 3
    assert await count(ground, "batch_recipient WHERE message_id IS NULL") == 0
    # What was sent is kept with the messages alone.
    assert await count(ground, "batch WHERE caption IS NOT NULL") == 0


async def test_workers_that_work_on_one_batch_at_once_take_each_recipient_once(
    ground: Ground, people: list[str]
) -> None:
    batch = await keep(ground, people * CHUNK)
    crowd = [await worker(ground) for _ in range(4)]

    for _ in range(4):
        await asyncio.gather(*(steps(one) for one in crowd))

    view = await seen(ground, batch)
    assert (view.accepted, view.refused) == (3 * CHUNK, 0)
    assert await count(ground, "message WHERE batch_id IS NOT NULL") == 3 * CHUNK


async def test_a_batch_waits_while_its_number_is_full_and_refuses_nobody_for_it(
    ground: Ground, people: list[str]
) -> None:
    await ground.send(phone=people[0])
    await ground.pool.execute("UPDATE sender SET per_second = 0.01")
    batch = await keep(ground, people)

    await steps(await worker(ground, limit_s=10))

    view = await seen(ground, batch)
    assert (view.upto, view.accepted, view.refused) == (0, 0, 0)
    assert "goes on when it can" in (view.detail or "")
    wait_s = await ground.pool.fetchval("SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM batch")
    assert 0 < wait_s <= 60
    await ground.pool.execute("UPDATE sender SET per_second = 80")
    await ground.pool.execute("UPDATE batch SET due_at = now()")
    await steps(await worker(ground, limit_s=10))
    view = await seen(ground, batch)
    assert (view.accepted, view.detail) == (3, None)


async def test_batches_go_as_far_as_their_cap_lets_them_are_counted_and_wait_for_more(
    ground: Ground, people: list[str]
) -> None:
    _, key = fresh_key("test")
    await keys.add(ground.pool, ground.ids, ground.app, key)
    await keys.cap(ground.pool, key.public_id, per_day=4, per_month=None)
    kept = [await keep(ground, people, key=key.public_id) for _ in range(2)]
    free = await keep(ground, people)
    work = await worker(ground)

    # Side by side, as a lane does it.
    await asyncio.gather(*(work.perform(piece) for piece in await work.due(())))
    await steps(work)

    views = [await seen(ground, one) for one in kept]
    assert (sorted(one.accepted for one in views), [one.refused for one in views]) == ([1, 3], [0, 0])
    assert await count(ground, "message WHERE batch_id IS NOT NULL") == 4 + 3
    assert await ground.pool.fetchval("SELECT sum(count) FROM spend") == 4
    [waiting] = [one for one in views if one.accepted == 1]
    assert "4 messages a day" in (waiting.detail or "")
    assert (await seen(ground, free)).accepted == 3
    assert await steps(work) == 0

    await keys.cap(ground.pool, key.public_id, per_day=5, per_month=None)
    await ground.pool.execute("UPDATE batch SET due_at = now() WHERE due_at IS NOT NULL")
    await steps(work)
    assert [(await seen(ground, one)).accepted for one in kept if one == waiting.id] == [2]
    await keys.revoke(ground.pool, key.public_id)
    await ground.pool.execute("UPDATE batch SET due_at = now() WHERE due_at IS NOT NULL")
    await steps(work)
    assert (await seen(ground, waiting.id)).accepted == 2, "a key that was revoked has its caps all the same"


async def test_a_workspace_that_may_send_nothing_sends_no_batch(ground: Ground, people: list[str]) -> None:
    batch = await keep(ground, people)
    await tenants.cap_workspace(ground.pool, ground.app.workspace_id, per_day=None, per_month=0)

    await steps(await worker(ground))

    view = await seen(ground, batch)
    assert (view.upto, view.accepted, view.refused) == (0, 0, 0)
    assert "0 messages a month" in (view.detail or "")


async def test_a_worker_that_looked_before_a_batch_was_cancelled_accepts_nobody_after(
    ground: Ground, people: list[str]
) -> None:
    batch = await keep(ground, people)
    work = await worker(ground)
    [piece] = await work.due(())

    await batches.cancel(ground.pool, batch)
    await work.perform(piece)

    assert (await seen(ground, batch)).accepted == 0
    # Whoever cancelled may have died: a worker does the rest.
    assert await steps(work) == 1
    assert await steps(work) == 0


async def test_what_waits_of_a_cancelled_batch_is_taken_back_in_steps(ground: Ground, people: list[str]) -> None:
    batch = await keep(ground, people * CHUNK)
    await steps(await worker(ground), 3)

    await batches.cancel(ground.pool, batch)
    await end(ground.pool, batch)

    view = await seen(ground, batch)
    assert (view.cancelled, view.pending, view.failed, view.on_its_way) == (3 * CHUNK, 0, 0, 0)


async def test_a_batch_in_a_database_that_was_put_back_goes_no_further_unless_it_asks_to_be_sent_twice(
    ground: Ground, people: list[str]
) -> None:
    held = await keep(ground, people)
    twice = await keep(ground, people, on_unknown="resend")

    await epochs.hold(ground.pool, ground.ids.uuid())
    await doubt.doubt(ground.pool, PAIR_PACE)
    await steps(await worker(ground))

    view = await seen(ground, held)
    assert (view.accepted, view.cancelled_at is not None) == (0, True)
    assert "put back" in (view.detail or "")
    assert (await seen(ground, twice)).accepted == 3


async def test_a_batch_goes_after_ninety_days_and_not_before_and_its_messages_stay(
    ground: Ground, people: list[str]
) -> None:
    await keep(ground, people)
    waiting = await keep(ground, people)
    await ground.pool.execute("UPDATE batch SET due_at = now() + interval '1 day' WHERE id = $1", waiting)
    await steps(await worker(ground))

    for days, left in ((89, 2), (91, 1)):
        await ground.pool.execute("UPDATE batch SET created_at = now() - make_interval(days => $1)", days)
        await after(ground, 0, most=2).all()
        assert await count(ground, "batch") == left

    assert await count(ground, "batch_recipient") == 3
    assert await count(ground, "message WHERE batch_id IS NOT NULL") == 3


async def test_the_results_of_what_is_long_gone_are_told_without_a_status(ground: Ground, people: list[str]) -> None:
    batch = await keep(ground, people)
    await steps(await worker(ground))
    await ground.pool.execute("DELETE FROM message WHERE batch_id IS NOT NULL")

    told = await batches.results(ground.pool, batch, start=0, most=10)

    assert [(one.status, one.is_refused, one.message_id is not None) for one in told] == [(None, False, True)] * 3


@pytest.mark.parametrize("query", [batches._VIEW, withdraw._OF_BATCH])
async def test_what_is_asked_of_a_batch_reads_its_own_messages_alone(ground: Ground, query: str) -> None:
    batch = str(ground.ids.uuid())
    asked = query.replace("$4", f"'{batch}'").replace("$3", f"'{batch}'").replace("$2", "'test'")

    plan = await ground.pool.fetch("EXPLAIN " + asked.replace("$1", f"'{ground.app.workspace_id}'"))

    assert any("message_of_batch" in row[0] for row in plan), plan
