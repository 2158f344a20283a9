"""Groups: written to and from, with a status for each participant, and in the ledger."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.journeys.hearing_house import House, listening
from tests.journeys.sandbox_program import running

from picha.sandbox.person import user_id_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASHA, BARAKA = "255712345678", "255787654321"
DOCUMENTED_MEDIA = "1479537139650973"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def newer() -> AsyncIterator[House]:
    async with listening() as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def older() -> AsyncIterator[House]:
    async with listening("--dialect", "2025") as house:
        yield house


async def made(house: House, *participants: str) -> str:
    wish = {"subject": "Wateja", "participants": participants}
    status, answer = await house.sandbox.control("POST", "/groups", json=wish)
    assert status == 200, answer
    group_id = answer["group_id"]
    assert isinstance(group_id, str)
    return group_id


async def send(house: House, group_id: str, **members: Any) -> tuple[int, Any]:
    body = {
        "messaging_product": "whatsapp", "recipient_type": "group", "to": group_id, "type": "image",
        "image": {"id": DOCUMENTED_MEDIA}, "biz_opaque_callback_data": "order 7",
    }  # fmt: skip
    return await house.sandbox.graph("POST", f"/v24.0/{house.sandbox.number}/messages", json=body | members)


async def statuses(house: House, wamid: str, last: str = "read") -> list[Any]:
    """Return the values that told of a send, once the last came."""
    await house.sandbox.wait("delivery", wamid=wamid, status=last)
    calls = [call for call in house.receiver.of("statuses") if wamid in str(call.value)]
    for call in calls:
        house.check(call)
    return [call.value for call in calls]


async def test_a_message_to_a_group_says_so_and_opens_the_window_of_the_group_alone(newer: House) -> None:
    group_id = await made(newer, ASHA, BARAKA)

    message, value = await newer.hear(**{"from": ASHA}, group_id=group_id, caption="Habari zenu")
    _, to_group = await send(newer, group_id)
    _, to_asha = await newer.sandbox.send_image(to=ASHA, id=DOCUMENTED_MEDIA)
    await newer.sandbox.wait("status", wamid=to_group["messages"][0]["id"], status="delivered")
    (failed,) = await newer.sandbox.wait("status", wamid=to_asha["messages"][0]["id"])

    assert (message["from"], message["group_id"]) == (ASHA, group_id)
    assert value["contacts"][0]["wa_id"] == ASHA
    assert failed["code"] == 131047
    (heard,) = await newer.sandbox.wait("inbound", wamid=message["id"])
    assert heard["group_id"] == group_id


async def test_an_answer_and_a_ledger_line_name_the_group(newer: House) -> None:
    group_id = await made(newer, ASHA)
    await newer.speak(**{"from": ASHA}, group_id=group_id)

    status, answer = await send(newer, group_id)

    wamid = answer["messages"][0]["id"]
    assert status == 200
    assert answer == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": group_id, "wa_id": group_id}],
        "messages": [{"id": wamid, "group_id": group_id}],
    }
    (line,) = [item for item in await newer.sandbox.ledger() if item["wamid"] == wamid]
    assert (line["group_id"], line["to"], line["recipient"]) == (group_id, None, None)
    assert line["biz_opaque_callback_data"] == "order 7"
    (sent,) = await newer.sandbox.wait("send", to=group_id)
    assert sent == line


@pytest.mark.parametrize("dialect", ["2026", "2025"])
async def test_each_participant_has_a_status_and_all_come_in_one_webhook(
    newer: House, older: House, dialect: str
) -> None:
    house = newer if dialect == "2026" else older
    group_id = await made(house, ASHA, BARAKA)
    await house.speak(**{"from": ASHA}, group_id=group_id)

    _, answer = await send(house, group_id)
    wamid = answer["messages"][0]["id"]
    values = await statuses(house, wamid)

    sent, delivered, read = values
    common = {
        "id": wamid, "timestamp": house.stamp, "recipient_id": group_id, "recipient_type": "group",
        "biz_opaque_callback_data": "order 7",
    }  # fmt: skip
    pricing = {
        "billable": False, "pricing_model": "PMP", "type": "free_group_customer_service", "category": "group_service",
    }  # fmt: skip
    if house is older:
        (told,) = sent["statuses"]
        told.pop("conversation")
        assert told == common | {"status": "sent", "pricing": pricing}
    for value, name in ((sent, "sent"), (delivered, "delivered"), (read, "read"))[house is older :]:
        for one, person in zip(value["statuses"], (ASHA, BARAKA), strict=True):
            one.pop("conversation", None)
            user_id = {"recipient_participant_user_id": user_id_of(person)} if house is newer else {}
            priced = {} if name == "read" else {"pricing": pricing}
            assert one == common | {"status": name, "recipient_participant_id": person} | user_id | priced
        contacts = [(contact["wa_id"], contact["user_id"]) for contact in value.get("contacts", [])]
        people = [(person, user_id_of(person)) for person in (ASHA, BARAKA)]
        assert contacts == (people if house is newer else [])
    items = await house.sandbox.wait("status", wamid=wamid, status="read", count="2")
    assert [(item["group_id"], item["participant"]) for item in items] == [(group_id, ASHA), (group_id, BARAKA)]


async def test_a_participant_without_a_number_is_told_by_user_id(newer: House) -> None:
    group_id = await made(newer, "US.4321", ASHA)
    await newer.speak(user_id="US.4321", group_id=group_id)

    _, answer = await send(newer, group_id)
    _, delivered, _ = await statuses(newer, answer["messages"][0]["id"])

    hidden, shown = delivered["statuses"]
    assert hidden["recipient_participant_user_id"] == "US.4321"
    assert "recipient_participant_id" not in hidden
    assert shown["recipient_participant_id"] == ASHA


async def test_a_group_is_known_from_the_first_message_in_it(newer: House) -> None:
    group_id = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD"
    unknown, refused = await send(newer, group_id)
    for person in (ASHA, BARAKA, ASHA):
        await newer.speak(**{"from": person}, group_id=group_id)

    _, answer = await send(newer, group_id)
    _, delivered, _ = await statuses(newer, answer["messages"][0]["id"])

    assert (unknown, refused["error"]["code"]) == (400, 131041)
    assert [one["recipient_participant_id"] for one in delivered["statuses"]] == [ASHA, BARAKA]


@pytest.mark.parametrize("dialect", ["2026", "2025"])
async def test_a_group_nobody_wrote_in_has_no_open_window(newer: House, older: House, dialect: str) -> None:
    house = newer if dialect == "2026" else older
    group_id = await made(house, ASHA, BARAKA)

    _, answer = await send(house, group_id)
    (value,) = await statuses(house, answer["messages"][0]["id"], "failed")

    people = [one.get("recipient_participant_id") for one in value["statuses"]]
    assert people == ([ASHA, BARAKA] if house is newer else [None])
    for failed in value["statuses"]:
        assert (failed["recipient_id"], failed["recipient_type"], failed["status"]) == (group_id, "group", "failed")
        assert failed["errors"][0]["code"] == 131047


async def test_a_window_of_a_group_closes_after_a_day() -> None:
    async with listening() as house:
        group_id = await made(house, ASHA)
        await house.speak(**{"from": ASHA}, group_id=group_id)
        await house.sandbox.control("POST", "/clock", json={"advance_s": 24 * 3600 - 0.001})
        _, open_still = await send(house, group_id)
        await house.sandbox.wait("status", wamid=open_still["messages"][0]["id"], status="delivered")
        await house.sandbox.control("POST", "/clock", json={"advance_s": 0.001})
        _, closed = await send(house, group_id)
        (failed,) = await house.sandbox.wait("status", wamid=closed["messages"][0]["id"])

    assert failed["code"] == 131047


async def test_participants_get_and_read_each_by_themselves_and_a_restart_remembers(tmp_path: Any) -> None:
    arguments = ("--home", str(tmp_path), "--ladder", "0,-,-")
    everything = {"event": "status", "count": "9", "timeout_s": "0"}
    async with running(*arguments) as sandbox:
        _, group = await sandbox.control("POST", "/groups", json={"participants": [ASHA, BARAKA, "16505551234"]})
        await sandbox.control("POST", "/inbound", json={"from": ASHA, "group_id": group["group_id"]})
        await sandbox.control("POST", "/people/16505551234/block")
        body = {
            "messaging_product": "whatsapp", "recipient_type": "group", "to": group["group_id"],
            "type": "text", "text": {"body": "Hello"},
        }  # fmt: skip
        _, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body)
        wamid = answer["messages"][0]["id"]
        await sandbox.wait("status", wamid=wamid, status="sent")
        _, first = await sandbox.control("POST", f"/people/{ASHA}/read")
        await sandbox.kill()
    async with running(*arguments) as sandbox:
        _, again = await sandbox.control("POST", f"/people/{ASHA}/read")
        _, second = await sandbox.control("POST", f"/people/{BARAKA}/deliver")
        _, blocked = await sandbox.control("POST", "/people/16505551234/read")
        _, told = await sandbox.control("GET", "/wait", params=everything | {"wamid": wamid})

    assert (first, again, second, blocked) == (
        {"wamids": [wamid]}, {"wamids": []}, {"wamids": [wamid]}, {"wamids": []},
    )  # fmt: skip
    assert [(item["status"], item["participant"]) for item in told["items"]] == [
        ("sent", None), ("delivered", ASHA), ("read", ASHA), ("delivered", BARAKA),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"to": ASHA}, 131009),
        ({"to": "+255 712 345 678"}, 131009),
        ({"to": "US.4321"}, 131009),
        ({"recipient_type": "individual"}, 131009),
        ({"recipient_type": None}, 131009),
        ({"to": "Y2FwaV9ncm91cDpub2JvZHkZD"}, 131041),
        ({"to": None, "recipient": "US.4321"}, 100),
        ({"recipient_type": "crowd"}, 100),
    ],
)
async def test_a_recipient_that_is_not_what_its_type_says_is_refused(
    newer: House, members: dict[str, Any], code: int
) -> None:
    group_id = await made(newer, ASHA)

    status, answer = await send(newer, group_id, **members)

    assert (status, answer["error"]["code"]) == (400, code)


async def test_a_group_that_the_business_is_alone_in_cannot_be_written_to(newer: House) -> None:
    status, answer = await send(newer, await made(newer))

    assert (status, answer["error"]["code"]) == (400, 131020)


@pytest.mark.parametrize(
    "wish",
    [
        {"participants": ["x"]}, {"participants": ["15550783881"]}, {"participants": 7}, {"surprise": 1},
        {"participants": [f"25571234567{digit}" for digit in range(9)]}, [], "x",
    ],
)  # fmt: skip
async def test_a_group_that_cannot_be_is_refused_in_a_sentence(newer: House, wish: Any) -> None:
    status, answer = await newer.sandbox.control("POST", "/groups", json=wish)

    assert status == 400
    assert answer["error"]
