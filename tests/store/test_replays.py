"""Idempotency keys in the database: taken with their message or not at all, claimed, answered, forgotten."""

import asyncio
from datetime import timedelta
from typing import Any

from msgspec.structs import replace
from tests.store.ground import Ground

from picha.gateway.domain.once import Once
from picha.gateway.store import replays
from picha.gateway.store.ledger.admit import NewSend, admit
from picha.gateway.store.replays import Taken

ONE, OTHER = Once("order 7", b"1" * 32), Once("order 8", b"2" * 32)


async def keyed(ground: Ground, once: Once, **send: Any) -> NewSend:
    new = await ground.new_send(**send)
    return replace(new, taken=Taken(new.workspace_id, "test", once, 202, {"message_id": str(new.id)}))


async def stored(ground: Ground) -> set[object]:
    return {row[0] for row in await ground.pool.fetch("SELECT id FROM message WHERE is_outbound")}


async def test_of_sends_with_one_key_the_first_is_stored_and_the_others_are_named(ground: Ground) -> None:
    await ground.customer_writes()
    first, second, other, keyless = [
        await keyed(ground, ONE),
        await keyed(ground, ONE),
        await keyed(ground, OTHER),
        await ground.new_send(),
    ]

    late = await admit(ground.pool, [first, second, other, keyless])
    later = await admit(ground.pool, [third := await keyed(ground, ONE)])

    assert (late, later) == ({second.id}, {third.id})
    assert await stored(ground) == {first.id, other.id, keyless.id}
    [kept] = (await replays.find(ground.pool, [(ground.app.workspace_id, "test", ONE.key)])).values()
    assert (kept.status, kept.answer, kept.fingerprint) == (202, {"message_id": str(first.id)}, ONE.fingerprint)


async def test_many_batches_at_once_that_share_keys_in_any_order_store_each_key_s_message_once(ground: Ground) -> None:
    await ground.customer_writes()
    file, keys = await ground.picture(), [Once(f"order {n}", bytes([n]) * 32) for n in range(20)]
    batches = [[await keyed(ground, once, file=file) for once in (keys if n % 2 else keys[::-1])] for n in range(8)]

    late = await asyncio.gather(*(admit(ground.pool, batch) for batch in batches))

    assert len(await stored(ground)) == len(keys)
    assert sum(map(len, late)) == (len(batches) - 1) * len(keys)


async def test_a_key_is_its_workspace_s_and_its_environment_s_own(ground: Ground) -> None:
    await ground.customer_writes()
    await admit(ground.pool, [await keyed(ground, ONE)])

    assert await replays.claim(ground.pool, ground.app.workspace_id, "live", ONE) is not None
    assert await replays.claim(ground.pool, ground.ids.uuid(), "test", ONE) is not None
    assert await replays.claim(ground.pool, ground.app.workspace_id, "test", ONE) is None


async def test_a_claim_holds_until_it_is_answered_given_back_or_over(ground: Ground) -> None:
    workspace, name = ground.app.workspace_id, (ground.app.workspace_id, "test", ONE.key)
    first = await replays.claim(ground.pool, workspace, "test", ONE)
    assert first is not None
    assert await replays.claim(ground.pool, workspace, "test", ONE) is None
    busy = (await replays.find(ground.pool, [name]))[name]
    assert busy.status is None
    assert busy.busy_s is not None
    assert 1 <= busy.busy_s <= 60

    await replays.give_back(ground.pool, first)
    second = await replays.claim(ground.pool, workspace, "test", ONE)
    assert second is not None
    await ground.pool.execute("UPDATE replay SET claimed_until = now() - interval '1 s'")
    third = await replays.claim(ground.pool, workspace, "test", ONE)
    assert third is not None
    await replays.keep(ground.pool, second, status=201, answer={"of": "the late one"})
    await replays.keep(ground.pool, third, status=201, answer={"of": "the owner"})

    assert await replays.claim(ground.pool, workspace, "test", ONE) is None
    assert (await replays.find(ground.pool, [name]))[name].answer == {"of": "the owner"}


async def test_a_key_is_forgotten_after_seven_days_and_not_before(ground: Ground) -> None:
    await ground.customer_writes()
    await admit(ground.pool, [await keyed(ground, ONE)])

    async def age(by: timedelta) -> int:
        await ground.pool.execute("UPDATE replay SET created_at = now() - $1::interval", by)
        return await replays.drop(ground.pool, most=10)

    assert await age(replays.KEPT - timedelta(minutes=1)) == 0
    assert await age(replays.KEPT + timedelta(minutes=1)) == 1
    assert await admit(ground.pool, [await keyed(ground, ONE)]) == set()
