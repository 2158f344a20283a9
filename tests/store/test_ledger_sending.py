"""The life of a send in the ledger: admitted, begun, settled, witnessed; nothing lost, nothing doubled."""

import asyncio
from datetime import timedelta
from itertools import permutations

import pytest
from tests.store.ground import Ground, at

from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.outcomes import Accepted, Ambiguous, NotSent, Outcome, Rejected, Throttled
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import lanes, outbox
from picha.gateway.store.ledger import decide, equip
from picha.gateway.store.ledger.begin import Beginning, begin

WAMID = "wamid.OUT1"


async def test_a_send_with_a_file_is_queued_for_its_number(ground: Ground) -> None:
    await ground.customer_writes()

    message = await ground.send()

    view = await ground.see(message)
    assert (view.phase, view.status, view.image_state) == ("queued", "pending", "stored")
    assert await ground.may_go() == [message]


async def test_a_send_with_a_url_waits_for_its_picture_first(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send(media_url="https://shop.example/a.jpg")

    assert (await ground.see(message)).phase == "image_wait"
    waiting = await outbox.to_prepare(ground.pool, ground.app.workspace_id, busy=[], most=10)
    assert [(one.id, one.media_url, one.environment) for one in waiting] == [
        (message, "https://shop.example/a.jpg", "test")
    ]

    await equip.ready(ground.pool, message, await ground.picture())

    assert (await ground.see(message)).phase == "queued"


async def test_a_picture_that_cannot_be_had_fails_its_message_with_the_reason(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send(media_url="https://shop.example/a.jpg")

    await equip.refused(ground.pool, message, code="131053", title="Media upload error", detail="It is text.")

    view = await ground.see(message)
    assert (view.status, view.phase, view.error_code, view.error_detail) == (
        "failed",
        "failed",
        "131053",
        "It is text.",
    )
    assert view.failed_at is not None


async def test_an_accepted_send_is_submitted_and_pending_until_meta_says_sent(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    assert (await ground.see(message)).phase == "sending"

    await ground.settle(message, attempt, Accepted(WAMID))

    view = await ground.see(message)
    assert (view.phase, view.status, view.provider_message_id, view.attempts) == ("submitted", "pending", WAMID, 1)


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])))
async def test_statuses_in_any_order_lead_to_read_with_all_times(ground: Ground, order: tuple[str, ...]) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Accepted(WAMID))

    for status in (*order, *order):
        await ground.meta_says(WAMID, status)

    view = await ground.see(message)
    assert (view.status, view.phase) == ("read", "submitted")
    assert (view.sent_at, view.delivered_at, view.read_at) == (at(0), at(0), at(0))


async def test_statuses_that_come_before_the_answer_are_kept_and_bound_by_it(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    await ground.meta_says(WAMID, "sent", "delivered")
    assert (await ground.see(message)).status == "pending"
    await ground.settle(message, attempt, Accepted(WAMID))

    assert (await ground.see(message)).status == "delivered"


async def test_a_token_binds_a_status_to_an_attempt_whose_answer_was_lost(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Ambiguous("The answer was cut off."))
    assert (await ground.see(message)).phase == "unknown"

    await ground.meta_says(WAMID, "sent", attempt=attempt)

    view = await ground.see(message)
    assert (view.phase, view.status, view.provider_message_id) == ("submitted", "sent", WAMID)


async def test_an_ambiguous_outcome_after_evidence_never_demotes_the_message(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    await ground.meta_says(WAMID, "sent", attempt=attempt)
    await ground.settle(message, attempt, Ambiguous("The answer was cut off."))

    assert (await ground.see(message)).status == "sent"


async def test_an_unknown_outcome_is_given_up_after_its_time_and_late_evidence_overrides_that(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Ambiguous("The answer was cut off."))
    assert await decide.give_up(ground.pool) == 0

    await ground.pool.execute("UPDATE message SET due_at = now() WHERE id = $1", message)
    assert await decide.give_up(ground.pool) == 1
    given_up = await ground.see(message)
    await ground.meta_says(WAMID, "delivered", attempt=attempt)

    assert (given_up.status, given_up.error_code) == ("failed", "SEND_OUTCOME_UNKNOWN")
    view = await ground.see(message)
    assert (view.status, view.error_code, view.failed_at) == ("delivered", None, None)


@pytest.mark.parametrize("outcome", [NotSent("Refused connection."), Throttled("130429", "Too fast.")])
async def test_what_certainly_was_not_processed_is_queued_again(ground: Ground, outcome: Outcome) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    await ground.settle(message, attempt, outcome)

    view = await ground.see(message)
    assert (view.phase, view.status, view.attempts) == ("queued", "pending", 1)


async def test_a_refusal_fails_the_message_with_metas_code_and_words(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    await ground.settle(message, attempt, Rejected("131026", "Message undeliverable", "No such user."))

    view = await ground.see(message)
    assert (view.status, view.error_code, view.error_message) == ("failed", "131026", "Message undeliverable")


async def test_a_failure_that_meta_reports_later_is_shown_with_its_detail(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Accepted(WAMID))

    await ground.meta_says(WAMID, "failed", code=131026)

    view = await ground.see(message)
    assert (view.status, view.phase, view.error_code) == ("failed", "failed", "131026")
    assert view.error_detail == "It could not be read."


async def test_a_message_is_begun_once_whoever_tries(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease = await ground.lease()

    tries = [begin(ground.pool, [Beginning(lease, message, ground.ids.uuid())]) for _ in range(8)]
    begun = [one for answer in await asyncio.gather(*tries) for one in answer]

    assert sorted(begun) == [False] * 7 + [True]
    assert await ground.pool.fetchval("SELECT count(*) FROM attempt") == 1


async def test_an_owner_that_lost_its_lease_begins_nothing(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lost = await ground.lease()
    await ground.pool.execute("UPDATE lane SET leased_until = now()")
    current = await ground.lease()

    assert await begin(ground.pool, [Beginning(lost, message, ground.ids.uuid())]) == [False]
    assert await begin(ground.pool, [Beginning(current, message, ground.ids.uuid())]) == [True]


async def test_nothing_is_begun_with_under_five_seconds_left(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    lease = await ground.lease()

    await ground.pool.execute("UPDATE lane SET leased_until = clock_timestamp() + interval '5 seconds'")

    assert await begin(ground.pool, [Beginning(lease, message, ground.ids.uuid())]) == [False]
    assert (await ground.see(message)).phase == "queued"


async def test_what_a_dead_worker_left_in_flight_is_unknown_and_its_late_answer_still_counts(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.send()
    await ground.pool.execute("UPDATE lane SET leased_until = now()")

    assert await decide.orphan(ground.pool, await ground.lease(), PAIR_PACE) == 1
    assert (await ground.see(message)).phase == "unknown"
    await ground.settle(message, attempt, Accepted(WAMID))

    assert (await ground.see(message)).phase == "submitted"


async def test_one_bad_status_word_changes_nothing_but_is_kept(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Accepted(WAMID))

    await ground.meta_says(WAMID, "teleported", "sent")

    assert (await ground.see(message)).status == "sent"
    assert await ground.pool.fetchval("SELECT count(*) FROM evidence") == 2


async def test_settle_and_witness_at_once_never_miss_each_other(ground: Ground) -> None:
    await ground.customer_writes()
    messages = [await ground.send() for _ in range(12)]
    lease = await ground.lease()
    attempts = [await ground.begin(lease, message) for message in messages]

    await asyncio.gather(
        *(ground.settle(m, a, Accepted(f"wamid.{n}")) for n, (m, a) in enumerate(zip(messages, attempts, strict=True))),
        *(ground.meta_says(f"wamid.{n}", "sent", "delivered") for n in range(12)),
        *(ground.meta_says(f"wamid.{n}", "read", attempt=a) for n, a in enumerate(attempts)),
    )

    assert {(await ground.see(message)).status for message in messages} == {"read"}


async def test_a_lane_is_leased_to_one_owner_and_only_while_there_is_work(ground: Ground) -> None:
    await ground.customer_writes(image_state=None)
    owner = ground.ids.uuid()
    assert await lanes.take(ground.pool, lanes.SEND, owner, most=10) == []
    await ground.send()

    takes = await asyncio.gather(*(lanes.take(ground.pool, lanes.SEND, owner, most=10) for _ in range(6)))

    (lease,) = [one for taken in takes for one in taken]
    assert await lanes.renew(ground.pool, lanes.SEND, [lease]) == {lease}
    await lanes.release(ground.pool, lease)
    (again,) = await lanes.take(ground.pool, lanes.SEND, owner, most=10)
    assert again.fence == lease.fence + 1
    assert await lanes.renew(ground.pool, lanes.SEND, [lease]) == set()


async def test_a_put_off_send_is_not_due_before_its_time(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()

    await equip.later(ground.pool, message, timedelta(hours=1), Reason("Later."))

    assert await ground.may_go() == []
