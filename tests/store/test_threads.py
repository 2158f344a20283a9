"""The list of threads, their numbers, and what a person does with one: reads it, deletes it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.store.ground import NOON, Ground, at, open_ground
from tests.store.test_growth import execute, pages

from picha.gateway.domain.admission import Refusal, Send, admit
from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.store import accepting, threads, views
from picha.gateway.store.ledger import attend, receive
from picha.gateway.store.threads import Count, Wanted
from picha.gateway.store.views import COUNT_TO, Filter

HOUR = 3600
UNTIL_PLANS_ARE_KEPT = 8


def wrote(ground: Ground, phone: str, *, hour: float = 0, name: str = "Asha", **more: str) -> MessageReceived:
    return MessageReceived(
        workspace_id=ground.app.workspace_id,
        account_id=ground.account,
        sender_id=ground.sender,
        wamid=f"wamid.{ground.ids.uuid()}",
        person=Person({"wa_id": phone, "phone": phone} | more, name=name),
        message_type="text",
        provider_at=at(hour * HOUR),
        received_at=at(hour * HOUR),
        window_until=at((hour + 24) * HOUR),
        facts={"text": "Habari"},
    )


async def writes(ground: Ground, *messages: MessageReceived) -> None:
    for message in messages:
        async with ground.pool.acquire() as connection, connection.transaction():
            await receive.messages(connection, [message], ground.ids)


def wanted(ground: Ground, *, hour: float = 0) -> Wanted:
    return Wanted({ground.sender: at(hour * HOUR)})


async def phones(ground: Ground, asked: Wanted) -> list[str | None]:
    return [one.phone for one in await threads.conversations(ground.pool, asked)]


async def thread_of(ground: Ground, phone: str) -> UUID:
    [one] = await threads.conversations(ground.pool, replace(wanted(ground), recipient=phone))
    return one.id


async def said(ground: Ground, thread: UUID | None = None) -> list[str | None]:
    """Return the wamids of the messages that are listed, the newest first."""
    found, total = await views.messages(
        ground.pool, ground.app.workspace_id, "test", Filter(conversation_id=thread, limit=100)
    )
    assert len(found) == total
    return [one.provider_message_id for one in found]


async def read(ground: Ground, thread: UUID, *, hour: float | None = None) -> int | None:
    up_to = None if hour is None else at(hour * HOUR)
    done = await attend.read(ground.pool, ground.app.workspace_id, "test", thread, up_to=up_to)
    assert done is None or done[0] == thread
    return done[1] if done else None


async def delete(ground: Ground, thread: UUID) -> bool:
    return await attend.delete(ground.pool, ground.app.workspace_id, "test", thread) is not None


async def test_threads_are_listed_by_their_last_message_and_in_pages(ground: Ground) -> None:
    await writes(ground, *(wrote(ground, phone, hour=hour) for hour, phone in enumerate(("1111", "2222", "3333"))))
    await writes(ground, wrote(ground, "1111", hour=3))

    assert await phones(ground, wanted(ground)) == ["1111", "3333", "2222"]
    assert await phones(ground, replace(wanted(ground), limit=2)) == ["1111", "3333"]
    assert await phones(ground, replace(wanted(ground), limit=2, offset=2)) == ["2222"]
    assert await phones(ground, replace(wanted(ground), since=at(2 * HOUR))) == ["1111", "3333"]
    last = (await threads.conversations(ground.pool, replace(wanted(ground), limit=2)))[-1]
    assert last.last_message_at is not None
    behind = replace(wanted(ground), before=(last.last_message_at, last.id))
    assert await phones(ground, behind) == ["2222"]
    assert await phones(ground, replace(behind, search="111")) == []
    assert await phones(ground, replace(behind, which="unread")) == ["2222"]
    assert await threads.count(ground.pool, replace(wanted(ground), limit=1)) == Count(3, is_exact=True)


async def test_threads_of_several_numbers_are_one_list_and_each_has_its_own(ground: Ground) -> None:
    other = await ground.another_number("2001")
    await writes(ground, wrote(ground, "1111", hour=1), wrote(ground, "2222", hour=3))
    await writes(other, wrote(other, "1111", hour=2))
    both = Wanted({ground.sender: NOON, other.sender: NOON})

    assert await phones(ground, both) == ["2222", "1111", "1111"]
    assert await phones(ground, replace(both, recipient="1111")) == ["1111", "1111"]
    assert await phones(ground, replace(both, limit=1, offset=1)) == ["1111"]
    assert await phones(other, wanted(other)) == ["1111"]
    assert (await threads.count(ground.pool, both)).total == 3
    assert await phones(ground, Wanted({})) == []
    assert await threads.count(ground.pool, Wanted({})) == Count(0, is_exact=True)


async def test_open_is_whose_window_is_open_by_the_moment_of_its_number(ground: Ground) -> None:
    await writes(ground, wrote(ground, "1111", hour=0), wrote(ground, "2222", hour=2), wrote(ground, "3333", hour=1))
    before_the_end, end = (replace(wanted(ground, hour=hour), which="open") for hour in (23.99, 24))

    assert await phones(ground, before_the_end) == ["2222", "3333", "1111"]
    assert await phones(ground, end) == ["2222", "3333"]
    assert await threads.count(ground.pool, end) == Count(2, is_exact=True)
    assert await phones(ground, replace(end, limit=1, offset=1)) == ["3333"]


async def test_a_search_finds_parts_of_names_in_any_case_and_of_numbers_however_written(ground: Ground) -> None:
    await writes(
        ground,
        wrote(ground, "255712345678", name="Asha Äther"),
        wrote(ground, "16505551234", name="100% _Bob_", hour=1),
    )

    async def found(text: str) -> list[str | None]:
        asked = replace(wanted(ground), search=text)
        assert (await threads.count(ground.pool, asked)).total == len(await phones(ground, asked))
        return await phones(ground, asked)

    assert await found("aSHA") == await found("Äther") == await found("+255 712-345") == ["255712345678"]
    assert await found("0% _b") == await found("555") == ["16505551234"]
    assert await found("b%b") == await found("9999") == []
    assert await found("5") == ["16505551234", "255712345678"]


async def test_a_recipient_is_found_by_a_wa_id_that_differs_from_their_number(ground: Ground) -> None:
    await writes(ground, wrote(ground, "5511912345678", wa_id="551112345678"))

    for number in ("5511912345678", "551112345678"):
        assert await phones(ground, replace(wanted(ground), recipient=number)) == await phones(ground, wanted(ground))
    assert await phones(ground, replace(wanted(ground), recipient="55119")) == []


async def test_reading_takes_the_unread_ones_and_reading_again_takes_none(ground: Ground) -> None:
    await writes(ground, *(wrote(ground, "1111", hour=hour) for hour in range(3)), wrote(ground, "2222"))
    thread, unread = await thread_of(ground, "1111"), replace(wanted(ground), which="unread")
    assert await phones(ground, unread) == ["1111", "2222"]

    assert [await read(ground, thread), await read(ground, thread)] == [3, 0]

    assert await phones(ground, unread) == ["2222"]
    assert await threads.count(ground.pool, unread) == Count(1, is_exact=True)
    await writes(ground, wrote(ground, "1111", hour=4))
    assert await phones(ground, unread) == ["1111", "2222"]
    assert await read(ground, ground.ids.uuid()) is None
    assert await attend.read(ground.pool, ground.app.workspace_id, "live", thread) is None
    assert await attend.read(ground.pool, ground.ids.uuid(), "test", thread) is None


async def test_reading_up_to_a_moment_leaves_unread_what_came_later(ground: Ground) -> None:
    await writes(ground, *(wrote(ground, "16505551234", hour=hour) for hour in range(4)))
    thread = await thread_of(ground, "16505551234")
    await ground.send()

    assert await read(ground, thread, hour=1) == 2
    assert await read(ground, thread, hour=0.5) == 0
    assert await read(ground, thread, hour=2.99) == 1
    assert await read(ground, thread, hour=9999) == 1


async def test_what_comes_while_a_thread_is_read_stays_unread(ground: Ground) -> None:
    await writes(ground, wrote(ground, "1111"))
    thread = await thread_of(ground, "1111")
    async with ground.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await receive.messages(connection, [wrote(ground, "1111", hour=2)], ground.ids)
        reading = asyncio.create_task(read(ground, thread, hour=1))
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not await ground.pool.fetchval(waits):  # noqa: ASYNC110 - a lock that is waited for has no event
            await asyncio.sleep(0.01)

        await transaction.commit()

    assert await reading == 1
    [one] = await threads.conversations(ground.pool, wanted(ground))
    assert one.unread_count == 1


async def test_a_deleted_thread_is_nowhere_and_cannot_be_deleted_or_read_again(ground: Ground) -> None:
    await writes(ground, wrote(ground, "1111"), wrote(ground, "2222", hour=1))
    thread = await thread_of(ground, "1111")

    assert [await delete(ground, thread), await delete(ground, thread)] == [True, False]

    assert await threads.conversation(ground.pool, ground.app.workspace_id, "test", thread) is None
    for which in ("all", "open", "unread"):
        asked = replace(wanted(ground), which=which)
        assert await phones(ground, asked) == ["2222"]
        assert (await threads.count(ground.pool, asked)).total == 1
    assert await phones(ground, replace(wanted(ground), recipient="1111")) == []
    assert await said(ground, thread) == []
    assert len(await said(ground)) == 1
    assert await read(ground, thread) is None
    by_id = Send(
        ground.app.workspace_id, ground.app.app_id, "test", file_id=await ground.picture(), conversation_id=thread
    )
    [known] = await accepting.known(ground.pool, [by_id])
    assert isinstance(admit(by_id, known, {ground.account: NOON}), Refusal)


async def test_who_is_written_to_by_number_has_the_thread_back_that_was_deleted(ground: Ground) -> None:
    await writes(ground, wrote(ground, "16505551234"))
    thread = await thread_of(ground, "16505551234")
    await delete(ground, thread)

    message = await ground.send()

    assert await phones(ground, wanted(ground)) == ["16505551234"]
    found, total = await views.messages(
        ground.pool, ground.app.workspace_id, "test", Filter(conversation_id=thread, limit=100)
    )
    assert ([one.id for one in found], total) == ([message], 1)


async def test_what_was_accepted_for_a_thread_goes_out_although_it_is_deleted(ground: Ground) -> None:
    await writes(ground, wrote(ground, "16505551234"))
    message = await ground.send()

    assert await delete(ground, await thread_of(ground, "16505551234"))

    assert await ground.may_go() == [message]


async def test_a_customer_who_writes_again_has_the_thread_back_and_it_begins_with_what_they_write(
    ground: Ground,
) -> None:
    await writes(ground, wrote(ground, "1111"), wrote(ground, "1111", hour=1))
    thread = await thread_of(ground, "1111")
    await delete(ground, thread)
    new = wrote(ground, "1111", hour=2)

    await writes(ground, new)

    [one] = await threads.conversations(ground.pool, wanted(ground))
    assert (one.id, one.unread_count) == (thread, 1)
    assert await said(ground, thread) == await said(ground) == [new.wamid]


async def test_of_two_threads_that_become_one_nothing_is_hidden_that_nobody_deleted(ground: Ground) -> None:
    first = wrote(ground, "1650")
    second = replace(wrote(ground, "", hour=1), person=Person({"bsuid": "US.1"}))
    await writes(ground, first, second)
    await delete(ground, await thread_of(ground, "1650"))
    both = replace(wrote(ground, "1650", hour=2), person=Person({"wa_id": "1650", "bsuid": "US.1"}))

    await writes(ground, both)

    [one] = await threads.conversations(ground.pool, wanted(ground))
    assert await said(ground, one.id) == [both.wamid, second.wamid, first.wamid]


MANY = """
INSERT INTO contact (id, workspace_id, phone, profile_name)
SELECT md5(n || 'contact')::uuid, workspace_id, (255700000000 + n)::text, 'Person ' || n
FROM sender, generate_series({first}, {end} - 1) AS n;
INSERT INTO contact_address (workspace_id, kind, value, contact_id)
SELECT workspace_id, 'phone', (255700000000 + n)::text, md5(n || 'contact')::uuid
FROM sender, generate_series({first}, {end} - 1) AS n;
INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until, unread_count, last_message_at)
SELECT md5(n || 'thread')::uuid, workspace_id, id, md5(n || 'contact')::uuid,
    timestamptz '2026-01-31 12:00Z' + n * interval '1 second', {unread},
    timestamptz '2026-01-31 12:00Z' - n * interval '1 second'
FROM sender, generate_series({first}, {end} - 1) AS n;
"""


async def test_threads_are_counted_to_ten_thousand(ground: Ground, database: str) -> None:
    await execute(database, MANY.format(first=0, end=COUNT_TO, unread=1))
    everything = wanted(ground, hour=-1)
    searched = replace(everything, search="person")
    asked = [everything, replace(everything, which="open"), replace(everything, which="unread"), searched]
    for one in asked:
        assert await threads.count(ground.pool, one) == Count(COUNT_TO, is_exact=True)
    await execute(database, MANY.format(first=COUNT_TO, end=COUNT_TO + 1, unread=1))

    for one in asked:
        assert await threads.count(ground.pool, one) == Count(COUNT_TO, is_exact=False)
    few = replace(everything, search="son 7777")
    assert await threads.count(ground.pool, few) == Count(1, is_exact=False)
    assert await phones(ground, few) == ["255700007777"]


@pytest.fixture
async def calm_ground(database: str) -> AsyncIterator[Ground]:
    """A ground whose statistics change only when a test says so."""
    for table in ("contact", "conversation"):
        await execute(database, f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    async with open_ground(database) as opened:
        yield opened


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_a_page_of_threads_touches_as_many_pages_with_many_stored_as_with_few(
    calm_ground: Ground, database: str, *, is_analyzed: bool
) -> None:
    # A hundred that are unread and open, and then thousands that are neither, and more recent.
    await execute(database, MANY.format(first=20_000, end=20_100, unread=1))
    moment = wanted(calm_ground, hour=20_000 / HOUR)
    everything = replace(moment, limit=20)
    asked = [everything, *(replace(everything, which=which) for which in ("open", "unread")),
        replace(everything, recipient="255700020050"), replace(everything, since=NOON - timedelta(days=1))]  # fmt: skip
    tenth = (await threads.conversations(calm_ground.pool, everything))[9]
    assert tenth.last_message_at is not None
    asked.append(replace(everything, before=(tenth.last_message_at, tenth.id)))

    async def touched() -> int:
        before = await pages(calm_ground.pool)
        for one in asked:
            assert await threads.conversations(calm_ground.pool, one)
        return sum((await pages(calm_ground.pool) - before).values())

    for _ in range(UNTIL_PLANS_ARE_KEPT):
        with_few = await touched()
    await execute(database, MANY.format(first=0, end=20_000, unread=0))
    if is_analyzed:
        await execute(database, "ANALYZE contact, conversation")
        for _ in range(UNTIL_PLANS_ARE_KEPT):
            await touched()

    assert await touched() < 1.5 * with_few + 40
