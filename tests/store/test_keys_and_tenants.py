"""Keys in the database: how long one holds, who wins a race for its name or its place, and whose a number is."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest
from tests.store.ground import ACCOUNT, PNID, VAULT, Ground

from picha.gateway.api.keys import FRESH_S, KeyDesk
from picha.gateway.api.turnstile import TooOftenError, Turnstile
from picha.gateway.domain.keys import OVERLAP_MAX, Scope, compose
from picha.gateway.domain.pace import Allowance
from picha.gateway.setup import fresh_key
from picha.gateway.store import directory, keys, tenants
from picha.gateway.store.keys import KeyRefusedError
from picha.gateway.store.tenants import App, NumberTakenError
from picha.kit.clock import ManualClock, SystemClock


async def key_of(ground: Ground, *, name: str = "", app: App | None = None) -> str:
    """Make a key and return its text."""
    text, key = fresh_key("test")
    await keys.add(ground.pool, ground.ids, app or ground.app, key, name=name)
    return text


async def put(ground: Ground, app: App, *, number: str, waba: str = ACCOUNT.waba_id) -> None:
    account = replace(ACCOUNT, waba_id=waba)
    await tenants.put_account(
        ground.pool, VAULT, ground.ids, app, account, phone_number_id=number, display_number="+1 555 078 9999"
    )


async def test_of_a_key_only_its_digest_and_its_public_id_are_stored(ground: Ground) -> None:
    text = await key_of(ground, name="till")

    [row] = await ground.pool.fetch("SELECT * FROM api_key")
    assert row["digest"] == hashlib.sha256(text.encode()).digest()
    assert text[19:51] not in str(dict(row))
    [view] = await keys.listed(ground.pool)
    assert (view.public_id, view.name, view.scopes, view.is_active) == (text[11:19], "till", frozenset(Scope), True)


async def test_a_process_believes_what_it_read_of_a_key_for_a_second_and_no_longer(ground: Ground) -> None:
    clock = ManualClock(SystemClock().now())
    desk, text = KeyDesk(ground.pool, clock, Turnstile(clock, None)), await key_of(ground)
    assert await desk.identify(text) is not None

    await keys.revoke(ground.pool, text[11:19])

    clock.advance(timedelta(seconds=FRESH_S))
    assert await desk.identify(text) is not None
    clock.advance(timedelta(milliseconds=1))
    assert await desk.identify(text) is None


async def test_when_a_key_was_used_is_written_down_at_most_once_a_minute_and_only_of_who_had_it_whole(
    ground: Ground,
) -> None:
    clock = SystemClock()
    desk, text, other = KeyDesk(ground.pool, clock, Turnstile(clock, None)), await key_of(ground), await key_of(ground)
    forged = compose("test", other[11:19], text[19:51])
    aged = "UPDATE api_key SET last_used_at = last_used_at - interval '61 s'"

    async def used() -> tuple[datetime | None, datetime | None]:
        for _ in range(3):
            assert await desk.identify(text) is not None
        assert await desk.identify(forged) is None
        await desk.note()
        mine, others = await keys.listed(ground.pool)
        return mine.last_used_at, others.last_used_at

    before, _ = await keys.listed(ground.pool)
    first, again = await used(), await used()
    await ground.pool.execute(aged)
    later = await used()

    assert before.last_used_at is None
    assert first[0] is not None
    assert later[0] is not None
    assert first == again
    assert later[0] > first[0]
    assert later[1] is None


async def test_an_address_that_came_with_too_many_wrong_keys_is_refused_unless_its_key_is_known(ground: Ground) -> None:
    clock = ManualClock(SystemClock().now())
    desk = KeyDesk(ground.pool, clock, Turnstile(clock, None, Allowance(per_second=1, burst=3)))
    text, fresh, (forged, _) = await key_of(ground), await key_of(ground, name="new"), fresh_key("test")
    assert await desk.identify(text, "192.0.2.1") is not None

    for wrong in (forged, "no key", text[:-1] + "!"):
        assert await desk.identify(wrong, "192.0.2.1") is None

    for wrong in (forged, "no key", fresh):
        with pytest.raises(TooOftenError):
            await desk.identify(wrong, "192.0.2.1")
    assert await desk.identify(None, "192.0.2.1") is None
    assert await desk.identify(text, "192.0.2.1") is not None
    assert await desk.identify(fresh, "192.0.2.2") is not None
    clock.advance(timedelta(seconds=1))
    assert await desk.identify(forged, "192.0.2.1") is None
    clock.advance(timedelta(seconds=10))
    assert await desk.identify(fresh, "192.0.2.1") is not None


async def test_a_rotated_key_holds_until_its_end_and_not_at_it(ground: Ground) -> None:
    text = await key_of(ground, name="till")
    heir_text, heir = fresh_key("test")

    ends_at = await keys.rotate(ground.pool, ground.ids, text[11:19], heir, OVERLAP_MAX)

    made_at = (await keys.listed(ground.pool, only=heir.public_id))[0].created_at
    assert ends_at - made_at == OVERLAP_MAX
    assert await keys.find(ground.pool, text[11:19]) is not None
    await ground.pool.execute("UPDATE api_key SET expires_at = now() WHERE public_id = $1", text[11:19])
    assert await keys.find(ground.pool, text[11:19]) is None
    assert [view.public_id for view in await keys.listed(ground.pool) if view.is_active] == [heir_text[11:19]]


async def test_of_two_who_rotate_a_key_at_once_one_is_refused_and_two_keys_are_active(ground: Ground) -> None:
    text = await key_of(ground, name="till")

    async def rotate() -> object:
        return await keys.rotate(ground.pool, ground.ids, text[11:19], fresh_key("test")[1], timedelta(hours=1))

    told = await asyncio.gather(*(rotate() for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(one, KeyRefusedError) for one in told) == 3
    assert len([view for view in await keys.listed(ground.pool) if view.is_active]) == 2


async def test_of_two_who_make_a_key_of_one_name_at_once_one_is_refused(ground: Ground) -> None:
    told = await asyncio.gather(*(key_of(ground, name="till") for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(one, KeyRefusedError) for one in told) == 3
    other = await tenants.add_app(ground.pool, ground.ids, ground.app.workspace_id, "Other")
    await key_of(ground, name="till", app=other)


async def test_the_name_of_a_revoked_key_is_free_and_any_number_have_none(ground: Ground) -> None:
    text = await key_of(ground, name="till")
    await keys.revoke(ground.pool, text[11:19])

    for name in ("till", "", ""):
        await key_of(ground, name=name)

    assert [view.name for view in await keys.listed(ground.pool, app=ground.app.app_id)] == ["till", "till", "", ""]


@pytest.mark.parametrize("scopes", [[], ["fly"], ["read", "fly"]])
async def test_the_database_takes_no_other_scopes(ground: Ground, scopes: list[str]) -> None:
    text = await key_of(ground)

    with pytest.raises(asyncpg.CheckViolationError):
        await ground.pool.execute("UPDATE api_key SET scopes = $1 WHERE public_id = $2", scopes, text[11:19])


async def test_a_number_of_another_workspace_is_refused_and_nothing_is_changed(ground: Ground) -> None:
    stranger = await tenants.add_workspace(ground.pool, ground.ids, "Stranger")
    before = await directory.senders(ground.pool)

    with pytest.raises(NumberTakenError):
        await put(ground, stranger, number=PNID)

    assert await directory.senders(ground.pool) == before
    assert [one.workspace_id for one in await tenants.accounts(ground.pool, VAULT)] == [ground.app.workspace_id]


async def test_only_the_first_number_of_a_workspace_is_its_default_and_one_may_move_to_another_account(
    ground: Ground,
) -> None:
    await put(ground, ground.app, number="222")
    await put(ground, ground.app, number="222", waba="333")

    told = await directory.senders(ground.pool, ground.app.workspace_id)

    assert [(one.phone_number_id, one.is_default, one.waba_id) for one in told] == [
        (PNID, True, ACCOUNT.waba_id),
        ("222", False, "333"),
    ]


async def test_a_new_number_has_the_pace_it_is_set_up_with_and_a_known_one_keeps_its_own(ground: Ground) -> None:
    async def put(per_second: float) -> float:
        await tenants.put_account(
            ground.pool, VAULT, ground.ids, ground.app, ACCOUNT, phone_number_id="106540352242931",
            display_number="+1 555-1", per_second=per_second,
        )  # fmt: skip
        query = "SELECT per_second FROM sender WHERE phone_number_id = '106540352242931'"
        return float(await ground.pool.fetchval(query))

    assert await put(20) == 20
    await ground.pool.execute("UPDATE sender SET per_second = 33 WHERE phone_number_id = '106540352242931'")
    assert await put(20) == 33
