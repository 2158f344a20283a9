"""A batch of customers' messages in the ledger comes to the same as the messages one by one."""

from datetime import timedelta

from tests.store.ground import NOON, Ground

from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.store.ledger import receive
from picha.gateway.store.pool import in_transaction


def written(
    ground: Ground, wamid: str, addresses: dict[str, str], *, name: str | None = None, hours: int | None = 24
) -> MessageReceived:
    return MessageReceived(
        workspace_id=ground.app.workspace_id,
        account_id=ground.account,
        sender_id=ground.sender,
        wamid=wamid,
        person=Person(addresses, name=name),
        message_type="text",
        provider_at=NOON,
        received_at=NOON,
        window_until=NOON + timedelta(hours=hours) if hours else None,
        facts={"text": wamid},
    )


async def take(ground: Ground, *received: MessageReceived) -> int:
    return await in_transaction(ground.pool, lambda connection: receive.messages(connection, received, ground.ids))


async def test_two_messages_of_a_new_person_in_one_batch_make_one_contact_and_one_thread(ground: Ground) -> None:
    batch = [written(ground, "wamid.A", {"wa_id": "1650"}, hours=3), written(ground, "wamid.B", {"wa_id": "1650"})]

    assert await take(ground, *batch) == 2

    assert await ground.pool.fetchval("SELECT count(*) FROM contact") == 1
    thread = await ground.pool.fetchrow("SELECT unread_count, window_until FROM conversation")
    assert thread is not None
    assert tuple(thread) == (2, NOON + timedelta(hours=24))


async def test_an_address_learnt_from_one_message_names_the_person_of_the_next_in_the_batch(ground: Ground) -> None:
    await take(
        ground,
        written(ground, "wamid.A", {"wa_id": "1650", "bsuid": "US.1"}),
        written(ground, "wamid.B", {"bsuid": "US.1", "phone": "1651"}),
        written(ground, "wamid.C", {"phone": "1651"}),
    )

    assert await ground.pool.fetchval("SELECT count(*) FROM contact") == 1
    assert await ground.pool.fetchval("SELECT count(DISTINCT contact_id) FROM contact_address") == 1
    assert await ground.pool.fetchval("SELECT count(*) FROM contact_address") == 3


async def test_the_messages_of_a_batch_stand_in_the_order_in_which_they_came(ground: Ground) -> None:
    await take(ground, *(written(ground, f"wamid.{letter}", {"wa_id": "1650"}) for letter in "CABD"))

    rows = await ground.pool.fetch("SELECT provider_message_id FROM message ORDER BY id")
    assert [row[0] for row in rows] == ["wamid.C", "wamid.A", "wamid.B", "wamid.D"]


async def test_the_last_name_heard_in_a_batch_stands_and_no_name_takes_none_away(ground: Ground) -> None:
    await take(
        ground,
        written(ground, "wamid.A", {"wa_id": "1650"}, name="Asha"),
        written(ground, "wamid.B", {"wa_id": "1650"}, name="Asha Juma"),
        written(ground, "wamid.C", {"wa_id": "1650"}),
    )

    assert await ground.pool.fetchval("SELECT profile_name FROM contact") == "Asha Juma"


async def test_only_what_is_new_in_a_batch_is_counted(ground: Ground) -> None:
    old = written(ground, "wamid.A", {"wa_id": "1650"})
    await take(ground, old)

    assert await take(ground, old, written(ground, "wamid.B", {"wa_id": "1650"}), old) == 1

    assert await ground.pool.fetchval("SELECT unread_count FROM conversation") == 2


async def test_news_that_opens_no_window_leaves_the_one_that_is_open(ground: Ground) -> None:
    await take(
        ground,
        written(ground, "wamid.A", {"wa_id": "1650"}),
        written(ground, "wamid.B", {"wa_id": "1650"}, hours=None),
    )

    assert await ground.pool.fetchval("SELECT window_until FROM conversation") == NOON + timedelta(hours=24)


async def test_people_of_two_workspaces_with_one_number_stay_two(ground: Ground) -> None:
    one, other = written(ground, "wamid.A", {"wa_id": "1650"}), written(ground, "wamid.B", {"wa_id": "1650"})
    neighbour = ground.ids.uuid()
    await ground.pool.execute("INSERT INTO workspace (id, name) VALUES ($1, 'Neighbour')", neighbour)

    def moved(message: MessageReceived) -> MessageReceived:
        return MessageReceived(
            **{name: getattr(message, name) for name in MessageReceived.__slots__} | {"workspace_id": neighbour}
        )

    await take(ground, one, moved(other))

    rows = await ground.pool.fetch("SELECT workspace_id FROM contact")
    assert {row[0] for row in rows} == {ground.app.workspace_id, neighbour}
