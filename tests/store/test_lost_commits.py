"""What was committed although nobody said so, and what was parked although it has an owner: nothing hangs for it."""

import asyncio

import asyncpg
import pytest
from tests.store.ground import Ground

from picha.gateway.domain.outcomes import Accepted, NotSent
from picha.gateway.store.ledger import withdraw, witness
from picha.gateway.store.ledger.begin import Beginning, begin

UNRECORDED = NotSent("The attempt could not be recorded, so it was not made.")
WAMID = "wamid.OUT1"


async def test_an_attempt_whose_commit_is_carried_out_after_it_was_settled_never_begins(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease, attempt = await ground.lease(), ground.ids.uuid()

    await ground.settle(message, attempt, UNRECORDED)
    with pytest.raises(asyncpg.UniqueViolationError):
        await begin(ground.pool, [Beginning(lease, message, attempt)])

    view = await ground.see(message)
    assert (view.phase, view.attempts) == ("queued", 1)
    assert await ground.story(message) == ["started", "not_sent"]
    await ground.pool.execute("UPDATE message SET due_at = now()")
    await ground.settle(message, await ground.begin(lease, message), Accepted(WAMID))
    assert (await ground.see(message)).attempts == 2


async def test_an_attempt_whose_commit_was_carried_out_unheard_is_settled_as_any_other(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    for _ in range(2):
        await ground.settle(message, attempt, UNRECORDED)

    view = await ground.see(message)
    assert (view.phase, view.attempts) == ("queued", 1)
    assert await ground.story(message) == ["started", "not_sent"]


async def test_whichever_comes_first_no_message_hangs_in_flight(ground: Ground) -> None:
    await ground.customer_writes()
    file = await ground.picture()
    messages = [await ground.send(file=file) for _ in range(20)]
    lease, attempts = await ground.lease(), [ground.ids.uuid() for _ in messages]
    pairs = list(zip(messages, attempts, strict=True))

    await asyncio.gather(
        *(begin(ground.pool, [Beginning(lease, message, attempt)]) for message, attempt in pairs),
        *(ground.settle(message, attempt, UNRECORDED) for message, attempt in pairs),
        return_exceptions=True,
    )

    seen = [await ground.see(message) for message in messages]
    assert {(view.phase, view.attempts) for view in seen} == {("queued", 1)}
    assert await ground.pool.fetchval("SELECT count(*) FROM attempt WHERE outcome IS NULL") == 0


async def test_a_message_that_was_cancelled_meanwhile_gets_no_attempt(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    await withdraw.cancel(ground.pool, message)

    await ground.settle(message, ground.ids.uuid(), UNRECORDED)

    view = await ground.see(message)
    assert (view.phase, view.attempts) == ("cancelled", 0)


async def test_evidence_that_lies_parked_although_its_attempt_is_known_is_bound_by_the_sweep(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.meta_says(WAMID, "sent", "delivered")
    for n in range(3):
        await ground.meta_says(f"wamid.FOREIGN{n}", "sent")
    # As if settling had missed it.
    await ground.pool.execute("UPDATE attempt SET wamid = $1, outcome = 'accepted' WHERE id = $2", WAMID, attempt)

    assert await witness.bind_parked(ground.pool, after="", most=500) == ("", 2, 0)

    assert (await ground.see(message)).status == "delivered"
    assert await ground.pool.fetchval("SELECT count(*) FROM evidence WHERE attempt_id IS NULL") == 3


async def test_the_sweep_goes_through_what_is_parked_in_turns(ground: Ground) -> None:
    for n in range(5):
        await ground.meta_says(f"wamid.FOREIGN{n}", "sent")

    after, rounds = "", 0
    while rounds == 0 or after:
        after, _, _ = await witness.bind_parked(ground.pool, after=after, most=2)
        rounds += 1

    assert rounds == 3


async def test_the_sweep_confirms_a_duplicate_that_was_missed(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease = await ground.lease()
    first = await ground.begin(lease, message)
    await ground.settle(message, first, NotSent("So it seemed."))
    await ground.pool.execute("UPDATE message SET due_at = now()")
    await ground.settle(message, await ground.begin(lease, message), Accepted("wamid.SECOND"))
    await ground.meta_says(WAMID, "sent")
    await ground.pool.execute("UPDATE attempt SET wamid = $1 WHERE id = $2", WAMID, first)

    assert await witness.bind_parked(ground.pool, after="", most=500) == ("", 1, 1)
    assert (await ground.see(message)).duplicates == 1
