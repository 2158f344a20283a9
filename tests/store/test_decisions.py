"""What we decided by ourselves is kept in order and told in the message's story."""

from uuid import UUID

from tests.store.ground import Ground

from picha.gateway.domain.decisions import Kind
from picha.gateway.domain.outcomes import Ambiguous
from picha.gateway.store import views
from picha.gateway.store.ledger import decide, equip
from picha.gateway.store.ledger.note import Decision, note
from picha.gateway.store.pool import in_transaction


async def decided(ground: Ground, message: UUID) -> list[tuple[str, str | None, str | None]]:
    story = await views.story(ground.pool, message)
    return [(one.what, one.code, one.detail) for one in story if one.kind == "decision"]


async def test_a_refusal_of_ours_is_told_once_with_its_reason(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()

    for _ in range(2):
        await decide.refuse(ground.pool, message, code="EXPIRED", title="Expired", detail="It came too late.")

    assert await decided(ground, message) == [(Kind.REFUSED, "EXPIRED", "It came too late.")]


async def test_a_picture_that_could_not_be_had_is_a_decision(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send(media_url="https://shop.example/a.jpg")

    await equip.refused(ground.pool, message, code="131052", title="Media download error", detail="It is gone.")

    assert await decided(ground, message) == [(Kind.REFUSED, "131052", "It is gone.")]


async def test_giving_up_is_a_decision(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    await ground.settle(message, await ground.begin(await ground.lease(), message), Ambiguous("Cut off."))
    await ground.pool.execute("UPDATE message SET due_at = now()")

    await decide.give_up(ground.pool)

    ((kind, code, detail),) = await decided(ground, message)
    assert (kind, code) == (Kind.GIVEN_UP, "SEND_OUTCOME_UNKNOWN")
    assert detail
    assert "not sent again" in detail


async def test_what_moves_nothing_can_be_noted_too(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()

    noted = [Decision(message, Kind.REFUSED, detail=text) for text in ("First.", "Second.")]
    await in_transaction(ground.pool, lambda connection: note(connection, noted))

    assert await decided(ground, message) == [(Kind.REFUSED, None, "First."), (Kind.REFUSED, None, "Second.")]
    assert (await ground.see(message)).phase == "queued"
