"""Whose turn it is in a conversation: its order, its pace, and what holds it up, on a real PostgreSQL."""

from datetime import timedelta
from uuid import UUID

import pytest
from tests.store.ground import Ground

from picha.gateway.domain.outcomes import Accepted, Ambiguous, Barred, NotSent, Outcome, Rejected, Scope, Throttled
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import lanes, numbers, outbox
from picha.gateway.store.ledger import equip, withdraw
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.ledger.begin import Beginning, begin

OTHER = "255712345678"
DONE = [Accepted("wamid.OUT1"), Rejected("131026", "Undeliverable", "Not on WhatsApp.")]


async def backdate(ground: Ground, message: UUID, column: str) -> None:
    """Let a moment of a message be over, and its conversation be looked at again."""
    await ground.pool.execute(f"UPDATE message SET {column} = now() - interval '1 s' WHERE id = $1", message)
    await ground.pool.execute("UPDATE pair SET next_due = now() WHERE next_due IS NOT NULL")


@pytest.mark.parametrize("outcome", DONE)
async def test_the_second_of_a_conversation_waits_until_meta_answered_for_the_first(
    ground: Ground, outcome: Outcome
) -> None:
    await ground.customer_writes()
    first, second = [await ground.send() for _ in range(2)]
    assert await ground.may_go() == [first]
    attempt = await ground.begin(await ground.lease(), first)

    assert await ground.may_go() == []
    assert (await ground.see(second)).waiting_for == first
    await ground.settle(first, attempt, outcome)

    assert await ground.may_go() == [second]
    assert (await ground.see(second)).waiting_for is None


async def test_a_send_that_waits_for_its_picture_holds_what_follows_for_half_a_minute_at_most(ground: Ground) -> None:
    await ground.customer_writes()
    first, second = await ground.send(media_url="https://shop.example/a.jpg"), await ground.send()

    assert await ground.may_go() == []
    assert (await ground.see(second)).waiting_for == first
    await backdate(ground, first, "held_until")

    assert await ground.may_go() == [second]


async def test_a_picture_that_came_lets_its_send_go_first_all_the_same(ground: Ground) -> None:
    await ground.customer_writes()
    first, _ = await ground.send(media_url="https://shop.example/a.jpg"), await ground.send()
    assert await ground.may_go() == []

    await equip.ready(ground.pool, first, await ground.picture())

    assert await ground.may_go() == [first]


async def test_a_picture_that_cannot_be_had_lets_what_follows_go_at_once(ground: Ground) -> None:
    await ground.customer_writes()
    first, second = await ground.send(media_url="https://shop.example/a.jpg"), await ground.send()
    assert await ground.may_go() == []

    await equip.refused(ground.pool, first, code="131052", title="Media download error", detail="Gone.")

    assert await ground.may_go() == [second]


async def test_an_unknown_outcome_holds_what_follows_for_ten_seconds_at_most(ground: Ground) -> None:
    await ground.customer_writes()
    first, second = [await ground.send() for _ in range(2)]
    attempt = await ground.begin(await ground.lease(), first)

    await ground.settle(first, attempt, Ambiguous("The answer was cut off."))

    assert await ground.may_go() == []
    held = await ground.pool.fetchval("SELECT next_due - now() FROM pair")
    assert timedelta(seconds=5) < held <= timedelta(seconds=10)
    await backdate(ground, first, "held_until")
    assert await ground.may_go() == [second]


async def test_evidence_of_a_send_whose_outcome_is_unknown_lets_what_follows_go_at_once(ground: Ground) -> None:
    await ground.customer_writes()
    first, second = [await ground.send() for _ in range(2)]
    attempt = await ground.begin(await ground.lease(), first)
    await ground.settle(first, attempt, Ambiguous("The answer was cut off."))
    assert await ground.may_go() == []

    await ground.meta_says("wamid.OUT1", "sent", attempt=attempt)

    assert await ground.may_go() == [second]


async def test_a_send_that_was_put_off_holds_what_follows_until_its_hold_is_over_and_then_has_its_own_turn(
    ground: Ground,
) -> None:
    await ground.customer_writes()
    first, second = [await ground.send() for _ in range(2)]
    attempt = await ground.begin(await ground.lease(), first)
    await ground.settle(first, attempt, NotSent("Refused connection."))
    await ground.pool.execute("UPDATE message SET due_at = now() + interval '5 min' WHERE id = $1", first)

    assert await ground.may_go() == []
    await backdate(ground, first, "held_until")
    assert await ground.may_go() == [second]
    await backdate(ground, first, "due_at")

    assert await ground.may_go() == [first]


async def test_fifty_sends_to_one_person_show_one_and_starve_nobody(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.customer_writes(OTHER, "wamid.IN2")
    file = await ground.picture()
    many = [await ground.new_send(file=file) for _ in range(50)]
    await admit(ground.pool, many)
    other = await ground.send(phone=OTHER, file=file)

    sends, _ = await outbox.sends(ground.pool, ground.sender, busy=[], most=2)

    assert [one.id for one in sends] == [many[0].id, other]


async def test_a_person_gets_forty_five_at_once_and_then_one_in_six_seconds(ground: Ground) -> None:
    await ground.customer_writes()
    await admit(ground.pool, [await ground.new_send(file=await ground.picture()) for _ in range(46)])
    lease = await ground.lease()

    times = [await ground.pool.fetchval("SELECT now()")]
    for number in range(45):
        [message] = await ground.may_go()
        await ground.settle(message, await ground.begin(lease, message), Accepted(f"wamid.{number}"))
        times.append(await ground.pool.fetchval("SELECT now()"))

    # So that it does not matter how long all of them took: six seconds after the first one.
    before, after, *_ = (moment + timedelta(seconds=6) for moment in times)
    assert before <= await ground.pool.fetchval("SELECT next_due FROM pair WHERE next_due = opens_at") <= after


async def test_what_was_not_processed_costs_no_pace(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease = await ground.lease()
    for outcome in (NotSent("Refused."), Throttled("130429", "Too fast.", Scope.NUMBER), Barred("190", "Expired.")):
        await ground.settle(message, await ground.begin(lease, message), outcome)
        await backdate(ground, message, "due_at")

    assert await ground.pool.fetchval("SELECT opens_at FROM pair") is None


async def test_a_pair_that_meta_throttled_rests_and_others_do_not(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.customer_writes(OTHER, "wamid.IN2")
    first, _, other = await ground.send(), await ground.send(), await ground.send(phone=OTHER)
    attempt = await ground.begin(await ground.lease(), first)

    await ground.settle(first, attempt, Throttled("131056", "Too many to one.", Scope.PAIR), timedelta(seconds=16))

    assert await ground.may_go() == [other]
    rest = await ground.pool.fetchval("SELECT max(next_due) - now() FROM pair")
    assert timedelta(seconds=10) < rest <= timedelta(seconds=16)


async def test_a_message_whose_number_was_throttled_is_tried_again_as_it_was(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    await ground.settle(message, attempt, Throttled("130429", "Too fast.", Scope.NUMBER), timedelta(minutes=5))

    assert await ground.may_go() == [message]
    assert await ground.pool.fetchval("SELECT tries FROM message WHERE id = $1", message) == 0


async def test_priority_is_the_thread_s_and_goes_with_what_waits_in_it(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.customer_writes(OTHER, "wamid.IN2")
    await ground.send(phone=OTHER)
    await ground.send()
    await admit(ground.pool, [await ground.new_send(priority=1)])

    sends, _ = await outbox.sends(ground.pool, ground.sender, busy=[], most=10)

    assert [(one.phone, one.rank) for one in sends] == [(OTHER, 0), ("16505551234", 1)]


async def test_of_a_paused_number_nothing_begins_and_its_lane_is_not_taken(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease = await ground.lease()
    assert await numbers.pause(ground.pool, ground.sender, "operator")

    assert await begin(ground.pool, [Beginning(lease, message, ground.ids.uuid())]) == [False]
    await lanes.release(ground.pool, lease)
    assert await lanes.take(ground.pool, lanes.SEND, ground.ids.uuid(), most=10) == []

    await numbers.resume(ground.pool, ground.sender)
    assert await begin(ground.pool, [Beginning(await ground.lease(), message, ground.ids.uuid())]) == [True]


async def test_a_pause_that_a_person_asked_for_stays_one_when_the_token_is_refused_too(ground: Ground) -> None:
    await numbers.pause(ground.pool, ground.sender, "operator")

    assert not await numbers.pause(ground.pool, ground.sender, "token")

    number = (await numbers.numbers(ground.pool, [ground.sender], count_s=10))[ground.sender]
    assert number.paused_for == "operator"


async def test_a_flush_cancels_what_was_not_begun_and_nothing_else(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.customer_writes(OTHER, "wamid.IN2")
    begun, waiting = await ground.send(), await ground.send()
    pictured = await ground.send(phone=OTHER, media_url="https://shop.example/a.jpg")
    await ground.begin(await ground.lease(), begun)

    assert await withdraw.flush(ground.pool, ground.sender) == 2

    assert [(await ground.see(one)).phase for one in (begun, waiting, pictured)] == [
        "sending",
        "cancelled",
        "cancelled",
    ]
    assert (await ground.see(waiting)).error_code == "CANCELLED"


async def test_a_backlog_is_counted_in_time_and_no_further_than_asked(ground: Ground) -> None:
    await ground.customer_writes()
    await numbers.set_per_second(ground.pool, ground.sender, 2)
    await admit(ground.pool, [await ground.new_send(file=await ground.picture()) for _ in range(10)])

    async def backlog(count_s: float) -> float:
        return (await numbers.numbers(ground.pool, [ground.sender], count_s=count_s))[ground.sender].backlog_s

    assert await backlog(100) == 5
    assert await backlog(3) == 3


async def test_the_turn_is_found_without_looking_at_all_that_waits_for_one_person(ground: Ground) -> None:
    await ground.customer_writes()
    file = await ground.picture()
    await admit(ground.pool, [await ground.new_send(file=file) for _ in range(2000)])
    plan = "\n".join(
        row[0]
        for row in await ground.pool.fetch(
            "EXPLAIN (ANALYZE, COSTS off, TIMING off) "
            + outbox.SENDS.replace("$1", f"'{ground.sender}'::uuid").replace("$2", "'{}'").replace("$3", "10")
        )
    )

    assert "message_waiting" in plan
    assert not any(f"rows={count}" in plan for count in range(100, 3000))
    assert PAIR_PACE.credit == timedelta(seconds=264)


async def test_how_long_a_message_holds_the_next_up_is_a_setting(ground: Ground) -> None:
    await ground.customer_writes(image_state=None)
    first, second = await ground.send(), await ground.send()
    beginning = Beginning(await ground.lease(), first, ground.ids.uuid())
    assert await begin(ground.pool, [beginning], hold=timedelta(seconds=4)) == [True]

    await ground.time_passes(timedelta(seconds=3))
    assert await ground.may_go() == []

    await ground.time_passes(timedelta(seconds=1))
    assert await ground.may_go() == [second]


async def test_it_is_so_for_what_waits_for_its_picture_too(ground: Ground) -> None:
    await ground.customer_writes(image_state=None)
    fetched = await ground.new_send(media_url="https://shop.example/a.jpg")
    await admit(ground.pool, [fetched], hold=timedelta(seconds=4))
    second = await ground.send()

    await ground.time_passes(timedelta(seconds=3))
    assert await ground.may_go() == []

    await ground.time_passes(timedelta(seconds=1))
    assert await ground.may_go() == [second]
