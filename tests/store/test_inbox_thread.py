"""A thread as people read it: what each message of a page shows, and what a page costs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.store.ground import NOON, Ground
from tests.store.test_growth import execute, pages

from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.domain.outcomes import Accepted
from picha.gateway.store import inbox_thread
from picha.gateway.store.inbox_thread import Entry
from picha.gateway.store.ledger import attend, receive
from picha.gateway.store.pool import in_transaction

UNTIL_PLANS_ARE_KEPT = 8
PHONE = "255712345678"


async def says(ground: Ground, wamid: str, kind: str = "text", *, is_echo: bool = False, **more: Any) -> UUID:
    """Let Asha say something, or with `is_echo` the business say it to her from its phone."""
    reply_to = more.pop("reply_to", None)
    message = MessageReceived(
        workspace_id=ground.app.workspace_id,
        account_id=ground.account,
        sender_id=ground.sender,
        wamid=wamid,
        person=Person({"wa_id": PHONE, "phone": PHONE}, name=None if is_echo else "Asha"),
        message_type=kind,
        provider_at=NOON,
        received_at=NOON,
        window_until=NOON + timedelta(hours=24),
        reply_to=reply_to,
        is_echo=is_echo,
        facts=more,
    )
    await in_transaction(ground.pool, lambda connection: receive.messages(connection, [message], ground.ids))
    found: UUID = await ground.pool.fetchval("SELECT id FROM message WHERE provider_message_id = $1", wamid)
    return found


async def thread(ground: Ground) -> UUID:
    found: UUID = await ground.pool.fetchval("SELECT id FROM conversation")
    return found


async def page(ground: Ground, **asked: Any) -> list[Entry]:
    return await inbox_thread.page(ground.pool, await thread(ground), **asked)


async def sent(ground: Ground, wamid: str) -> UUID:
    """Have a picture go out to Asha."""
    message = await ground.send(phone=PHONE)
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Accepted(wamid))
    return message


async def test_a_page_has_the_last_messages_the_oldest_first_and_goes_on_before_one(ground: Ground) -> None:
    ids = [await says(ground, f"wamid.{n}", text=f"{n}") for n in range(5)]

    newest = await page(ground, limit=2)
    older = await page(ground, limit=2, before=newest[0].id)

    assert [one.id for one in (*older, *newest)] == ids[1:]
    assert [one.facts["text"] for one in newest] == ["3", "4"]


async def test_a_message_shows_what_it_answers_whoever_said_that(ground: Ground) -> None:
    first = await says(ground, "wamid.in", text="Do you have this one?")
    ours = await sent(ground, "wamid.out")
    await says(ground, "wamid.a", text="I mean that", reply_to="wamid.in")
    await says(ground, "wamid.b", text="Thanks", reply_to="wamid.out")
    await says(ground, "wamid.c", text="?", reply_to="wamid.unknown")

    quoted = [one.quoted for one in await page(ground)][2:]

    assert [(one.id, one.text, one.is_outbound) if one else None for one in quoted] == [
        (first, "Do you have this one?", False),
        (ours, "Your receipt", True),
        None,
    ]


async def test_what_was_said_about_a_message_stands_with_it_in_order(ground: Ground) -> None:
    await says(ground, "wamid.in", text="Helo")
    await sent(ground, "wamid.out")
    await says(ground, "wamid.r1", "reaction", reaction={"message_id": "wamid.out", "emoji": "👍"})
    await says(ground, "wamid.r2", "reaction", reaction={"message_id": "wamid.out"})
    changed = {"original_message_id": "wamid.in", "message": {"type": "text", "text": {"body": "Hello"}}}
    await says(ground, "wamid.e", "edit", edit=changed)
    await says(ground, "wamid.x", "revoke", revoke={"original_message_id": "wamid.in"})

    heard, ours, *others = await page(ground)

    assert [(one.message_type, one.text) for one in heard.said] == [("edit", "Hello"), ("revoke", None)]
    assert [one.emoji for one in ours.said] == ["👍", None]
    assert [one.quoted.id if one.quoted else None for one in others] == [ours.id, ours.id, heard.id, heard.id]


async def test_a_picture_shows_its_facts_and_those_of_what_it_was_made_from(ground: Ground) -> None:
    await says(ground, "wamid.in", text="Hello")
    await sent(ground, "wamid.out")
    file = await ground.pool.fetchval("SELECT file_id FROM message WHERE file_id IS NOT NULL")
    came = {"mime_type": "image/heic", "size_bytes": 4100, "width": 10, "height": 10}
    changed = "UPDATE file SET came = $2, changes = '[\"heic→jpeg\"]' WHERE id = $1"
    await ground.pool.execute(changed, file, came)

    ours = (await page(ground))[1]

    assert (ours.mime_type, ours.size_bytes, ours.width, ours.height) == ("image/jpeg", 1000, 10, 10)
    assert (ours.came, ours.changes) == (came, ["heic→jpeg"])


async def test_what_was_deleted_with_a_thread_is_on_no_page(ground: Ground) -> None:
    former = await says(ground, "wamid.1", text="before")
    await attend.delete(ground.pool, ground.app.workspace_id, "test", await thread(ground))
    later = await says(ground, "wamid.2", text="after", reply_to="wamid.1")

    found = await page(ground)
    some = await inbox_thread.some(ground.pool, await thread(ground), [former, later])

    assert [one.id for one in found] == [one.id for one in some] == [later]


async def test_messages_are_looked_up_by_workspace_and_environment(ground: Ground) -> None:
    message = await says(ground, "wamid.1", text="Hello")
    workspace = ground.app.workspace_id

    assert await inbox_thread.thread_of(ground.pool, workspace, "test", message) == await thread(ground)
    assert await inbox_thread.thread_of(ground.pool, workspace, "live", message) is None
    assert await inbox_thread.thread_of(ground.pool, ground.ids.uuid(), "test", message) is None


async def test_a_read_thread_can_be_marked_unread_and_an_unread_one_keeps_its_count(ground: Ground) -> None:
    await says(ground, "wamid.1", text="Hello")
    await says(ground, "wamid.2", text="Hello?")
    where = ground.pool, ground.app.workspace_id, "test", await thread(ground)

    await attend.unread(*where)
    kept = await ground.pool.fetchval("SELECT unread_count FROM conversation")
    await attend.read(*where)
    await attend.unread(*where)

    assert (kept, await ground.pool.fetchval("SELECT unread_count FROM conversation")) == (2, 1)
    assert await attend.unread(ground.pool, ground.ids.uuid(), *where[2:]) is None


# Each message answers the one before it, and the customer reacts to each of ours.
GROW = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    provider_message_id, created_at, reply_to, facts)
SELECT lpad(to_hex(n), 32, '0')::uuid, workspace_id, {thread}, sender_id, contact_id, n % 3 = 0,
    CASE n % 3 WHEN 2 THEN 'reaction' ELSE 'text' END, CASE n % 3 WHEN 0 THEN 'submitted' ELSE 'received' END,
    CASE n % 3 WHEN 0 THEN 'sent' ELSE 'received' END, 'wamid.old' || n, now(),
    CASE WHEN n % 3 < 2 THEN 'wamid.old' || n - 1 END,
    CASE n % 3 WHEN 2 THEN jsonb_build_object('reaction', jsonb_build_object('message_id', 'wamid.old' || n - 2)) END
FROM conversation, generate_series({first}, {end} - 1) AS n WHERE sender_id IS NOT NULL LIMIT {end} - {first};
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
SELECT gen_random_uuid(), workspace_id, id, sender_id, 1, 1, now(), 'accepted', provider_message_id
FROM message WHERE is_outbound AND NOT EXISTS (SELECT FROM attempt WHERE message_id = message.id);
"""


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
@pytest.mark.parametrize("whose", ["the same thread", "other threads"])
async def test_a_page_touches_as_many_rows_with_many_messages_stored_as_with_few_whatever_the_planner_knows(
    ground: Ground, database: str, whose: str, *, is_known: bool
) -> None:
    # Whoever vacuums or analyses meanwhile touches pages, too.
    for table in ("message", "attempt", "conversation", "contact", "file", "person"):
        await execute(database, f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    await says(ground, "wamid.in", text="Hello")
    here = await thread(ground)
    await execute(database, GROW.format(thread=f"'{here}'", first=0, end=300))
    if is_known:
        await execute(database, "ANALYZE message, attempt, conversation")
    for _ in range(UNTIL_PLANS_ARE_KEPT):
        await page_of(ground, here)
    before = await pages(ground.pool)
    await page_of(ground, here)
    with_few = await pages(ground.pool) - before
    other = f"'{here}'"
    if whose == "other threads":
        other = "gen_random_uuid()"
        await execute(database, "ALTER TABLE message DROP CONSTRAINT message_conversation_id_fkey")
    await execute(database, GROW.format(thread=other, first=300, end=30_000))

    if is_known:
        await execute(database, "ANALYZE message, attempt, conversation")
        await page_of(ground, here)

    before = await pages(ground.pool)
    await page_of(ground, here)
    with_many = await pages(ground.pool) - before

    assert with_few["message"] > 0
    assert all(with_many[table] < 2 * count + 60 for table, count in with_few.items()), (with_few, with_many)


async def page_of(ground: Ground, where: UUID) -> None:
    found = await inbox_thread.page(ground.pool, where)
    some = await inbox_thread.some(ground.pool, where, [one.id for one in found])
    assert len(found) == len(some) == inbox_thread.PAGE
