"""The list of threads as people see it: the last message of each, how many there are, and what it costs."""

from dataclasses import replace
from uuid import UUID

import pytest
from tests.store.ground import NOON, Ground, at
from tests.store.test_growth import execute, pages
from tests.store.test_threads import HOUR, MANY, UNTIL_PLANS_ARE_KEPT, calm_ground, delete, wanted, writes, wrote

from picha.gateway.store import inbox_list
from picha.gateway.store.inbox_list import COUNT_TO, Counts, Row
from picha.gateway.store.threads import Wanted

__all__ = ["calm_ground"]

MESSAGES = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    caption, created_at)
SELECT (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(lap), 12, '0'))::uuid, workspace_id,
    md5(n || 'thread')::uuid, id, md5(n || 'contact')::uuid, false, 'text', 'received', 'received', 'Message ' || lap,
    '2026-01-31 12:00Z'
FROM sender, generate_series({first}, {end} - 1) AS n, generate_series(1, {laps}) AS lap
"""


async def the_only_one(ground: Ground) -> Row:
    [row] = await inbox_list.rows(ground.pool, wanted(ground))
    return row


async def test_a_thread_is_listed_with_the_last_that_was_said_in_it(ground: Ground) -> None:
    await ground.customer_writes()
    first = await the_only_one(ground)

    answer = await ground.send()

    last = await the_only_one(ground)
    assert (first.message_type, first.caption, first.is_outbound) == ("image", "Taj Mahal", False)
    assert (last.last_id, last.caption, last.status, last.phase) == (answer, "Your receipt", "pending", "queued")
    assert (last.is_outbound, last.file_id is not None, last.unread_count) == (True, True, 1)
    assert (last.contact_name, last.phone, last.sender) == ("Sheena Nelson", "16505551234", "15550783881")


async def test_what_a_text_says_is_listed_and_only_its_beginning(ground: Ground) -> None:
    await writes(ground, replace(wrote(ground, "1111"), facts={"text": "Habari " * 1000}))

    row = await the_only_one(ground)

    assert row.text == ("Habari " * 1000)[:200]


async def test_the_newest_picture_among_the_last_ten_messages_is_listed_and_none_before(ground: Ground) -> None:
    await writes(ground, wrote(ground, "1111"))
    older, newer = await ground.picture(), await ground.picture()
    for file in (older, newer):
        await ground.send(file=file, phone="1111")

    await writes(ground, *(wrote(ground, "1111") for _ in range(9)))
    nine_later = await the_only_one(ground)
    await delete(ground, nine_later.id)
    await writes(ground, wrote(ground, "1111"))
    cleared = await the_only_one(ground)
    await ground.pool.execute("UPDATE conversation SET cleared_upto = NULL")
    ten_later = await the_only_one(ground)

    assert (nine_later.text, nine_later.file_id) == ("Habari", newer)
    assert (cleared.text, cleared.file_id, ten_later.file_id) == ("Habari", None, None)


async def test_what_was_cleared_is_not_said_any_more(ground: Ground) -> None:
    await writes(ground, wrote(ground, "1111"))
    row = await the_only_one(ground)
    await delete(ground, row.id)
    assert await inbox_list.rows(ground.pool, wanted(ground)) == []

    await ground.pool.execute("UPDATE conversation SET deleted_at = NULL WHERE id = $1", row.id)

    assert (await the_only_one(ground)).last_id is None


async def test_of_named_threads_those_are_listed_that_fit(ground: Ground) -> None:
    other = await ground.another_number("2001")
    await writes(ground, wrote(ground, "1111", hour=1), wrote(ground, "2222", hour=3))
    await writes(other, wrote(other, "3333", hour=2))
    both = Wanted({ground.sender: NOON, other.sender: NOON})
    ids = {row.phone: row.id for row in await inbox_list.rows(ground.pool, both)}

    async def listed(asked: Wanted, *phones: str) -> list[str | None]:
        named = replace(asked, ids=[*(ids[phone] for phone in phones), ground.ids.uuid()])
        return [row.phone for row in await inbox_list.rows(ground.pool, named)]

    assert await listed(both, "1111", "3333", "2222") == ["2222", "3333", "1111"]
    assert await listed(wanted(ground), "1111", "3333") == ["1111"]
    assert await listed(replace(both, search="22"), "1111", "2222") == ["2222"]
    assert await listed(replace(both, which="unread"), "1111") == ["1111"]
    assert await listed(Wanted({ground.sender: at(99 * HOUR)}, "open"), "1111") == []
    assert await listed(both) == []


async def test_threads_are_counted_by_kind_for_one_number_and_for_several(ground: Ground) -> None:
    other = await ground.another_number("2001")
    await writes(ground, wrote(ground, "1111", hour=-30), wrote(ground, "2222", hour=3), wrote(ground, "2222", hour=4))
    await writes(other, wrote(other, "1111", hour=2))

    assert await inbox_list.counts(ground.pool, wanted(ground).numbers) == Counts(all=2, open=1, unread=2)
    assert await inbox_list.counts(ground.pool, wanted(other).numbers) == Counts(all=1, open=1, unread=1)
    both = {ground.sender: NOON, other.sender: NOON}
    assert await inbox_list.counts(ground.pool, both) == Counts(all=3, open=2, unread=3)
    assert await inbox_list.counts(ground.pool, {}) == Counts(all=0, open=0, unread=0)


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_a_page_of_the_list_touches_as_many_pages_with_many_stored_as_with_few(
    calm_ground: Ground, database: str, *, is_analyzed: bool
) -> None:
    # A hundred that are unread and open, then thousands that are neither and more recent, and messages by the hundred.
    await execute(database, "ALTER TABLE message SET (autovacuum_enabled = false)")
    await execute(
        database, MANY.format(first=20_000, end=20_100, unread=1) + MESSAGES.format(first=20_000, end=20_100, laps=2)
    )
    moment = wanted(calm_ground, hour=20_000 / HOUR)
    everything = replace(moment, limit=20)
    some: list[UUID] = [row.id for row in (await inbox_list.rows(calm_ground.pool, everything))[:5]]
    asked = [
        everything,
        replace(everything, which="open"),
        replace(everything, which="unread"),
        replace(moment, ids=some),
    ]

    async def touched() -> int:
        before = await pages(calm_ground.pool)
        for one in asked:
            rows = await inbox_list.rows(calm_ground.pool, one)
            assert all(row.last_id for row in rows)
            assert len(rows) in {5, 20}
        return sum((await pages(calm_ground.pool) - before).values())

    for _ in range(UNTIL_PLANS_ARE_KEPT):
        with_few = await touched()
    await execute(database, MANY.format(first=0, end=20_000, unread=0))
    await execute(database, MESSAGES.format(first=0, end=20_000, laps=1))
    await execute(database, MESSAGES.replace("-7000-", "-7001-").format(first=20_000, end=20_100, laps=200))
    if is_analyzed:
        await execute(database, "ANALYZE contact, conversation, message")
        for _ in range(UNTIL_PLANS_ARE_KEPT):
            await touched()

    assert await touched() < 1.5 * with_few + 80


async def test_counting_ends_where_nobody_reads_on(ground: Ground, database: str) -> None:
    await execute(database, MANY.format(first=0, end=COUNT_TO + 50, unread=1))

    counted = await inbox_list.counts(ground.pool, wanted(ground, hour=-1).numbers)

    assert counted == Counts(all=COUNT_TO, open=COUNT_TO, unread=COUNT_TO)
