"""A business with two accounts and three numbers: everything belongs to the number or the account it came by."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import Call, Receiver, SandboxProgram, form_of, running

from picha.sandbox.photo import built_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

LILY, ROSE, OAK = "111111111111111", "222222222222222", "333333333333333"
PHONES = {LILY: "15550000001", ROSE: "15550000002", OAK: "15550000003"}
FLOWERS, TREES = "444444444444444", "555555555555555"
ACCOUNT = {LILY: FLOWERS, ROSE: FLOWERS, OAK: TREES}
TREES_TOKEN = "EAATestPichaSandboxTrees"
PERSON = "16505551234"
CONFIG = f"""
verify_token = "ours"
ladder = "0,-,-"
limits = "off"

[[accounts]]
waba_id = "{FLOWERS}"
name = "Flowers"
[[accounts.numbers]]
phone_number_id = "{LILY}"
display_phone_number = "{PHONES[LILY]}"
[[accounts.numbers]]
phone_number_id = "{ROSE}"
display_phone_number = "{PHONES[ROSE]}"
verified_name = "Roses"

[[accounts]]
waba_id = "{TREES}"
[[accounts.numbers]]
phone_number_id = "{OAK}"
display_phone_number = "{PHONES[OAK]}"
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "sandbox.toml"
    path.write_text(CONFIG)
    return path


@pytest_asyncio.fixture(loop_scope="module")
async def program(config: Path) -> AsyncIterator[SandboxProgram]:
    async with running("--config", str(config)) as program:
        yield program


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver("ours").listening() as receiver:
        yield receiver


async def write(program: SandboxProgram, number: str, person: str | None = PERSON, **more: Any) -> str:
    body = {"from": person, "phone_number_id": number, "type": "text", "text": f"to {number}"} | more
    status, answer = await program.control("POST", "/inbound", json=body)
    assert status == 200, answer
    message_id: str = answer["message_id"]
    return message_id


async def send(program: SandboxProgram, number: str, to: str = PERSON, **request: Any) -> tuple[int, Any]:
    body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": f"from {number}"}}
    return await program.graph("POST", f"/v24.0/{number}/messages", json=body, **request)


async def wamid(program: SandboxProgram, number: str, to: str = PERSON) -> str:
    status, answer = await send(program, number, to)
    assert status == 200, answer
    sent: str = answer["messages"][0]["id"]
    return sent


async def test_the_ready_line_lists_every_number_and_leads_with_the_first(program: SandboxProgram) -> None:
    ready = program.ready

    assert (ready.phone_number_id, ready.waba_id) == (LILY, FLOWERS)
    assert [(number.phone_number_id, number.waba_id) for number in ready.numbers] == list(ACCOUNT.items())
    assert {number.phone_number_id: number.display_phone_number for number in ready.numbers} == PHONES
    assert {number.access_token for number in ready.numbers} == {ready.access_token}


async def test_each_account_lists_its_own_numbers_page_by_page(program: SandboxProgram) -> None:
    _, first = await program.graph("GET", f"/v24.0/{FLOWERS}/phone_numbers", params={"limit": "1", "fields": "id"})
    async with program.session.get(
        first["paging"]["next"], headers={"Authorization": f"Bearer {program.ready.access_token}"}
    ) as answer:
        second = await answer.json()
    _, trees = await program.graph("GET", f"/v24.0/{TREES}/phone_numbers")
    _, past = await program.graph(
        "GET", f"/{FLOWERS}/phone_numbers", params={"after": second["paging"]["cursors"]["after"]}
    )

    assert (first["data"], second["data"]) == ([{"id": LILY}], [{"id": ROSE}])
    assert "next" not in second["paging"]
    assert [number["id"] for number in trees["data"]] == [OAK]
    assert past == {"data": []}


@pytest.mark.parametrize("cursor", ["x", "LTE=", "MTIzNDU2Nzg5MDEyMw==", "٣", "2a=="])
async def test_a_cursor_that_is_none_is_refused(program: SandboxProgram, cursor: str) -> None:
    status, answer = await program.graph("GET", f"/{FLOWERS}/phone_numbers", params={"after": cursor})

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_numbers_and_accounts_tell_of_themselves(program: SandboxProgram) -> None:
    _, rose = await program.graph(
        "GET", f"/{ROSE}", params={"fields": "display_phone_number,verified_name,health_status"}
    )
    _, account = await program.graph("GET", f"/{FLOWERS}")
    templates = [(await program.graph("GET", f"/{waba_id}/message_templates"))[1] for waba_id in (FLOWERS, TREES)]
    headers = {"Authorization": f"Bearer {program.ready.app_id}|{program.ready.app_secret}"}
    _, token = await program.graph(
        "GET", "/debug_token", params={"input_token": program.ready.access_token}, headers=headers
    )

    assert (rose["display_phone_number"], rose["verified_name"]) == (PHONES[ROSE], "Roses")
    assert [entity["id"] for entity in rose["health_status"]["entities"][:2]] == [ROSE, FLOWERS]
    assert (account["id"], account["name"]) == (FLOWERS, "Flowers")
    assert [page["data"][0]["name"] for page in templates] == ["picha_photo", "picha_photo"]
    assert templates[0]["data"][0]["id"] != templates[1]["data"][0]["id"]
    assert all(grant["target_ids"] == [FLOWERS, TREES] for grant in token["data"]["granular_scopes"])


async def test_a_person_who_writes_to_two_numbers_has_two_conversations(program: SandboxProgram) -> None:
    person = "255712345678"
    to_rose, _ = await write(program, ROSE, person), await write(program, OAK, person)

    by_lily, by_rose, by_oak = [await wamid(program, number, person) for number in (LILY, ROSE, OAK)]
    (late,) = await program.wait("status", wamid=by_lily, status="failed")
    for sent in (by_rose, by_oak):
        await program.wait("status", wamid=sent, status="sent")
    path = f"/people/{person}/read"
    _, read = await program.control("POST", path, params={"phone_number_id": ROSE})
    rose_before = await wamid(program, ROSE, person)
    await program.wait("status", wamid=rose_before, status="sent")
    _, blocked = await program.control("POST", f"/people/{person}/block", params={"phone_number_id": OAK})
    rose_again, oak_again = await wamid(program, ROSE, person), await wamid(program, OAK, person)
    for sent in (rose_again, oak_again):
        await program.wait("status", wamid=sent, status="sent")
    _, read_all = await program.control("POST", path)
    sends = await program.wait("send", to=person, phone_number_id=ROSE, count="3")

    assert late["code"] == 131047
    assert read == {"wamids": [by_rose]}
    assert blocked["blocked"]
    assert read_all == {"wamids": [rose_before, rose_again]}
    assert [item["wamid"] for item in sends] == [by_rose, rose_before, rose_again]
    _, answer = await program.control(
        "POST", "/inbound", json={"from": person, "phone_number_id": LILY, "reply_to": to_rose}
    )
    assert "another number" in answer["error"]


async def test_only_the_number_that_was_written_to_marks_as_read(program: SandboxProgram) -> None:
    message_id = await write(program, OAK)
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}

    status, answer = await program.graph("POST", f"/{LILY}/messages", json=mark)
    assert (status, answer["error"]["code"]) == (400, 131009)
    assert (await program.graph("POST", f"/{OAK}/messages", json=mark))[0] == 200


async def test_media_is_its_numbers_alone(program: SandboxProgram) -> None:
    media_id = await program.upload(built_in(), number=ROSE)
    image = {"messaging_product": "whatsapp", "to": PERSON, "type": "image", "image": {"id": media_id}}

    answers = {number: await program.graph("POST", f"/{number}/messages", json=image) for number in PHONES}
    owned = [
        (await program.graph("GET", f"/{media_id}", params={"phone_number_id": number}))[0] for number in (ROSE, LILY)
    ]

    assert [status for status, _ in answers.values()] == [400, 200, 400]
    assert "not a valid whatsapp business account media attachment ID" in answers[OAK][1]["error"]["message"]
    assert owned == [200, 400]


async def test_a_number_writes_to_any_but_itself_and_people_have_other_numbers(program: SandboxProgram) -> None:
    own = await send(program, ROSE, PHONES[ROSE])
    sister = await send(program, ROSE, PHONES[LILY])
    _, answer = await program.control("POST", "/inbound", json={"from": PHONES[OAK]})

    assert (own[0], own[1]["error"]["code"]) == (400, 131021)
    assert sister[0] == 200
    assert answer["error"] == "this is the business's own number"


async def test_a_person_writes_to_numbers_of_the_business_only(program: SandboxProgram) -> None:
    for path in ("/inbound", f"/people/{PERSON}/read?phone_number_id=1", f"/people/{PERSON}/block?phone_number_id=1"):
        status, answer = await program.control("POST", path, json={"from": PERSON, "phone_number_id": "1"})

        known = ", ".join(PHONES)
        assert (status, answer["error"]) == (
            400,
            f"phone_number_id is none of this business's numbers, which are: {known}",
        )


async def test_a_person_who_moves_tells_every_number_they_wrote_to(program: SandboxProgram) -> None:
    person, new = "255700000001", "255700000002"
    for number in (LILY, OAK):
        await write(program, number, person)

    _, answer = await program.control("POST", f"/people/{person}/change-number", json={"to": new})
    told = [item for item in await program.wait("inbound", to=person, count="4") if item["type"] == "system"]

    assert [item["phone_number_id"] for item in told] == [LILY, OAK]
    assert [item["message_id"] for item in told] == answer["message_ids"]


async def test_a_fault_strikes_one_number_and_its_media_only(program: SandboxProgram) -> None:
    rose_media, oak_media = await program.upload(built_in(), number=ROSE), await program.upload(built_in(), number=OAK)
    fault = {"match": {"phone_number_id": OAK}, "effect": {"error": 80007}}
    await program.control("POST", "/faults", json=fault)

    spoilt = [(await send(program, number))[1] for number in PHONES]
    described = [(await program.graph("GET", f"/{media_id}"))[1] for media_id in (rose_media, oak_media)]

    assert ["error" in answer for answer in spoilt] == [False, False, True]
    assert ["error" in answer for answer in described] == [False, True]


async def test_what_one_number_used_up_the_other_has_still(config: Path) -> None:
    async with running("--config", str(config), "--limits", "on") as program:
        for number in (LILY, ROSE):
            await write(program, number)

        answers = await asyncio.gather(*(send(program, LILY) for _ in range(60)))
        by_rose, _ = await send(program, ROSE)

    codes = {answer["error"]["code"] for status, answer in answers if status != 200}
    assert (codes, by_rose) == ({131056}, 200)


async def test_webhooks_name_their_account_and_number(receiver: Receiver, config: Path) -> None:
    async with running("--config", str(config), "--callback", receiver.url) as program:
        for number in PHONES:
            await write(program, number)
            await wamid(program, number)
        messages, statuses = await receiver.until(4, kind="messages"), await receiver.until(3)

    for call in [*messages[1:], *statuses]:
        metadata = call.value["metadata"]
        number = metadata["phone_number_id"]
        assert entries(call) == [ACCOUNT[number]]
        assert metadata["display_phone_number"] == PHONES[number]
    assert Counter(call.value["metadata"]["phone_number_id"] for call in statuses) == dict.fromkeys(PHONES, 1)
    assert all(
        call.value["messages"][0]["text"]["body"] == f"to {call.value['metadata']['phone_number_id']}"
        for call in messages[1:]
    )


async def made(program: SandboxProgram, path: str, **wish: Any) -> str:
    status, answer = await program.control("POST", path, json=wish)
    assert status == 200, answer
    (made_id,) = answer.values()
    assert isinstance(made_id, str)
    return made_id


async def test_groups_echoes_errors_and_every_kind_of_message_are_their_numbers(
    receiver: Receiver, config: Path
) -> None:
    flags = ("--config", str(config), "--callback", receiver.url, "--ladder", "0,0,0")
    async with running(*flags) as program:
        await receiver.until(1, kind="messages")
        person = "255712345678"
        original = await write(program, OAK, person)
        await write(program, OAK, person, type="reaction", text=None, reaction={"message_id": original, "emoji": "👍"})
        await write(program, OAK, person, type="edit", original_message_id=original, text="changed")
        await write(program, OAK, person, type="user_changed_user_id", text=None)
        group_id = await made(program, "/groups", phone_number_id=OAK, participants=[person])
        await write(program, OAK, person, group_id=group_id)
        to_group = {"recipient_type": "group", "to": group_id, "messaging_product": "whatsapp", "text": {"body": "all"}}
        answers = {number: await program.graph("POST", f"/{number}/messages", json=to_group) for number in PHONES}
        await made(program, "/echo", phone_number_id=OAK, to=person)
        await made(program, "/errors", phone_number_id=OAK, code=130429)
        messages = await receiver.until(6, kind="messages")
        statuses = await receiver.until(3)
        (echo,), (error,) = await receiver.until(1, kind="message_echoes"), await receiver.until(1, kind="errors")

    assert Counter(call.value["messages"][0]["type"] for call in messages[1:]) == {
        "text": 2, "reaction": 1, "edit": 1, "system": 1,
    }  # fmt: skip
    for call in [*messages[1:], *statuses, echo, error]:
        assert call.value["metadata"] == {"display_phone_number": PHONES[OAK], "phone_number_id": OAK}
        assert entries(call) == [TREES]
    assert echo.value["message_echoes"][0]["from"] == PHONES[OAK]
    assert [answer.get("error", {}).get("code") for _, answer in answers.values()] == [131041, 131041, None]


@pytest.mark.parametrize(
    "wish",
    [
        {"type": "reaction", "reaction": {"message_id": "MESSAGE", "emoji": "👍"}},
        {"type": "revoke", "original_message_id": "MESSAGE"},
        {"type": "edit", "original_message_id": "MESSAGE", "text": "changed"},
        {"type": "text", "text": "hello", "group_id": "GROUP"},
    ],
    ids=lambda wish: wish["type"],
)
async def test_what_is_of_another_numbers_conversation_is_refused(
    program: SandboxProgram, wish: dict[str, object]
) -> None:
    message_id, group_id = await write(program, ROSE), await made(program, "/groups", phone_number_id=ROSE)
    text = json.dumps({"from": PERSON, "phone_number_id": OAK} | wish)
    body = json.loads(text.replace("MESSAGE", message_id).replace("GROUP", group_id))

    status, answer = await program.control("POST", "/inbound", json=body)

    assert status == 400
    assert answer["error"].endswith("another number")


async def test_a_person_without_a_number_tells_every_number_of_a_new_user_id_and_blocks_one(
    program: SandboxProgram,
) -> None:
    before, after = "US.13491208655302741918", "US.13491208655302741919"
    for number in (LILY, OAK):
        await write(program, number, None, user_id=before)
    wish = {"type": "user_changed_user_id", "user_id": before, "new_user_id": after, "phone_number_id": OAK}
    _, answer = await program.control("POST", "/inbound", json=wish)
    told = [item for item in await program.wait("inbound", to=after, count="2") if item["type"] == "system"]
    await program.control("POST", f"/people/{after}/block", params={"phone_number_id": OAK})
    blocked = [
        (await program.control("POST", "/inbound", json={"user_id": after, "phone_number_id": number}))[0]
        for number in (LILY, OAK)
    ]

    assert [item["phone_number_id"] for item in told] == [OAK, LILY]
    assert answer["message_id"] == told[0]["message_id"]
    assert blocked == [200, 400]


async def test_a_batch_has_one_entry_for_each_account(receiver: Receiver, config: Path) -> None:
    async with running("--config", str(config), "--callback", receiver.url) as program:
        await receiver.until(1, kind="messages")
        await program.control("POST", "/trouble", json={"batch": 4})
        for number in (OAK, LILY, OAK, ROSE):
            await write(program, number)
        _, batch = await receiver.until(2, kind="messages")

    assert sorted(entries(batch)) == [FLOWERS, TREES]
    changes = {entry["id"]: entry["changes"] for entry in batch.document["entry"]}
    told = {
        waba_id: sorted(change["value"]["metadata"]["phone_number_id"] for change in some)
        for waba_id, some in changes.items()
    }
    assert told == {FLOWERS: [LILY, ROSE], TREES: [OAK, OAK]}


async def test_a_callback_is_the_numbers_before_the_accounts_before_the_apps(receiver: Receiver, config: Path) -> None:
    async with (
        Receiver("ours").listening() as numbers,
        Receiver("ours").listening() as accounts,
        running("--config", str(config), "--callback", receiver.url) as program,
    ):
        await receiver.until(1, kind="messages")
        override = {"override_callback_uri": numbers.url, "verify_token": "ours"}
        await program.graph("POST", f"/{LILY}", json={"webhook_configuration": override})
        override = {"override_callback_uri": accounts.url, "verify_token": "ours"}
        await program.graph("POST", f"/{FLOWERS}/subscribed_apps", json=override)
        _, lily = await program.graph("GET", f"/{LILY}", params={"fields": "webhook_configuration"})
        _, oak = await program.graph("GET", f"/{OAK}", params={"fields": "webhook_configuration"})
        for number in PHONES:
            await write(program, number)
        (by_number,) = await numbers.until(1, kind="messages")
        (by_account,) = await accounts.until(1, kind="messages")
        _, by_app = await receiver.until(2, kind="messages")
        await program.graph("DELETE", f"/{FLOWERS}/subscribed_apps")
        subscribed = [(await program.graph("GET", f"/{one}/subscribed_apps"))[1]["data"] for one in (FLOWERS, TREES)]
        await write(program, ROSE)
        await write(program, OAK)
        await receiver.until(3, kind="messages")

    assert [call.value["metadata"]["phone_number_id"] for call in (by_number, by_account, by_app)] == [LILY, ROSE, OAK]
    assert lily["webhook_configuration"]["phone_number"] == numbers.url
    assert oak["webhook_configuration"] == {"application": receiver.url}
    assert [len(apps) for apps in subscribed] == [0, 1]
    assert len(accounts.calls) == 1


async def test_a_token_opens_its_own_account_only(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.toml"
    path.write_text(CONFIG.replace(f'waba_id = "{TREES}"', f'waba_id = "{TREES}"\naccess_token = "{TREES_TOKEN}"'))
    theirs = {"Authorization": f"Bearer {TREES_TOKEN}"}

    async with running("--config", str(path)) as program:
        oak_media = await program.graph("POST", f"/{OAK}/media", data=form_of(built_in()), headers=theirs)
        allowed = [await send(program, LILY), await send(program, OAK, headers=theirs)]
        refused = [
            await send(program, OAK),
            await send(program, LILY, headers=theirs),
            await program.graph("GET", f"/{TREES}/phone_numbers"),
            await program.graph("GET", f"/{FLOWERS}", headers=theirs),
            await program.graph("GET", f"/{oak_media[1]['id']}"),
        ]
        app = {"Authorization": f"Bearer {program.ready.app_id}|{program.ready.app_secret}"}
        _, token = await program.graph("GET", "/debug_token", params={"input_token": TREES_TOKEN}, headers=app)
        nobody = await send(program, OAK, headers={"Authorization": "Bearer nobody"})

    assert [status for status, _ in allowed] == [200, 200]
    assert [(status, answer["error"]["code"]) for status, answer in refused] == [(403, 200)] * 5
    assert token["data"]["granular_scopes"][0]["target_ids"] == [TREES]
    assert [number.access_token == TREES_TOKEN for number in program.ready.numbers] == [False, False, True]
    assert (nobody[0], nobody[1]["error"]["code"]) == (401, 190)


async def test_a_restart_keeps_the_conversations_and_callbacks_of_every_number(
    receiver: Receiver, config: Path, tmp_path: Path
) -> None:
    flags = ("--config", str(config), "--home", str(tmp_path / "home"))
    async with running(*flags) as program:
        override = {"override_callback_uri": receiver.url, "verify_token": "ours"}
        await program.graph("POST", f"/{TREES}/subscribed_apps", json=override)
        await write(program, OAK)
        await receiver.until(1, kind="messages")
        await program.kill()

    async with running(*flags) as program:
        by_lily, by_oak = await wamid(program, LILY, "255711111111"), await wamid(program, OAK)
        await program.wait("status", wamid=by_lily, status="failed")
        (call,) = await receiver.until(1)

    assert (entries(call), call.value["statuses"][0]["id"]) == ([TREES], by_oak)


async def test_a_number_that_is_gone_after_a_restart_breaks_nothing(config: Path, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    async with running("--config", str(config), "--ladder", "60000,-,-", *home) as program:
        await write(program, OAK)
        sent = await wamid(program, OAK)

    other = tmp_path / "other.toml"
    other.write_text("[[accounts]]\n[[accounts.numbers]]\n")
    async with running("--config", str(other), "--ladder", "0,0,0", *home) as program:
        await program.wait("status", wamid=sent, status="read")
        assert (await send(program, OAK))[1]["error"]["error_subcode"] == 33
        assert (await program.send_image(id="1479537139650973"))[0] == 200


async def test_a_home_keeps_its_accounts_until_it_is_started_with_others(config: Path, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    other = tmp_path / "other.toml"
    other.write_text(f'[[accounts]]\naccess_token = "{TREES_TOKEN}"\n[[accounts.numbers]]\n')

    async with running("--config", str(config), *home) as program:
        first = program.ready.numbers
        await program.control("POST", "/reset")
        _, state = await program.control("GET", "/state")
    async with running(*home) as program:
        kept = program.ready.numbers
        put, answer = await program.control("PUT", "/state", json=state)
    async with running(*home) as program:
        kept_with_another_world = program.ready.numbers
        assert (await wamid(program, LILY)).startswith("wamid.")
    async with running("--config", str(other), *home) as program:
        changed = program.ready.numbers
    async with running(*home) as program:
        kept_again = program.ready.numbers

    assert put == 204, answer
    assert first == kept == kept_with_another_world
    assert [number.phone_number_id for number in first] == [LILY, ROSE, OAK]
    assert [number.access_token for number in changed] == [TREES_TOKEN]
    assert kept_again == changed


async def test_the_first_day_of_a_home_with_accounts_is_the_same_after_a_reset(config: Path, tmp_path: Path) -> None:
    async with running("--config", str(config), "--seed", "7", "--home", str(tmp_path / "home")) as program:
        (before,) = await program.wait("inbound")
        first = await wamid(program, LILY)
        await program.control("POST", "/reset")
        (after,) = await program.wait("inbound")
        second = await wamid(program, LILY)

    assert (before["message_id"], first) == (after["message_id"], second)


async def test_numbers_under_load_never_mix_their_people(receiver: Receiver, config: Path) -> None:
    """Each person writes to each number and is answered there; every webhook must be of the right pair."""
    people = [f"2557000000{place:02}" for place in range(10, 30)]
    pairs = [(number, person) for number in PHONES for person in people]

    async def talk(program: SandboxProgram, number: str, person: str) -> tuple[str, str, str]:
        for turn in range(3):
            await write(program, number, person, text=f"{number} {person} {turn}")
        return await wamid(program, number, person), number, person

    flags = ("--config", str(config), "--callback", receiver.url, "--ladder", "0,0,0")
    async with running(*flags) as program:
        talks = await asyncio.gather(*(talk(program, *pair) for pair in pairs))
        statuses = await receiver.until(3 * len(pairs))
        messages = await receiver.until(3 * len(pairs) + 1, kind="messages")
        ledger = await program.ledger()

    sent = {wamid: (number, person) for wamid, number, person in talks}
    assert Counter((line["phone_number_id"], line["to"]) for line in ledger) == Counter(pairs)
    assert {line["wamid"]: (line["phone_number_id"], line["to"]) for line in ledger} == sent
    for call in statuses:
        (status,) = call.value["statuses"]
        number = call.value["metadata"]["phone_number_id"]
        assert (number, status["recipient_id"]) == sent[status["id"]]
        assert entries(call) == [ACCOUNT[number]]
    heard = Counter(told(messages))
    assert {pair: heard[pair] for pair in pairs} == dict.fromkeys(pairs, 3)


def told(calls: Iterable[Call]) -> list[tuple[str, str]]:
    """Return number and person of each message, which its text repeats."""
    pairs = []
    for call in calls:
        (message,) = call.value["messages"]
        number = call.value["metadata"]["phone_number_id"]
        if "text" in message:
            assert message["text"]["body"].split()[:2] == [number, message["from"]]
        pairs.append((number, message["from"]))
    return pairs


def entries(call: Call) -> list[str]:
    return [entry["id"] for entry in call.document["entry"]]
