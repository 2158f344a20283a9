"""What customers send, in the ledger: each message once, one contact a person, one window a thread."""

import asyncio
import random
from datetime import timedelta

import pytest
from tests.store.ground import NOON, Ground

from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.store import raw
from picha.gateway.store.ledger import equip, receive
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.pool import in_transaction
from picha.gateway.store.raw import Verified
from picha.gateway.store.views import Filter, messages


def written(ground: Ground, wamid: str, addresses: dict[str, str], *, hours: int = 24) -> MessageReceived:
    return MessageReceived(
        workspace_id=ground.app.workspace_id,
        account_id=ground.account,
        sender_id=ground.sender,
        wamid=wamid,
        person=Person(addresses),
        message_type="text",
        provider_at=NOON,
        received_at=NOON,
        window_until=NOON + timedelta(hours=hours),
        facts={"text": "Hello"},
    )


async def take(ground: Ground, *received: MessageReceived) -> int:
    return await in_transaction(ground.pool, lambda connection: receive.messages(connection, received, ground.ids))


async def test_a_photo_makes_a_contact_a_conversation_and_an_open_window(ground: Ground) -> None:
    assert await ground.customer_writes() == 1

    (view,), total = await messages(ground.pool, ground.app.workspace_id, "test", Filter())
    assert total == 1
    assert (view.is_outbound, view.caption, view.image_state, view.contact_name) == (
        False,
        "Taj Mahal",
        "pending",
        "Sheena Nelson",
    )
    until = await ground.pool.fetchval("SELECT window_until FROM conversation")
    assert until == NOON + timedelta(hours=24)


async def test_the_same_message_again_changes_nothing(ground: Ground) -> None:
    await ground.customer_writes()

    assert await ground.customer_writes() == 0
    assert await ground.pool.fetchval("SELECT unread_count FROM conversation") == 1


async def test_the_same_message_twice_in_one_batch_is_one_message(ground: Ground) -> None:
    one = written(ground, "wamid.A", {"wa_id": "16505551234"})

    assert await take(ground, one, one) == 1


async def test_a_person_known_by_one_address_is_recognised_and_the_others_are_learnt(ground: Ground) -> None:
    await take(ground, written(ground, "wamid.A", {"wa_id": "5511987654321"}))
    await take(ground, written(ground, "wamid.B", {"wa_id": "5511987654321", "bsuid": "BR.1"}))
    await take(ground, written(ground, "wamid.C", {"bsuid": "BR.1"}))

    assert await ground.pool.fetchval("SELECT count(*) FROM contact") == 1
    assert await ground.pool.fetchval("SELECT count(*) FROM conversation") == 1


async def test_an_older_message_never_shortens_the_window(ground: Ground) -> None:
    await take(ground, written(ground, "wamid.A", {"wa_id": "1650"}, hours=24))
    await take(ground, written(ground, "wamid.B", {"wa_id": "1650"}, hours=3))

    assert await ground.pool.fetchval("SELECT window_until FROM conversation") == NOON + timedelta(hours=24)


async def test_many_workers_meeting_the_same_new_people_make_each_of_them_once(ground: Ground) -> None:
    batches = [
        [written(ground, f"wamid.{batch}.{person}", {"wa_id": f"1650{person}"}) for person in range(5)]
        for batch in range(8)
    ]

    await asyncio.gather(*(take(ground, *batch) for batch in batches))

    assert await ground.pool.fetchval("SELECT count(*) FROM contact") == 5
    assert await ground.pool.fetchval("SELECT count(*) FROM message") == 40


@pytest.mark.parametrize("state", ["stored", "mismatch"])
async def test_a_fetched_picture_is_bound_to_its_message(ground: Ground, state: str) -> None:
    await ground.customer_writes()
    message = await ground.pool.fetchval("SELECT id FROM message")

    await equip.received(ground.pool, message, state=state, file=await ground.picture())

    view = await ground.see(message)
    assert (view.image_state, view.mime_type, view.size_bytes) == (state, "image/jpeg", 1000)


async def test_a_picture_that_cannot_be_fetched_loses_neither_message_nor_caption(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.pool.fetchval("SELECT id FROM message")

    await equip.received(ground.pool, message, state="unavailable", file=None, detail="It was deleted.")

    view = await ground.see(message)
    assert (view.image_state, view.caption, view.error_detail) == ("unavailable", "Taj Mahal", "It was deleted.")


async def test_the_same_webhook_body_is_kept_once_an_app(ground: Ground) -> None:
    verified = [Verified(ground.ids.uuid(), app, b"d" * 32, b"{}") for app in ("app-1", "app-1", "app-2")]

    await raw.keep(ground.pool, verified)

    assert await ground.pool.fetchval("SELECT count(*) FROM raw_webhook") == 2


async def test_accepting_and_hearing_at_once_lock_in_one_order(ground: Ground) -> None:
    chance = random.Random(7)
    phones = [f"1650555{n:04}" for n in range(40)]
    await take(ground, *(written(ground, f"wamid.{phone}", {"wa_id": phone}) for phone in phones))
    file = await ground.picture()

    for turn in range(6):
        sends = [
            [await ground.new_send(file=file, phone=phone) for phone in chance.sample(phones, 30)] for _ in range(3)
        ]
        heard = [
            [
                written(ground, f"wamid.{chance.random()}.{turn}", {"wa_id": phone})
                for phone in chance.sample(phones, 30)
            ]
            for _ in range(3)
        ]
        await asyncio.gather(
            *(admit(ground.pool, batch) for batch in sends), *(take(ground, *batch) for batch in heard)
        )

    await ground.pool.execute("SELECT pg_stat_force_next_flush()")
    deadlocks = await ground.pool.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0
