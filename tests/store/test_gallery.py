"""Pictures as people look through them: newest first, page by page, those of one workspace and environment."""

from dataclasses import replace
from uuid import UUID

from tests.store.ground import NOON, Ground, nothing

from picha.gateway.setup import fresh_key
from picha.gateway.store import files, gallery, numbers, tenants
from picha.gateway.store import keys as key_store
from picha.gateway.store.files import File
from picha.gateway.store.gallery import Which
from picha.kit.ids import Ids


async def kept(ground: Ground, **odd: object) -> UUID:
    """Keep a picture that was uploaded a minute ago, unless told otherwise."""
    now = await ground.pool.fetchval("SELECT now()")
    later = await ground.pool.fetchval("SELECT now() + interval '1 day'")
    file = File(ground.ids.uuid(), ground.app.workspace_id, "test", b"d" * 32, "image/jpeg", 1000, 10, 10, now, later)
    file = replace(file, **odd)  # type: ignore[arg-type]  # fields of a file
    await files.add(ground.pool, file, nothing)
    return file.id


async def shown(ground: Ground, which: Which = "all", before: UUID | None = None, limit: int = 50) -> list[UUID]:
    found, _ = await gallery.page(ground.pool, ground.app.workspace_id, "test", which=which, before=before, limit=limit)
    return [one.id for one in found]


async def test_pictures_come_newest_first_and_page_by_page_each_once(ground: Ground) -> None:
    made = [await kept(ground) for _ in range(7)]
    seen, before = [], None

    for _ in range(4):
        found, before = await gallery.page(
            ground.pool, ground.app.workspace_id, "test", which="all", before=before, limit=2
        )
        seen += [one.id for one in found]

    assert seen == made[::-1]
    assert before is None


async def test_a_kind_of_pictures_is_told_from_the_others(ground: Ground) -> None:
    received, uploaded, sent = await kept(ground, expires_at=None), await kept(ground), await kept(ground)
    await ground.customer_writes()
    await ground.send(file=sent)

    assert await shown(ground, "received") == [received]
    assert await shown(ground, "uploaded") == [sent, uploaded]
    assert await shown(ground, "sent") == [sent]
    assert await shown(ground) == [sent, uploaded, received]


async def test_originals_and_what_ended_are_not_shown_unless_a_message_has_it(ground: Ground) -> None:
    await kept(ground, is_fit=False)
    ended, used = await kept(ground, expires_at=NOON), await kept(ground)
    await ground.customer_writes()
    await ground.send(file=used)
    await files.retire(ground.pool, used)

    assert await shown(ground) == [used]
    found = await gallery.find(ground.pool, ground.app.workspace_id, "test", used)
    assert found is not None
    assert not found.is_nameable
    assert ended not in await shown(ground)
    [use] = await gallery.uses(ground.pool, ground.app.workspace_id, used, limit=20)
    assert (use.is_outbound, use.contact_name) == (True, "Sheena Nelson")


async def test_a_page_whose_pictures_are_all_of_another_kind_leads_on(ground: Ground) -> None:
    received = await kept(ground, expires_at=None)
    for _ in range(4):
        await kept(ground)
    asked = (ground.pool, ground.app.workspace_id, "test")

    first, on = await gallery.page(*asked, which="received", before=None, limit=2, looked_at=3)
    second, end = await gallery.page(*asked, which="received", before=on, limit=2, looked_at=3)

    assert (first, [one.id for one in second], end) == ([], [received], None)


async def test_nothing_of_another_workspace_or_environment_is_found(ground: Ground) -> None:
    picture = await kept(ground)
    other = await tenants.add_workspace(ground.pool, ground.ids, "Other")

    for workspace, environment in ((other.workspace_id, "test"), (ground.app.workspace_id, "live")):
        assert await gallery.find(ground.pool, workspace, environment, picture) is None
        asked = {"which": "all", "before": None, "limit": 9}
        assert (await gallery.page(ground.pool, workspace, environment, **asked))[0] == []  # type: ignore[arg-type]
        assert await numbers.states(ground.pool, workspace, environment, only=ground.sender) == []
    assert await gallery.uses(ground.pool, other.workspace_id, picture, limit=9) == []


async def test_a_number_is_told_with_its_account(ground: Ground) -> None:
    await numbers.pause(ground.pool, ground.sender, "operator", who="cli")

    [state] = await numbers.states(ground.pool, ground.app.workspace_id, "test")

    assert (state.id, state.waba_id, state.paused_for) == (ground.sender, "102290129340398", "operator")


async def test_keys_of_another_workspace_are_not_listed(ground: Ground) -> None:
    other = await tenants.add_workspace(ground.pool, ground.ids, "Other")
    _, mine = fresh_key("test")
    _, theirs = fresh_key("test")
    await key_store.add(ground.pool, Ids(), ground.app, mine, name="mine", who="c" * 32)
    await key_store.add(ground.pool, Ids(), other, theirs, name="theirs")

    found = await key_store.listed(ground.pool, workspace=ground.app.workspace_id)

    assert [one.public_id for one in found] == [mine.public_id]
    assert await key_store.listed(ground.pool, only=theirs.public_id, workspace=ground.app.workspace_id) == []
    who = await ground.pool.fetchval("SELECT who FROM audit WHERE deed = 'key.created' ORDER BY seq LIMIT 1")
    assert who == "c" * 32
