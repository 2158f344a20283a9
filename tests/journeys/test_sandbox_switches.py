import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import Receiver, SandboxProgram, running
from tests.nursery import PLAIN, ran

from picha.sandbox.switches import described

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTED_MEDIA = "1479537139650973"
PERSON = "16505551234"
DEFAULTS = {switch.name: switch.values[0] for switch in described()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--limits", "off") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(program: SandboxProgram) -> AsyncIterator[SandboxProgram]:
    """The sandbox of all tests here, with every switch at its default."""
    yield program
    await turn(program, **DEFAULTS)


async def turn(sandbox: SandboxProgram, **positions: str) -> None:
    status, answer = await sandbox.control("POST", "/switches", json=positions)
    assert status == 200, answer
    assert answer["switches"].items() >= positions.items()


async def send(sandbox: SandboxProgram, **change: Any) -> tuple[int, Any]:
    body = {"messaging_product": "whatsapp", "to": PERSON, "type": "image", "image": {"id": DOCUMENTED_MEDIA}}
    return await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body | change)


async def upload(sandbox: SandboxProgram, data: bytes, **fields: str) -> tuple[int, Any]:
    form = aiohttp.FormData({"messaging_product": "whatsapp"} | fields)
    form.add_field("file", io.BytesIO(data), filename="picture", content_type="image/jpeg")
    return await sandbox.graph("POST", f"/{sandbox.number}/media", data=form)


def code_of(answer: Any) -> int:
    code = answer["error"]["code"]
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("switch", "code"), [("rate_limit_http", 130429), ("pair_limit_http", 131056), ("app_limit_http", 4)]
)
async def test_a_rate_is_refused_with_either_http_status(sandbox: SandboxProgram, switch: str, code: int) -> None:
    for http in next(row.values for row in described() if row.name == switch):
        await turn(sandbox, **{switch: http})

        status, answer = await send(sandbox, to=f"9990{code:06}")

        assert (status, code_of(answer)) == (int(http), code)


@pytest.mark.parametrize("position", ["401/104", "400/104", "401/190"])
async def test_a_missing_token_is_told_in_three_ways(sandbox: SandboxProgram, position: str) -> None:
    await turn(sandbox, missing_token=position)

    async with sandbox.session.get(f"{sandbox.ready.base_url}/{sandbox.number}") as answer:
        told = await answer.json()
    wrong, _ = await sandbox.graph("GET", f"/{sandbox.number}", headers={"Authorization": "Bearer wrong"})

    assert f"{answer.status}/{code_of(told)}" == position
    assert wrong == 401


@pytest.mark.parametrize(("position", "code"), [("100", 100), ("131008", 131008)])
async def test_a_missing_parameter_is_told_in_two_ways(sandbox: SandboxProgram, position: str, code: int) -> None:
    await turn(sandbox, missing_parameter=position)

    status, answer = await send(sandbox, to=None)

    assert (status, code_of(answer)) == (400, code)
    assert "parameter to is required" in str(answer["error"])


@pytest.mark.parametrize(("position", "expected"), [("400/100", (400, 100, 33)), ("404/803", (404, 803, None))])
async def test_an_unknown_id_is_told_in_two_ways(
    sandbox: SandboxProgram, position: str, expected: tuple[int, int, int | None]
) -> None:
    await turn(sandbox, unknown_id=position)

    for method, path in (("POST", "/999/messages"), ("GET", "/999"), ("DELETE", "/999")):
        status, answer = await sandbox.graph(method, path)

        assert (status, code_of(answer), answer["error"].get("error_subcode")) == expected
        assert answer["error"]["type"] == "GraphMethodException"
        assert "999" in answer["error"]["message"]


@pytest.mark.parametrize(("position", "expected"), [("131009", (131009, None)), ("100", (100, 33))])
async def test_a_read_mark_on_nothing_is_told_in_two_ways(
    sandbox: SandboxProgram, position: str, expected: tuple[int, int | None]
) -> None:
    await turn(sandbox, unknown_message=position)
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.nothing"}

    status, answer = await sandbox.graph("POST", f"/{sandbox.number}/messages", json=mark)

    assert (status, code_of(answer), answer["error"].get("error_subcode")) == (400, *expected)


async def test_the_type_of_an_image_may_be_left_out_or_not(sandbox: SandboxProgram) -> None:
    required, answer = await send(sandbox, type=None)
    await turn(sandbox, image_type="optional")
    optional, told = await send(sandbox, type=None)
    unknown, _ = await send(sandbox, type="hologram")

    assert (required, answer["error"]["message"]) == (400, "(#100) The parameter type is required.")
    assert (optional, unknown) == (200, 400)
    assert (await sandbox.line(told))["type"] == "image"


async def test_recipient_type_may_be_left_out_or_not(sandbox: SandboxProgram) -> None:
    optional, _ = await send(sandbox)
    await turn(sandbox, recipient_type="required")
    missing, answer = await send(sandbox)
    given, _ = await send(sandbox, recipient_type="individual")

    assert (optional, missing, given) == (200, 400, 200)
    assert answer["error"]["message"] == "(#100) The parameter recipient_type is required."


async def test_bare_digits_are_taken_as_they_are_or_get_the_business_numbers_country_code(
    sandbox: SandboxProgram,
) -> None:
    _, as_they_are = await send(sandbox, to="6505551234")
    await turn(sandbox, country_code="prefix")
    _, prefixed = await send(sandbox, to="(650) 555-1234")
    _, with_plus = await send(sandbox, to="+6505551234")

    assert as_they_are["contacts"] == [{"input": "6505551234", "wa_id": "6505551234"}]
    assert prefixed["contacts"] == [{"input": "(650) 555-1234", "wa_id": PERSON}]
    assert with_plus["contacts"] == [{"input": "+6505551234", "wa_id": "6505551234"}]
    assert (await sandbox.line(prefixed))["to"] == PERSON


async def test_a_brazilian_number_is_known_as_it_was_sent_to_or_without_its_ninth_digit(
    sandbox: SandboxProgram,
) -> None:
    _, as_sent = await send(sandbox, to="+5511987654321")
    await turn(sandbox, wa_id="normalised")
    _, normalised = await send(sandbox, to="+5511987654321")

    assert as_sent["contacts"] == [{"input": "+5511987654321", "wa_id": "5511987654321"}]
    assert normalised["contacts"] == [{"input": "+5511987654321", "wa_id": "551187654321"}]


async def test_message_status_is_left_out_or_accepted(sandbox: SandboxProgram) -> None:
    _, omitted = await send(sandbox)
    await turn(sandbox, message_status="accepted")
    _, told = await send(sandbox)

    assert "message_status" not in omitted["messages"][0]
    assert told["messages"][0]["message_status"] == "accepted"


@pytest.mark.parametrize("named", [{}, {"recipient": "US.13491208655302741918"}])
async def test_the_user_id_is_absent_or_present_when_a_phone_is_named(
    sandbox: SandboxProgram, named: dict[str, str]
) -> None:
    _, absent = await send(sandbox, **named)
    await turn(sandbox, user_id_with_phone="present")
    _, present = await send(sandbox, **named)

    assert absent["contacts"] == [{"input": PERSON, "wa_id": PERSON}]
    (contact,) = present["contacts"]
    assert contact["user_id"].startswith("US.")
    assert contact["wa_id"] == PERSON


async def test_a_closed_window_fails_by_status_or_in_the_answer(sandbox: SandboxProgram) -> None:
    accepted, later = await send(sandbox, to="255700000001")
    (failed,) = await sandbox.wait("status", wamid=later["messages"][0]["id"])
    await turn(sandbox, window_failure="sync")
    before = await sandbox.ledger()
    refused, at_once = await send(sandbox, to="255700000001")
    open_window, _ = await send(sandbox)

    assert (accepted, failed["status"], failed["code"]) == (200, "failed", 131047)
    assert (refused, code_of(at_once), open_window) == (400, 131047, 200)
    assert len(await sandbox.ledger()) == len(before) + 1


async def test_a_reaction_opens_the_window_or_does_not(sandbox: SandboxProgram) -> None:
    reaction = {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "\U0001f44d"}}
    codes = []
    for position, person in (("on", "255700000011"), ("off", "255700000012")):
        await turn(sandbox, reaction_opens_window=position)
        await sandbox.control("POST", "/inbound", json=reaction | {"from": person})
        _, answer = await send(sandbox, to=person)
        (ended,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
        codes.append(ended["code"])

    assert codes == [None, 131047]


async def test_a_member_of_a_group_is_named_by_either_key() -> None:
    async with Receiver("token").listening() as receiver:
        arguments = ("--ladder", "0,0,-", "--callback", receiver.url, "--verify-token", "token")
        async with running(*arguments) as sandbox:
            _, group = await sandbox.control("POST", "/groups", json={"subject": "x", "participants": ["255712345678"]})
            write = {"from": "255712345678", "group_id": group["group_id"]}
            await sandbox.control("POST", "/inbound", json=write)
            seen: list[dict[str, str]] = []
            for position in ("recipient_participant_id", "participant_recipient_id"):
                await turn(sandbox, participant_key=position)
                await send(sandbox, to=group["group_id"], recipient_type="group")
                (*_, delivered) = await receiver.until(2 + 2 * len(seen))
                (status,) = delivered.value["statuses"]
                seen.append({key: value for key, value in status.items() if value == "255712345678"})

    assert seen == [{"recipient_participant_id": "255712345678"}, {"participant_recipient_id": "255712345678"}]


async def test_the_part_type_of_an_upload_may_be_left_out_or_not(sandbox: SandboxProgram) -> None:
    optional, _ = await upload(sandbox, b"x")
    await turn(sandbox, upload_type="required")
    missing, answer = await upload(sandbox, b"x")
    given, _ = await upload(sandbox, b"x", type="image/jpeg")

    assert (optional, missing, given) == (200, 400, 200)
    assert answer["error"]["message"] == "(#100) The parameter type is required."


async def test_an_image_that_is_too_big_fails_when_it_is_sent_or_at_upload(sandbox: SandboxProgram) -> None:
    taken, media = await upload(sandbox, bytes(5_242_881))
    _, sent = await send(sandbox, image={"id": media["id"]})
    (failed,) = await sandbox.wait("status", wamid=sent["messages"][0]["id"])
    await turn(sandbox, image_size_check="upload")
    refused, answer = await upload(sandbox, bytes(5_242_881))
    largest, _ = await upload(sandbox, bytes(5_242_880))

    assert (taken, failed["code"]) == (200, 131053)
    assert (refused, code_of(answer), largest) == (400, 100, 200)


async def test_size_and_digest_of_media_are_written_in_two_ways(sandbox: SandboxProgram) -> None:
    media_id = await sandbox.upload(b"abc")

    _, usual = await sandbox.graph("GET", f"/{media_id}")
    await turn(sandbox, file_size="number", media_sha256="hex")
    _, other = await sandbox.graph("GET", f"/{media_id}")

    assert (usual["file_size"], usual["sha256"]) == ("3", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
    assert other["file_size"] == 3
    assert other["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


async def test_a_dead_link_fails_with_either_code(sandbox: SandboxProgram) -> None:
    codes = []
    for position in ("131053", "131052"):
        await turn(sandbox, link_failure_code=position)
        _, answer = await send(sandbox, image={"link": f"{sandbox.ready.base_url}/_sandbox/none.jpg"})
        (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
        codes.append(failed["code"])

    assert codes == [131053, 131052]


@pytest.mark.parametrize("position", ["PENDING", "OFFLINE", "DISCONNECTED"])
async def test_a_number_that_is_not_connected_says_so_and_sends_nothing(sandbox: SandboxProgram, position: str) -> None:
    await turn(sandbox, number_status=position)

    _, number = await sandbox.graph("GET", f"/{sandbox.number}", params={"fields": "status"})
    status, answer = await send(sandbox)

    assert number["status"] == position
    assert (status, code_of(answer)) == (400, 133010)


async def test_a_flagged_number_sends(sandbox: SandboxProgram) -> None:
    await turn(sandbox, number_status="FLAGGED")

    _, number = await sandbox.graph("GET", f"/{sandbox.number}", params={"fields": "status"})

    assert number["status"] == "FLAGGED"
    assert (await send(sandbox))[0] == 200


@pytest.mark.parametrize(("position", "life"), [("7d", timedelta(days=7)), ("36h", timedelta(hours=36))])
async def test_a_webhook_is_given_up_after_seven_days_or_36_hours(position: str, life: timedelta) -> None:
    async with Receiver("token").listening() as receiver:
        receiver.answers.extend([500] * 100)
        arguments = ("--callback", receiver.url, "--verify-token", "token", "--switch", f"webhook_retries={position}")
        async with running(*arguments) as sandbox:
            _, listed = await sandbox.control("GET", "/deliveries")
            (owed,) = listed["items"]
            queued_at = datetime.fromisoformat(owed["queued_at"])
            await sandbox.control("POST", "/clock", json={"freeze": True})
            millisecond = timedelta(milliseconds=1)
            await receiver.until(1, kind="messages")
            await sandbox.control("POST", "/clock", json={"set": (queued_at + life - millisecond).isoformat()})
            await receiver.until(2, kind="messages")
            _, listed = await sandbox.control("GET", "/deliveries")
            before = listed["items"][0]["state"]
            await sandbox.control("POST", "/clock", json={"set": (queued_at + life).isoformat()})
            (given_up,) = await sandbox.wait("delivery")

    assert before == "owed"
    assert not given_up["taken"]
    assert given_up["http"] == 500


async def test_switches_are_set_at_the_start_by_flag_and_by_environment() -> None:
    environment = {"PICHA_SANDBOX_SWITCH": "window_failure=sync,file_size=number"}
    async with running("--ladder", "0,0,0", environment=environment) as sandbox:
        _, by_environment = await sandbox.control("GET", "/switches")
    async with running("--switch", "window_failure=sync", "--switch", "file_size=number") as sandbox:
        _, by_flag = await sandbox.control("GET", "/switches")
        await turn(sandbox, window_failure="async", upload_type="required")
        await sandbox.control("POST", "/reset")
        _, renewed = await sandbox.control("GET", "/switches")

    expected = {"switches": DEFAULTS | {"window_failure": "sync", "file_size": "number"}}
    assert (by_environment, by_flag, renewed) == (expected, expected, expected)


@pytest.mark.parametrize("switch", ["made_up=on", "window_failure=maybe", "window_failure"])
async def test_a_sandbox_with_a_switch_that_is_none_does_not_start(switch: str) -> None:
    code, _, told = await ran("sandbox", "--switch", switch, environment=PLAIN | {"COLUMNS": "200"})

    assert code == 2
    assert switch.partition("=")[0] in told.decode()


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"made_up": "on"}, "there is no switch 'made_up'; the switches are "),
        ({"window_failure": "maybe"}, "the switch window_failure is async or sync, not 'maybe'"),
        ({"window_failure": True}, "Expected `str`, got `bool`"),
        (["window_failure"], "Expected `object`, got `array`"),
    ],
)
async def test_a_turn_that_makes_no_sense_turns_nothing(sandbox: SandboxProgram, wish: object, told: str) -> None:
    status, answer = await sandbox.control("POST", "/switches", json=wish)
    _, all_of_them = await sandbox.control("GET", "/switches")

    assert status == 400
    assert told in answer["error"]
    assert all_of_them == {"switches": DEFAULTS}
