"""A send of which nobody knows what became: held, sent once more, given up; and what late evidence does to each."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from tests.store.ground import NOON, Ground

from picha.gateway.domain.outcomes import Accepted, Ambiguous, OnUnknown, Rejected
from picha.gateway.store import audit, raw
from picha.gateway.store.ledger import decide, withdraw
from picha.gateway.store.raw import Verified

FIRST, SECOND = "wamid.FIRST", "wamid.SECOND"
SOFT_WAIT, GIVE_UP = timedelta(seconds=121), timedelta(minutes=15, seconds=1)


async def lost(ground: Ground, on_unknown: OnUnknown = "resend") -> tuple[UUID, UUID]:
    """Send a message whose answer is lost; return it and its attempt."""
    await ground.customer_writes()
    message = await ground.send(on_unknown=on_unknown)
    lease = await ground.lease()
    attempt = await ground.begin(lease, message)
    await ground.settle(message, attempt, Ambiguous("The answer was cut off."))
    await ground.pool.execute("UPDATE lane SET leased_until = NULL")
    return message, attempt


async def resent(ground: Ground) -> tuple[UUID, UUID, UUID]:
    """Let such a message be sent once more; return it and both attempts, the second in flight."""
    message, first = await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()
    assert await decide.resend(ground.pool) == 1
    return message, first, await ground.begin(await ground.lease(), message)


async def test_under_resend_a_message_that_shows_to_be_absent_is_queued_once_more(ground: Ground) -> None:
    message, _ = await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()

    assert await decide.resend(ground.pool) == 1

    view = await ground.see(message)
    assert (view.phase, view.status, view.attempts, view.error_code) == ("queued", "pending", 1, None)
    assert await ground.story(message) == ["started", "ambiguous", "resent"]
    assert await decide.resend(ground.pool) == 0


async def test_under_hold_it_never_is(ground: Ground) -> None:
    message, _ = await lost(ground, "hold")
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()

    assert await decide.resend(ground.pool) == 0
    assert (await ground.see(message)).phase == "unknown"


async def test_nothing_is_sent_once_more_before_its_soft_wait_is_over(ground: Ground) -> None:
    await lost(ground)
    await ground.time_passes(SOFT_WAIT - timedelta(seconds=10))
    await ground.meta_is_heard()

    assert await decide.resend(ground.pool) == 0


async def test_silence_means_nothing_while_meta_is_not_heard(ground: Ground) -> None:
    await ground.customer_writes()
    await ground.meta_is_heard()
    message, _ = await lost(ground)
    await ground.time_passes(timedelta(seconds=0))
    await ground.pool.execute("UPDATE message SET due_at = due_at - interval '3 minutes'")

    assert await decide.resend(ground.pool) == 0

    await ground.time_passes(GIVE_UP)
    assert await decide.resend(ground.pool) == 0
    assert await decide.give_up(ground.pool) == 1
    view = await ground.see(message)
    assert (view.phase, view.error_code, view.attempts) == ("failed", "SEND_OUTCOME_UNKNOWN", 1)


async def test_silence_means_nothing_while_webhooks_lie_unread(ground: Ground) -> None:
    await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()
    await raw.keep(ground.pool, [Verified(ground.ids.uuid(), "app", b"d" * 32, b"{}")])
    await ground.pool.execute("UPDATE raw_webhook SET received_at = received_at - interval '11 seconds'")

    assert await decide.resend(ground.pool) == 0

    await ground.pool.execute("UPDATE raw_webhook SET digested_at = now()")
    assert await decide.resend(ground.pool) == 1


async def test_one_message_is_sent_once_more_only_once_and_then_given_up(ground: Ground) -> None:
    message, _, second = await resent(ground)
    await ground.settle(message, second, Ambiguous("Cut off again."))
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()

    assert await decide.resend(ground.pool) == 0
    await ground.time_passes(GIVE_UP)
    assert await decide.give_up(ground.pool) == 1

    view = await ground.see(message)
    assert (view.status, view.error_code, view.attempts) == ("failed", "SEND_OUTCOME_UNKNOWN", 2)
    assert await ground.story(message) == ["started", "ambiguous", "resent", "started", "ambiguous", "given_up"]


async def test_many_workers_at_once_send_it_once_more(ground: Ground) -> None:
    message, _ = await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()

    counts = await asyncio.gather(*(decide.resend(ground.pool) for _ in range(6)))

    assert sum(counts) == 1
    assert (await ground.story(message)).count("resent") == 1


async def test_evidence_that_comes_before_the_second_attempt_calls_it_off(ground: Ground) -> None:
    message, first = await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()
    await decide.resend(ground.pool)

    await ground.meta_says(FIRST, "sent", attempt=first)

    view = await ground.see(message)
    assert (view.phase, view.status, view.provider_message_id, view.duplicates) == ("submitted", "sent", FIRST, 0)


async def test_a_second_attempt_that_is_accepted_speaks_for_the_message(ground: Ground) -> None:
    message, _, second = await resent(ground)

    assert not await ground.settle(message, second, Accepted(SECOND))

    view = await ground.see(message)
    assert (view.phase, view.provider_message_id, view.attempts, view.duplicates) == ("submitted", SECOND, 2, 0)


async def test_late_evidence_for_the_first_attempt_confirms_the_duplicate_once(ground: Ground) -> None:
    message, first, second = await resent(ground)
    await ground.settle(message, second, Accepted(SECOND))

    assert await ground.meta_says(FIRST, "sent", attempt=first) == 1
    assert await ground.meta_says(FIRST, "delivered", attempt=first) == 0

    view = await ground.see(message)
    assert (view.status, view.duplicates) == ("delivered", 1)
    assert (await ground.story(message)).count("duplicate") == 1
    wamids = await ground.pool.fetch("SELECT wamid FROM attempt ORDER BY number")
    assert [row[0] for row in wamids] == [FIRST, SECOND]


async def test_an_answer_that_comes_after_late_evidence_confirms_it_too(ground: Ground) -> None:
    message, first, second = await resent(ground)
    assert await ground.meta_says(FIRST, "sent", attempt=first) == 0

    assert await ground.settle(message, second, Accepted(SECOND))

    assert (await ground.see(message)).duplicates == 1


async def test_a_first_attempt_that_whatsapp_gave_up_is_no_duplicate_and_no_failure(ground: Ground) -> None:
    message, first, second = await resent(ground)
    await ground.settle(message, second, Accepted(SECOND))

    assert await ground.meta_says(FIRST, "failed", code=131026, attempt=first) == 0

    view = await ground.see(message)
    assert (view.phase, view.status, view.duplicates, view.error_code) == ("submitted", "pending", 0, None)


async def test_a_failure_of_the_first_attempt_leaves_the_second_in_flight(ground: Ground) -> None:
    message, first, second = await resent(ground)

    await ground.meta_says(FIRST, "sent", attempt=first)
    assert (await ground.see(message)).phase == "submitted"
    await ground.meta_says(FIRST, "failed", code=131026, attempt=first, seconds=5)

    view = await ground.see(message)
    assert (view.phase, view.status, view.provider_message_id) == ("sending", "pending", None)
    await ground.settle(message, second, Accepted(SECOND))
    assert (await ground.see(message)).provider_message_id == SECOND


async def test_what_the_second_attempt_was_answered_shows_when_the_first_turns_out_to_have_failed(
    ground: Ground,
) -> None:
    message, first, second = await resent(ground)
    await ground.meta_says(FIRST, "sent", attempt=first)
    await ground.settle(message, second, Rejected("131031", "Account has been locked", "Have it released."))
    assert (await ground.see(message)).status == "sent"

    await ground.meta_says(FIRST, "failed", code=131026, attempt=first, seconds=5)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code) == ("failed", "failed", "131031")
    assert (view.error_message, view.error_detail) == ("Account has been locked", "Have it released.")


async def test_a_late_answer_to_an_attempt_that_was_sent_once_more_still_counts(ground: Ground) -> None:
    message, first, second = await resent(ground)

    await ground.settle(message, first, Accepted(FIRST))
    assert await ground.settle(message, second, Accepted(SECOND))

    assert (await ground.see(message)).duplicates == 1


async def test_a_person_sends_again_what_was_given_up(ground: Ground) -> None:
    message, _ = await lost(ground, "hold")
    await ground.time_passes(GIVE_UP)
    await decide.give_up(ground.pool)

    assert await decide.send_again(ground.pool, message)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code, view.failed_at) == ("queued", "pending", None, None)
    assert await ground.story(message) == ["started", "ambiguous", "given_up", "sent_again"]
    assert not await decide.send_again(ground.pool, message)


async def test_a_person_sends_again_what_is_unknown_once_the_soft_wait_is_over(ground: Ground) -> None:
    message, _ = await lost(ground, "hold")

    assert not await decide.send_again(ground.pool, message)
    await ground.time_passes(SOFT_WAIT)
    assert await decide.send_again(ground.pool, message)
    assert (await ground.see(message)).phase == "queued"


async def test_who_had_a_message_sent_again_is_noted_where_it_was(ground: Ground) -> None:
    message, _ = await lost(ground, "hold")
    who = ground.ids.uuid().hex
    noting = audit.noting(who, "message.sent_again", workspace=ground.app.workspace_id, message=message)

    await decide.send_again(ground.pool, message, noting=noting)
    before = await audit.listed(ground.pool, None, most=1)
    await ground.time_passes(SOFT_WAIT)
    await decide.send_again(ground.pool, message, noting=noting)

    [noted] = await audit.listed(ground.pool, None, most=1)
    assert before[0].deed != "message.sent_again"
    assert (noted.who, noted.deed, noted.about) == (who, "message.sent_again", {"message": str(message)})


async def test_what_a_person_sent_again_may_be_sent_again_once_more(ground: Ground) -> None:
    message, _ = await lost(ground, "hold")
    for _ in range(2):
        await ground.time_passes(SOFT_WAIT)
        assert await decide.send_again(ground.pool, message)
        attempt = await ground.begin(await ground.lease(), message)
        await ground.settle(message, attempt, Ambiguous("Cut off."))
        await ground.pool.execute("UPDATE lane SET leased_until = NULL")

    view = await ground.see(message)
    assert (view.phase, view.attempts) == ("unknown", 3)


@pytest.mark.parametrize("outcome", [Accepted(FIRST), Rejected("131026", "Undeliverable", "No such user.")])
async def test_what_was_answered_is_not_sent_again(ground: Ground, outcome: Accepted | Rejected) -> None:
    await ground.customer_writes()
    message = await ground.send()
    await ground.settle(message, await ground.begin(await ground.lease(), message), outcome)
    before = await ground.see(message)

    assert not await decide.send_again(ground.pool, message)
    assert await ground.see(message) == before


async def test_a_window_that_closes_before_the_second_attempt_does_not_hide_the_first(ground: Ground) -> None:
    message, _ = await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()
    await decide.resend(ground.pool)

    await decide.refuse(ground.pool, message, code="131047", title="Re-engagement message", detail="It closed.")

    detail = (await ground.see(message)).error_detail
    assert detail == "It closed. It was not sent again, but nobody knows whether WhatsApp took it the first time."


async def test_nor_does_an_end_of_its_own_time(ground: Ground) -> None:
    message, _ = await lost(ground)
    await ground.time_passes(SOFT_WAIT)
    await ground.meta_is_heard()
    await decide.resend(ground.pool)
    await ground.pool.execute("UPDATE message SET expires_at = $1", NOON)
    account = await ground.pool.fetchval("SELECT id FROM account")

    assert await withdraw.expire(ground.pool, account, NOON) == 1

    view = await ground.see(message)
    assert view.error_code == "EXPIRED"
    assert view.error_detail
    assert view.error_detail.endswith("nobody knows whether WhatsApp took it the first time.")


@pytest.mark.parametrize("media_url", [None, "https://shop.example/a.jpg"])
async def test_a_message_that_waits_can_be_cancelled_and_goes_nowhere_then(
    ground: Ground, media_url: str | None
) -> None:
    await ground.customer_writes()
    message = await ground.send(media_url=media_url)

    assert await withdraw.cancel(ground.pool, message)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code) == ("cancelled", "failed", "CANCELLED")
    assert view.image_state != "pending"
    assert await ground.story(message) == ["cancelled"]
    assert not await withdraw.cancel(ground.pool, message)


async def test_a_message_that_was_handed_over_cannot_be_cancelled(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    assert not await withdraw.cancel(ground.pool, message)

    await ground.settle(message, attempt, Accepted(FIRST))

    assert not await withdraw.cancel(ground.pool, message)


async def test_a_message_that_may_have_left_cannot_be_cancelled_although_it_waits(ground: Ground) -> None:
    message, _ = await lost(ground, "hold")
    await ground.time_passes(SOFT_WAIT)
    await decide.send_again(ground.pool, message)

    assert not await withdraw.cancel(ground.pool, message)
    assert (await ground.see(message)).phase == "queued"
