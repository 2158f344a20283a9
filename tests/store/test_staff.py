"""The people who work in the inbox: their names, sessions, links and tries, and what is told of changes."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from tests.store.ground import VAULT, Ground
from tests.store.test_growth import execute

from picha.gateway.domain.staff import (
    SESSION_IDLES,
    SESSION_LIVES,
    TRIES,
    TRIES_WITHIN,
    Role,
    digest_of,
)
from picha.gateway.inbox.doorkeeper import Doorkeeper, TriedTooOftenError, WrongError
from picha.gateway.inbox.known_browsers import KnownBrowsers
from picha.gateway.store import audit, sessions, staff, tenants
from picha.gateway.store.changes import WATCH_LASTS, Change, Changes, Ear, Presence, listening
from picha.gateway.store.staff import PersonRefusedError
from picha.gateway.store.vault import Vault
from picha.kit.clock import ManualClock, SystemClock


async def add(ground: Ground, name: str = "Asha", role: Role = Role.AGENT) -> UUID:
    return await staff.add(ground.pool, ground.ids, ground.app.workspace_id, name, role)


async def sign_in(ground: Ground, person: UUID) -> bytes:
    return digest_of(await sessions.begin(ground.pool, person))


def doorkeeper(ground: Ground, vault: Vault = VAULT) -> Doorkeeper:
    return Doorkeeper(ground.pool, SystemClock(), KnownBrowsers(vault.deriving("known browsers")))


async def mark_of(door: Doorkeeper, name: str) -> str:
    marked = await door.mark(name)
    assert marked
    return marked[1]


async def with_password(ground: Ground, name: str, password: str) -> tuple[Doorkeeper, UUID]:
    door, person = doorkeeper(ground), await add(ground, name)
    await sessions.change_password(ground.pool, person, await door.passwords.hashed(password))
    return door, person


async def test_nobody_takes_a_name_that_looks_like_anothers(ground: Ground) -> None:
    await add(ground, "Asha Mwita")

    for same in ("asha mwita", "ASHA  MWITA", "\uff21sha Mwita"):
        with pytest.raises(PersonRefusedError):
            await add(ground, same)


async def test_whoever_is_disabled_is_out_at_once_and_their_links_open_nothing(ground: Ground) -> None:
    person = await add(ground)
    session, link = await sign_in(ground, person), await sessions.invite(ground.pool, person)

    await staff.disable(ground.pool, person)

    assert await sessions.find(ground.pool, session) is None
    assert await sessions.accept(ground.pool, link, None) is None
    await staff.enable(ground.pool, person)
    assert await sessions.find(ground.pool, session) is None


async def test_of_many_who_follow_a_link_at_once_one_comes_in(ground: Ground) -> None:
    link = await sessions.invite(ground.pool, await add(ground))

    came = await asyncio.gather(*(sessions.accept(ground.pool, link, None) for _ in range(8)))

    [token] = [one for one in came if one]
    found = await sessions.find(ground.pool, digest_of(token))
    assert found is not None
    assert (found.name, found.role, found.environments) == ("Asha", Role.AGENT, frozenset({"test"}))


async def test_a_link_that_ran_out_lets_nobody_in(ground: Ground) -> None:
    link = await sessions.invite(ground.pool, await add(ground))
    await ground.pool.execute("UPDATE sign_in_link SET expires_at = now()")

    assert await sessions.accept(ground.pool, link, None) is None
    invited = await sessions.invited(ground.pool, link)
    assert invited is not None
    assert (invited.is_good, invited.is_used) == (False, False)


@pytest.mark.parametrize(
    "aged",
    [
        f"expires_at = expires_at - interval '{SESSION_LIVES.days} d'",
        f"seen_at = now() - interval '{SESSION_IDLES.days} d'",
    ],
)
async def test_a_session_ends_after_a_month_and_after_a_week_without_use(ground: Ground, aged: str) -> None:
    session = await sign_in(ground, await add(ground))
    assert await sessions.find(ground.pool, session)

    await ground.pool.execute(f"UPDATE session SET {aged}")

    assert await sessions.find(ground.pool, session) is None


async def test_a_new_password_signs_out_whoever_had_the_former_one(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the first password")
    before = await sign_in(ground, person)

    now = await sessions.change_password(ground.pool, person, await door.passwords.hashed("the second password"))

    assert await sessions.find(ground.pool, before) is None
    assert await sessions.find(ground.pool, digest_of(now))
    with pytest.raises(WrongError):
        await door.check("Asha", "the first password", "a")
    assert await door.check("asha", "the second password", "a") == person


async def test_five_wrong_passwords_close_a_name_from_everywhere_in_every_process_whether_it_is_somebodys_or_not(
    ground: Ground,
) -> None:
    door, _ = await with_password(ground, "Asha", "the password")
    other = doorkeeper(ground)

    for name in ("Asha", "nobody"):
        tries = [(door, other)[place % 2].check(name, "wrong", f"{name} from {place}") for place in range(TRIES + 20)]
        told = await asyncio.gather(*tries, return_exceptions=True)
        assert Counter(type(one) for one in told) == {WrongError: TRIES, TriedTooOftenError: 20}

    with pytest.raises(TriedTooOftenError) as refused:
        await other.check("Asha", "the password", "somewhere else")
    assert timedelta(0) < refused.value.until - SystemClock().now() <= TRIES_WITHIN


async def test_who_guesses_at_a_name_does_not_shut_its_person_out_of_a_browser_of_theirs(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the password")
    marks = ["nonsense", "\udcff.\udcff", await mark_of(door, "asha")]
    for place in range(TRIES + 1):
        with pytest.raises((WrongError, TriedTooOftenError)):
            await door.check("Asha", "wrong", f"192.0.2.{place}")
    for place in range(TRIES + 1):
        with pytest.raises((WrongError, TriedTooOftenError)):
            await door.check(f"name {place}", "wrong", "198.51.100.1")

    # Where strangers were wrong too often, too, and as a process reads it whose master key is a newer one.
    newer = doorkeeper(ground, Vault({"newerkey": b"n" * 32, "masterky": b"m" * 32}))
    assert await newer.check("Asha", "the password", "198.51.100.1", marks) == person

    # Coming in gives strangers no tries back.
    with pytest.raises(TriedTooOftenError):
        await door.check("Asha", "the password", "203.0.113.1")


async def test_a_browser_of_somebodys_has_five_tries_wherever_it_is_and_takes_none_from_others(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the password")
    stolen, another = await mark_of(door, "Asha"), await mark_of(door, "Asha")

    tries = [door.check("Asha", "wrong", f"192.0.2.{place}", [stolen]) for place in range(TRIES + 20)]
    told = await asyncio.gather(*tries, return_exceptions=True)

    assert Counter(type(one) for one in told) == {WrongError: TRIES, TriedTooOftenError: 20}
    assert await door.check("Asha", "the password", "192.0.2.1", [another]) == person
    assert await door.check("Asha", "the password", "192.0.2.1") == person


async def test_a_mark_is_of_one_person_and_one_password_and_made_here(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the password")
    _, juma = await with_password(ground, "Juma", "the password")
    former = await mark_of(door, "Asha")
    await sessions.change_password(ground.pool, person, await door.passwords.hashed("another password"))
    forged = await mark_of(doorkeeper(ground, Vault({"theirkey": b"t" * 32})), "Asha")
    mine = await mark_of(door, "Asha")
    changed = mine[:-1] + ("0" if mine[-1] != "0" else "1")
    for place in range(TRIES):
        with pytest.raises(WrongError):
            await door.check("Asha", "wrong", f"192.0.2.{place}")

    for mark in (former, await mark_of(door, "Juma"), forged, changed, "x" + mine, ""):
        with pytest.raises(TriedTooOftenError):
            await door.check("Asha", "another password", "203.0.113.1", [mark])

    assert await door.check("Asha", "another password", "203.0.113.1", [mine]) == person
    assert await door.check("Juma", "the password", "203.0.113.1") == juma


async def test_who_has_no_password_or_is_kept_out_has_no_mark(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the password")
    await add(ground, "Juma")
    await staff.disable(ground.pool, person)

    assert [await door.mark(name) for name in ("Asha", "Juma", "nobody")] == [None, None, None]


async def test_five_wrong_passwords_close_an_address_whatever_the_names(ground: Ground) -> None:
    door, _ = await with_password(ground, "Asha", "the password")

    for place in range(TRIES):
        with pytest.raises(WrongError):
            await door.check(f"name {place}", "wrong", "192.0.2.1")

    with pytest.raises(TriedTooOftenError):
        await door.check("Asha", "the password", "192.0.2.1")
    assert await door.check("Asha", "the password", "192.0.2.2")


async def test_a_right_password_counts_for_no_try(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the password")

    for _ in range(TRIES + 1):
        assert await door.check("Asha", "the password", "192.0.2.1") == person


async def test_tries_are_forgotten_after_their_time(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "the password")
    for _ in range(TRIES):
        with pytest.raises(WrongError):
            await door.check("Asha", "wrong", "192.0.2.1")

    await ground.pool.execute(
        "UPDATE sign_in_try SET tried_at = ARRAY(SELECT one - $1::interval FROM unnest(tried_at) AS one)", TRIES_WITHIN
    )

    assert await door.check("Asha", "the password", "192.0.2.1") == person


async def test_what_has_ended_is_let_go_of_and_what_has_not_stays(ground: Ground) -> None:
    person = await add(ground)
    kept = await sign_in(ground, person)
    await sign_in(ground, person)
    await ground.pool.execute("UPDATE session SET seen_at = now() - interval '8 d' WHERE digest <> $1", kept)
    await sessions.invite(ground.pool, person)
    await ground.pool.execute("UPDATE sign_in_link SET expires_at = now() - interval '2 d'")
    await sessions.attempt(ground.pool, [b"name", b"address"])
    await ground.pool.execute("UPDATE sign_in_try SET last_at = now() - interval '16 min' WHERE subject = 'name'")

    assert await sessions.drop(ground.pool, most=100) == 3

    assert await sessions.find(ground.pool, kept)
    assert await ground.pool.fetchval("SELECT count(*) FROM sign_in_try") == 1


async def test_what_is_done_with_people_is_noted_in_the_audit(ground: Ground) -> None:
    _, person = await with_password(ground, "Asha", "the password")
    await sessions.accept(ground.pool, await sessions.invite(ground.pool, person), None)
    await staff.set_role(ground.pool, person, Role.ADMIN)
    await staff.disable(ground.pool, person)

    noted = [(one.deed, one.who) for one in await audit.listed(ground.pool, ground.app.workspace_id, most=6)]

    assert noted == [
        ("person.disabled", "cli"),
        ("person.changed", "cli"),
        ("person.signed_in_by_link", person.hex),
        ("person.invited", "cli"),
        ("person.password_set", person.hex),
        ("person.added", "cli"),
    ]


async def test_changes_of_a_watched_workspace_are_heard_and_of_others_nothing(ground: Ground, database: str) -> None:
    async with listening(database, ground.pool, SystemClock()) as changes:
        with changes.ear(ground.app.workspace_id) as ear:
            await told(ear_rings=ear.ring)
            assert ear.take() == ([], True)
            await ground.customer_writes("16505551234")
            await changes.writes(ground.app.workspace_id, Presence(ground.sender, ground.account, "unwatched"))
            await told(ear_rings=ear.ring)
            assert [type(one) for one in ear.take()[0]] == [Presence]

            await changes.watch(ground.app.workspace_id)
            await ground.customer_writes("16505551234", "wamid.IN2")

            await told(ear_rings=ear.ring)
            heard, is_lost = ear.take()
            [thread] = await ground.pool.fetch("SELECT id FROM conversation")
            assert not is_lost
            assert {one.conversation for one in heard} == {thread["id"]}
            assert {type(one) for one in heard} == {Change}
            assert any(isinstance(one, Change) and one.message for one in heard)


async def test_a_listener_who_is_far_behind_is_told_that_anything_may_have_changed(ground: Ground) -> None:
    changes = Changes(ground.pool, SystemClock())
    with changes.ear(ground.app.workspace_id) as ear:
        for _ in range(300):
            changed(ground, changes, ground.app.workspace_id)

        assert ear.take() == ([], True)
        changes.heard("picha_inbox", f"{ground.app.workspace_id} {ground.sender}:{ground.account}")
        assert ear.take() == ([Change(ground.sender, ground.account)], False)


async def test_a_message_and_its_thread_are_heard_by_their_names_also_where_anything_may_have_changed_beside(
    ground: Ground,
) -> None:
    changes, ours = Changes(ground.pool, SystemClock()), ground.app.workspace_id
    with changes.ear(ours) as ear:
        thread, message = ground.ids.uuid(), ground.ids.uuid()
        changes.heard("picha_inbox", str(ours))
        changes.heard("picha_inbox", f"{ours} {thread}:{message}")
        changes.heard("picha_inbox", f"{ours} {thread}")
        for _ in range(300):
            changed(ground, changes, ours)

        assert ear.take() == ([Change(thread, message), Change(thread)], True)
        assert ear.take() == ([], False)


async def test_nobody_is_told_more_names_than_can_be_looked_at_one_by_one(ground: Ground) -> None:
    changes, ours = Changes(ground.pool, SystemClock()), ground.app.workspace_id
    with changes.ear(ours) as ear:
        for _ in range(1_000):
            changes.heard("picha_inbox", f"{ours} {ground.ids.uuid()}:{ground.ids.uuid()}")
            assert len(ear._waiting) <= 200

        named, is_lost = ear.take()
        assert is_lost
        assert len(named) <= 200


def changed(ground: Ground, changes: Changes, workspace: UUID) -> Change:
    """Let it be told that a thread changed."""
    change = Change(ground.ids.uuid())
    changes.heard("picha_inbox", f"{workspace} {change.conversation}")
    return change


def since(changes: Changes, workspace: UUID, mark: str) -> tuple[list[Change | Presence], bool]:
    """Take what is told to who made a mark."""
    with changes.ear(workspace, since=mark) as ear:
        return ear.take()


async def test_who_made_a_mark_hears_what_was_told_since_it(ground: Ground) -> None:
    changes, ours = Changes(ground.pool, SystemClock()), ground.app.workspace_id
    await changes.watch(ours)

    early = await changes.mark(ours)
    first = changed(ground, changes, ours)
    late = await changes.mark(ours)
    changed(ground, changes, ground.ids.uuid())
    changes.heard("picha_presence", f"{ours} {ground.sender}:{ground.account}:Asha")
    second = changed(ground, changes, ours)

    assert since(changes, ours, early) == ([first, second], False)
    assert since(changes, ours, late) == ([second], False)
    assert since(changes, ours, await changes.mark(ours)) == ([], False)


async def test_who_made_a_mark_is_told_where_it_is_not_known_what_changed_since(ground: Ground) -> None:
    clock, ours = ManualClock(SystemClock().now()), ground.app.workspace_id
    changes, others = Changes(ground.pool, clock), Changes(ground.pool, clock)
    unwatched, mark = await changes.mark(ours), await changes.mark(ours)
    process, _, at = mark.split(".")
    wrong = [unwatched, "", "no.mark", f"{mark}.0", f"{process}.9.{at}", f"{process}.-1.{at}", await others.mark(ours)]

    assert [since(changes, ours, one) for one in wrong] == [([], True)] * len(wrong)
    assert since(changes, ours, mark) == ([], False)
    changes.heard("picha_inbox", str(ours))
    assert since(changes, ours, mark) == ([], True)
    before = await changes.mark(ours)
    changes.lost()
    assert [since(changes, ours, one) for one in (before, await changes.mark(ours))] == [([], True), ([], False)]
    before = await changes.mark(ours)
    for _ in range(1001):
        changed(ground, changes, ground.ids.uuid())
    assert since(changes, ours, before) == ([], True)
    before = await changes.mark(ours)
    clock.advance(WATCH_LASTS)
    assert [since(changes, ours, one) for one in (before, await changes.mark(ours))] == [([], True)] * 2


async def told(*, ear_rings: asyncio.Event) -> None:
    """Wait until there is something to take."""
    async with asyncio.timeout(10):
        await ear_rings.wait()


async def test_of_two_admins_who_disable_each_other_at_once_one_stays(ground: Ground) -> None:
    admins = [await add(ground, name, Role.ADMIN) for name in ("Asha", "Juma")]

    tried = await asyncio.gather(
        staff.disable(ground.pool, admins[0], leaves_admin=True),
        staff.set_role(ground.pool, admins[1], Role.AGENT, leaves_admin=True),
        return_exceptions=True,
    )

    assert [type(one) for one in tried if one] == [PersonRefusedError]
    left = [one for one in await staff.listed(ground.pool) if one.role is Role.ADMIN and not one.disabled_at]
    assert len(left) == 1


async def test_the_last_admin_of_a_workspace_stays_one_whoever_there_is_in_others(ground: Ground) -> None:
    other = await tenants.add_workspace(ground.pool, ground.ids, "Other")
    await staff.add(ground.pool, ground.ids, other.workspace_id, "Elsewhere", Role.ADMIN)
    last, agent = await add(ground, "Asha", Role.ADMIN), await add(ground, "Juma")

    for deed in (
        staff.disable(ground.pool, last, leaves_admin=True),
        staff.set_role(ground.pool, last, Role.AGENT, leaves_admin=True),
    ):
        with pytest.raises(PersonRefusedError, match="last admin"):
            await deed

    await staff.disable(ground.pool, agent, leaves_admin=True)
    await staff.set_role(ground.pool, agent, Role.ADMIN, leaves_admin=True)
    # Who is disabled counts for nothing.
    with pytest.raises(PersonRefusedError, match="last admin"):
        await staff.disable(ground.pool, last, leaves_admin=True)


async def test_a_new_password_and_a_sign_out_everywhere_end_the_links_that_nobody_used(ground: Ground) -> None:
    door, person = await with_password(ground, "Asha", "a long enough password")
    leaked = await sessions.invite(ground.pool, person)

    await sessions.change_password(ground.pool, person, await door.passwords.hashed("another long password"))
    other = await sessions.invite(ground.pool, person)
    await sessions.end_all(ground.pool, person)

    assert [await sessions.accept(ground.pool, one, None) for one in (leaked, other)] == [None, None]


async def test_who_is_shut_out_writes_nothing_more_whatever_names_they_try(ground: Ground) -> None:
    for n in range(TRIES):
        assert await sessions.attempt(ground.pool, [f"name {n}".encode(), b"address"]) is None
    before = await ground.pool.fetchval("SELECT count(*) FROM sign_in_try")

    for n in range(20):
        assert await sessions.attempt(ground.pool, [f"another {n}".encode(), b"address"])

    assert await ground.pool.fetchval("SELECT count(*) FROM sign_in_try") == before


async def test_a_listener_whose_connection_ends_is_told_that_anything_may_have_changed_and_hears_on(
    ground: Ground, database: str
) -> None:
    async with listening(database, ground.pool, SystemClock()) as changes:
        with changes.ear(ground.app.workspace_id) as ear:
            await told(ear_rings=ear.ring)
            ear.take()
            await changes.watch(ground.app.workspace_id)
            await heard_of(ground, ear, "16505550001")
            await execute(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND query LIKE 'LISTEN %'",
            )
            await told(ear_rings=ear.ring)
            assert ear.take() == ([], True)
            await heard_of(ground, ear, "16505550002")


async def heard_of(ground: Ground, ear: Ear, phone: str) -> None:
    """Let somebody write, and wait until that is heard of."""
    await ground.customer_writes(phone, f"wamid.{phone}")
    while not ear.take()[0]:
        await told(ear_rings=ear.ring)
