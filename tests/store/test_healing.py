"""A picture that Meta could not use is uploaded once more, as another attempt of the same message."""

import asyncio
from itertools import permutations
from uuid import UUID

import pytest
from tests.store.ground import Ground

from picha.gateway.domain.outcomes import Accepted, Ambiguous, NotSent, Rejected
from picha.gateway.store import outbox
from picha.gateway.store.ledger import decide

FIRST, SECOND, MEDIA = "wamid.FIRST", "wamid.SECOND", "1003383421387256"


async def submitted(ground: Ground, media_id: str | None = MEDIA) -> UUID:
    """Send a message that Meta took."""
    await ground.customer_writes()
    message = await ground.send()
    await ground.settle(message, await ground.begin(await ground.lease(), message, media_id=media_id), Accepted(FIRST))
    await ground.pool.execute("UPDATE lane SET leased_until = NULL")
    return message


@pytest.mark.parametrize("code", [131052, 131053])
async def test_a_media_failure_queues_the_message_for_a_new_upload_and_is_not_shown(ground: Ground, code: int) -> None:
    message = await submitted(ground)

    await ground.meta_says(FIRST, "sent")
    await ground.meta_says(FIRST, "failed", code=code)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code, view.failed_at) == ("queued", "pending", None, None)
    assert sorted(await ground.story(message)) == ["accepted", "failed", "healing", "sent", "started"]
    (due,), _ = await outbox.sends(ground.pool, ground.sender, busy=[], most=10)
    assert (due.id, due.spoilt_media_id) == (message, MEDIA)


async def test_both_wamids_are_kept_and_the_second_speaks(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)
    second = await ground.begin(await ground.lease(), message, media_id="2003383421387256")

    assert not await ground.settle(message, second, Accepted(SECOND))
    await ground.meta_says(SECOND, "sent", "delivered", "read")

    view = await ground.see(message)
    assert (view.status, view.provider_message_id, view.attempts, view.duplicates) == ("read", SECOND, 2, 0)
    rows = await ground.pool.fetch("SELECT wamid, media_id FROM attempt ORDER BY number")
    assert [tuple(row) for row in rows] == [(FIRST, MEDIA), (SECOND, "2003383421387256")]


async def test_a_second_media_failure_is_the_message_s(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)
    await ground.settle(message, await ground.begin(await ground.lease(), message), Accepted(SECOND))

    await ground.meta_says(SECOND, "failed", code=131053, seconds=9)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code, view.attempts) == ("failed", "failed", "131053", 2)
    assert (await ground.story(message)).count("healing") == 1


@pytest.mark.parametrize(("code", "media_id"), [(131053, None), (131026, MEDIA), (131047, MEDIA)])
async def test_a_link_s_failure_and_any_other_passes_through(ground: Ground, code: int, media_id: str | None) -> None:
    message = await submitted(ground, media_id)

    await ground.meta_says(FIRST, "failed", code=code)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code) == ("failed", "failed", str(code))


async def test_a_failure_that_comes_before_the_answer_heals_too(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.meta_says(FIRST, "failed", code=131053)
    assert (await ground.see(message)).phase == "sending"

    await ground.settle(message, attempt, Accepted(FIRST))

    view = await ground.see(message)
    assert (view.phase, view.status) == ("queued", "pending")


async def test_a_failure_of_what_arrived_heals_nothing_and_is_a_warning(ground: Ground) -> None:
    message = await submitted(ground)

    await ground.meta_says(FIRST, "delivered")
    await ground.meta_says(FIRST, "failed", code=131053, seconds=9)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code) == ("submitted", "delivered", None)
    assert (view.warning_code, view.warning_detail) == ("131053", "It could not be read.")


async def test_arriving_after_all_calls_the_new_upload_off(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)

    await ground.meta_says(FIRST, "delivered")

    view = await ground.see(message)
    assert (view.phase, view.status, view.provider_message_id) == ("submitted", "delivered", FIRST)
    assert view.warning_code == "131053"


@pytest.mark.parametrize("order", list(permutations(["sent", "failed", "failed"])))
async def test_healing_is_decided_once_in_every_order(ground: Ground, order: tuple[str, ...]) -> None:
    message = await submitted(ground)

    for status in order:
        await ground.meta_says(FIRST, status, code=131053 if status == "failed" else 0)

    view = await ground.see(message)
    assert (view.phase, view.status, view.attempts) == ("queued", "pending", 1)
    assert (await ground.story(message)).count("healing") == 1


async def test_many_workers_at_once_heal_it_once(ground: Ground) -> None:
    message = await submitted(ground)

    await asyncio.gather(*(ground.meta_says(FIRST, "failed", code=131053, seconds=n) for n in range(6)))

    assert (await ground.story(message)).count("healing") == 1
    assert (await ground.see(message)).phase == "queued"


async def test_a_healing_attempt_that_did_not_leave_is_made_again(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)

    await ground.settle(message, await ground.begin(await ground.lease(), message), NotSent("No connection."))
    await ground.meta_says(FIRST, "sent")

    view = await ground.see(message)
    assert (view.phase, view.status, view.attempts) == ("queued", "pending", 2)


async def test_a_healing_attempt_whose_answer_is_lost_is_unknown_and_not_failed(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)

    await ground.settle(message, await ground.begin(await ground.lease(), message), Ambiguous("Cut off."))
    await ground.meta_says(FIRST, "sent")

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code) == ("unknown", "pending", None)


async def test_a_healing_attempt_that_is_refused_fails_the_message_with_the_refusal(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)

    second = await ground.begin(await ground.lease(), message)
    await ground.settle(message, second, Rejected("131026", "Message undeliverable", "No such user."))

    view = await ground.see(message)
    assert (view.phase, view.error_code) == ("failed", "131026")


async def test_a_window_that_closed_meanwhile_fails_the_message(ground: Ground) -> None:
    message = await submitted(ground)
    await ground.meta_says(FIRST, "failed", code=131053)

    await decide.refuse(ground.pool, message, code="131047", title="Re-engagement message", detail="It closed.")

    view = await ground.see(message)
    assert (view.phase, view.error_code, view.error_detail) == ("failed", "131047", "It closed.")
