"""People, groups and echoes in the ledger: whose a message is, and where it stands."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from tests.store.ground import NOON, Ground, at

from picha.gateway.domain.admission import Admitted, Opening, Refusal, Send, admit
from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.domain.outcomes import Accepted
from picha.gateway.store import accepting, outbox, threads, views
from picha.gateway.store.ledger import receive
from picha.gateway.store.pool import in_transaction
from picha.gateway.store.views import Filter, MessageView


def heard(
    ground: Ground, wamid: str, addresses: Mapping[str, str], *, minute: int = 0, **others: Any
) -> MessageReceived:
    person = Person(addresses, name=others.pop("name", None), former=others.pop("former", {}))
    moment = at(60 * minute)
    return MessageReceived(
        workspace_id=ground.app.workspace_id,
        account_id=ground.account,
        sender_id=ground.sender,
        wamid=wamid,
        person=person,
        message_type=others.pop("message_type", "text"),
        provider_at=moment,
        received_at=moment,
        window_until=others.pop("window_until", NOON + timedelta(hours=24)),
        **others,
    )


async def take(ground: Ground, *received: MessageReceived) -> int:
    return await in_transaction(ground.pool, lambda connection: receive.messages(connection, received, ground.ids))


async def listed(ground: Ground, conversation: UUID | None = None) -> dict[str, MessageView]:
    """Return the messages of one conversation, or all, by their wamids."""
    asked = Filter(conversation_id=conversation)
    found, _ = await views.messages(ground.pool, ground.app.workspace_id, "test", asked)
    return {str(view.provider_message_id): view for view in found}


async def thread(ground: Ground, conversation: UUID) -> threads.ConversationView:
    found = await threads.conversation(ground.pool, ground.app.workspace_id, "test", conversation)
    assert found is not None
    return found


async def asked_for(ground: Ground, conversation: UUID, *, minute: int = 1) -> Admitted | Opening | Refusal:
    """Decide on a send to a conversation."""
    command = Send(
        ground.app.workspace_id,
        ground.app.app_id,
        "test",
        conversation_id=conversation,
        file_id=await ground.picture(),
    )
    [known] = await accepting.known(ground.pool, [command])
    return admit(command, known, {ground.account: at(60 * minute)})


async def test_two_conversations_that_turn_out_to_be_one_keep_the_older_id_and_both_answer(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"wa_id": "1650"}, name="Asha"))
    await take(ground, heard(ground, "wamid.B", {"bsuid": "US.1"}, minute=1))
    before = await listed(ground)
    older, younger = before["wamid.A"].conversation_id, before["wamid.B"].conversation_id
    assert older != younger

    await take(ground, heard(ground, "wamid.C", {"wa_id": "1650", "bsuid": "US.1"}, minute=2))

    assert {view.conversation_id for view in (await listed(ground)).values()} == {older}
    assert set(await listed(ground, younger)) == set(await listed(ground, older)) == {"wamid.A", "wamid.B", "wamid.C"}
    one = await thread(ground, younger)
    assert (one.id, one.phone, one.user_id, one.contact_name, one.unread_count) == (older, "1650", "US.1", "Asha", 3)
    admitted = await asked_for(ground, younger)
    assert isinstance(admitted, Admitted)
    assert admitted.thread.id == older
    assert await ground.pool.fetchval("SELECT count(*) FROM contact") == 1


async def test_what_waits_in_the_younger_of_two_conversations_goes_out_in_the_older(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"bsuid": "US.1"}))
    await take(ground, heard(ground, "wamid.B", {"wa_id": "16505551234"}))
    older = (await listed(ground))["wamid.A"].conversation_id
    messages = [await ground.send(), await ground.send()]

    await take(ground, heard(ground, "wamid.C", {"wa_id": "16505551234", "bsuid": "US.1"}, minute=1))

    assert await ground.may_go() == messages[:1]
    [pair] = await ground.pool.fetch("SELECT conversation_id FROM pair")
    assert pair["conversation_id"] == older
    await ground.settle(messages[0], await ground.begin(await ground.lease(), messages[0]), Accepted("wamid.1"))
    await ground.time_passes(timedelta(minutes=1))
    assert await ground.may_go() == messages[1:]


async def test_an_id_stays_an_alias_when_its_conversation_becomes_part_of_a_third(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"wa_id": "1650"}))
    await take(ground, heard(ground, "wamid.B", {"bsuid": "US.1"}))
    await take(ground, heard(ground, "wamid.C", {"bsuid": "US.2"}))
    ids = {wamid: view.conversation_id for wamid, view in (await listed(ground)).items()}

    changed = {"former": {"bsuid": "US.1"}, "message_type": "system"}
    await take(ground, heard(ground, "wamid.D", {"bsuid": "US.2"}, minute=1, **changed))
    await take(ground, heard(ground, "wamid.E", {"wa_id": "1650", "bsuid": "US.2"}, minute=2))

    for conversation in ids.values():
        assert (await thread(ground, conversation)).id == ids["wamid.A"]
    assert len(await listed(ground, ids["wamid.C"])) == 5


async def test_a_conversation_with_a_number_that_only_the_younger_contact_had_keeps_its_id(ground: Ground) -> None:
    await ground.pool.execute(
        "INSERT INTO sender (id, workspace_id, account_id, environment, phone_number_id, display_number)"
        " SELECT gen_random_uuid(), workspace_id, account_id, environment, '2', '2' FROM sender"
    )
    other = await ground.pool.fetchval("SELECT id FROM sender WHERE phone_number_id = '2'")
    await take(ground, heard(ground, "wamid.A", {"wa_id": "1650"}))
    elsewhere = heard(ground, "wamid.B", {"bsuid": "US.1"})
    await take(
        ground, MessageReceived(**{n: getattr(elsewhere, n) for n in elsewhere.__slots__} | {"sender_id": other})
    )
    conversation = (await listed(ground))["wamid.B"].conversation_id

    await take(ground, heard(ground, "wamid.C", {"wa_id": "1650", "bsuid": "US.1"}, minute=1))

    assert ((await thread(ground, conversation)).id, (await thread(ground, conversation)).phone) == (
        conversation,
        "1650",
    )
    assert (await listed(ground))["wamid.B"].recipient == "1650"


async def test_who_moves_to_another_number_is_written_to_there_in_the_same_conversation(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"wa_id": "16505551234", "bsuid": "US.1"}))
    message = await ground.send()

    moved = {"former": {"wa_id": "16505551234", "bsuid": "US.1"}, "message_type": "system", "window_until": None}
    await take(ground, heard(ground, "wamid.B", {"wa_id": "1999", "bsuid": "US.2"}, minute=1, **moved))

    [waiting], _ = await outbox.sends(ground.pool, ground.sender, busy=[], most=10)
    assert (waiting.id, waiting.phone, waiting.user_id) == (message, "1999", "US.2")
    assert len({view.conversation_id for view in (await listed(ground)).values()}) == 1
    await take(ground, heard(ground, "wamid.C", {"wa_id": "16505551234"}, minute=2))
    after = await listed(ground)
    assert after["wamid.C"].conversation_id != after["wamid.A"].conversation_id


async def test_who_is_known_by_a_user_id_alone_is_written_to_by_it(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"bsuid": "US.1"}))

    admitted = await asked_for(ground, (await listed(ground))["wamid.A"].conversation_id)

    assert isinstance(admitted, Admitted)
    assert ((await thread(ground, admitted.thread.id)).phone, (await thread(ground, admitted.thread.id)).user_id) == (
        None,
        "US.1",
    )


async def test_what_is_written_in_a_group_stands_in_the_groups_conversation_and_nobody_elses(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"wa_id": "1650"}, name="Asha"))
    in_group = {"group_id": "group-1", "window_until": None}
    await take(
        ground,
        heard(ground, "wamid.G1", {"wa_id": "1650"}, minute=1, **in_group),
        heard(ground, "wamid.B", {"wa_id": "1651"}, minute=1),
        heard(ground, "wamid.G2", {"wa_id": "1651"}, minute=2, name="Juma", **in_group),
    )

    found = await listed(ground)
    group = found["wamid.G1"].conversation_id
    assert set(await listed(ground, group)) == {"wamid.G1", "wamid.G2"}
    assert (found["wamid.G1"].recipient, found["wamid.G2"].contact_name) == ("1650", "Juma")
    one = await thread(ground, group)
    assert (one.group_id, one.phone, one.window_until) == ("group-1", None, None)
    refused = await asked_for(ground, group)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == ("VALIDATION_ERROR", "conversation_id")


async def test_what_a_person_wrote_in_a_group_is_still_theirs_when_two_contacts_become_one(ground: Ground) -> None:
    await take(ground, heard(ground, "wamid.A", {"wa_id": "1650"}))
    await take(ground, heard(ground, "wamid.G", {"bsuid": "US.1"}, group_id="group-1", window_until=None))
    await take(ground, heard(ground, "wamid.C", {"wa_id": "1650", "bsuid": "US.1"}, minute=1))

    assert (await listed(ground))["wamid.G"].recipient == "1650"


def echoed(ground: Ground, wamid: str, addresses: Mapping[str, str], **others: Any) -> MessageReceived:
    return heard(ground, wamid, addresses, is_echo=True, window_until=None, **others)


async def test_an_echo_stands_as_sent_in_the_conversation_and_opens_nothing(ground: Ground) -> None:
    assert await take(ground, echoed(ground, "wamid.E", {"wa_id": "1650"}, facts={"text": "Karibu"})) == 1
    assert await take(ground, echoed(ground, "wamid.E", {"wa_id": "1650"}, facts={"text": "Karibu"})) == 0

    view = (await listed(ground))["wamid.E"]
    assert (view.is_outbound, view.is_echo, view.phase, view.status) == (True, True, "submitted", "sent")
    assert (view.sent_at, view.recipient) == (at(0), "1650")
    one = await thread(ground, view.conversation_id)
    assert (one.window_until, one.unread_count, one.last_message_at) == (None, 0, at(0))


async def test_statuses_of_an_echo_count_whether_they_come_before_or_after_it(ground: Ground) -> None:
    await ground.meta_says("wamid.E", "delivered", seconds=5)
    await take(ground, echoed(ground, "wamid.E", {"wa_id": "1650"}))
    assert (await listed(ground))["wamid.E"].status == "delivered"

    await ground.meta_says("wamid.E", "read", seconds=9)

    view = (await listed(ground))["wamid.E"]
    assert (view.status, view.sent_at, view.delivered_at, view.read_at) == ("read", at(0), at(5), at(9))


async def test_the_picture_of_an_echo_waits_to_be_fetched_even_after_its_statuses(ground: Ground) -> None:
    await take(ground, echoed(ground, "wamid.E", {"wa_id": "1650"}, message_type="image", image_state="pending"))
    await ground.meta_says("wamid.E", "failed", code=131026)
    await ground.meta_says("wamid.E", "delivered")

    [waiting] = await outbox.to_fetch(ground.pool, ground.sender, busy=[], most=10)
    assert waiting.id == (await listed(ground))["wamid.E"].id


async def test_an_echo_of_what_we_sent_ourselves_adds_nothing(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Accepted("wamid.OURS"))

    assert await take(ground, echoed(ground, "wamid.OURS", {"wa_id": "16505551234"})) == 0


async def test_messages_stand_in_the_order_in_which_they_arrived_whoever_stores_them_first(ground: Ground) -> None:
    first, second = ground.ids.uuid(), ground.ids.uuid()

    await take(ground, heard(ground, "wamid.B", {"wa_id": "1650"}, id=second))
    await take(ground, heard(ground, "wamid.A", {"wa_id": "1650"}, id=first))

    assert list(await listed(ground)) == ["wamid.B", "wamid.A"]


async def as_a_worker_does(ground: Ground, batch: list[MessageReceived]) -> None:
    """Write a batch; where others changed who is who meanwhile, message by message."""
    try:
        await take(ground, *batch)
    except (LookupError, asyncpg.ForeignKeyViolationError):
        for one in batch:
            await take(ground, one)


async def test_workers_that_hear_many_people_at_once_never_mix_two_of_them(ground: Ground) -> None:
    chance = random.Random(11)
    whose: dict[str, int] = {}
    messages: list[MessageReceived] = []
    for n in range(240):
        person = chance.randrange(12)
        addresses = chance.choice(
            [{"wa_id": f"165{person}"}, {"bsuid": f"US.{person}"}, {"wa_id": f"165{person}", "bsuid": f"US.{person}"}]
        )
        whose[f"wamid.{n}"] = person
        messages.append(heard(ground, f"wamid.{n}", addresses, minute=n))
    batches = [messages[n : n + 12] for n in range(0, len(messages), 12)]

    for n in range(0, len(batches), 4):
        await asyncio.gather(*(as_a_worker_does(ground, batch) for batch in batches[n : n + 4]))

    conversations: dict[UUID, set[int]] = defaultdict(set)
    rows = await ground.pool.fetch("SELECT provider_message_id, conversation_id FROM message")
    for wamid, conversation in rows:
        conversations[conversation].add(whose[wamid])
    assert len(rows) == len(messages)
    assert all(len(people) == 1 for people in conversations.values())
    assert len(conversations) == len({frozenset(people) for people in conversations.values()}) == 12
