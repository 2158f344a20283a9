"""The block list of a number, by Graph: who is on it writes in vain, and is not written to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.journeys.hearing_house import House, listening
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHEENA, ASHA, STRANGER = "16505551234", "255712345678", "255799999999"
HIDDEN = "US.4321"


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0") as program:
        yield program


async def change(sandbox: SandboxProgram, method: str, *users: Any) -> tuple[int, Any]:
    body = {"messaging_product": "whatsapp", "block_users": list(users)}
    return await sandbox.graph(method, f"/v24.0/{sandbox.number}/block_users", json=body)


async def listed(sandbox: SandboxProgram, **query: str) -> list[Any]:
    status, page = await sandbox.graph("GET", f"/v24.0/{sandbox.number}/block_users", params=query)
    assert status == 200, page
    return list(page["data"])


async def write(sandbox: SandboxProgram, **who: Any) -> tuple[int, Any]:
    return await sandbox.control("POST", "/inbound", json=who)


async def test_who_is_blocked_is_neither_heard_nor_written_to_until_it_is_taken_back(sandbox: SandboxProgram) -> None:
    blocked = await change(sandbox, "POST", {"user": f"+{SHEENA}"})
    spoken, told = await write(sandbox, **{"from": SHEENA})
    refused, answer = await sandbox.send_image(to=f"+{SHEENA}", id=DOCUMENTED_MEDIA)
    ledger = await sandbox.ledger()
    taken_back = await change(sandbox, "DELETE", {"user": SHEENA})
    heard, _ = await write(sandbox, **{"from": SHEENA})
    sent, _ = await sandbox.send_image(to=SHEENA, id=DOCUMENTED_MEDIA)

    added = {"added_users": [{"input": f"+{SHEENA}", "wa_id": SHEENA}]}
    removed = {"removed_users": [{"input": SHEENA, "wa_id": SHEENA}]}
    assert blocked == (200, {"messaging_product": "whatsapp", "block_users": added})
    assert (spoken, "the business has blocked" in told["error"]) == (400, True)
    assert (refused, answer["error"]["code"], ledger) == (400, 130403, [])
    assert taken_back == (200, {"messaging_product": "whatsapp", "block_users": removed})
    assert (heard, sent) == (200, 200)


async def test_each_is_told_of_by_name_and_one_who_fails_makes_it_an_error(sandbox: SandboxProgram) -> None:
    await write(sandbox, user_id=HIDDEN)
    ours = {"user": sandbox.ready.numbers[0].display_phone_number}

    status, answer = await change(sandbox, "POST", {"user": STRANGER}, {"user_id": HIDDEN}, ours, {"user": "12"})

    failed = {one["input"]: one["errors"][0]["code"] for one in answer["block_users"]["failed_users"]}
    assert (status, answer["error"]["code"], answer["error"]["type"]) == (400, 139100, "OAuthException")
    assert answer["error"]["fbtrace_id"]
    assert answer["block_users"]["added_users"] == [{"input": HIDDEN, "user_id": HIDDEN}]
    assert failed == {STRANGER: 131047, ours["user"]: 131021, "12": 131047}
    assert await listed(sandbox) == [{"messaging_product": "whatsapp", "user_id": HIDDEN}]


async def test_the_list_comes_in_pages_and_survives_a_power_cut(tmp_path: Any) -> None:
    async with running("--home", str(tmp_path)) as sandbox:
        await write(sandbox, **{"from": ASHA})
        await change(sandbox, "POST", {"user": SHEENA}, {"user": ASHA}, {"user": SHEENA})
        await sandbox.kill()
    async with running("--home", str(tmp_path)) as sandbox:
        everybody, first = await listed(sandbox), await listed(sandbox, limit="1")

    assert [one["wa_id"] for one in everybody] == [SHEENA, ASHA]
    assert first == everybody[:1]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 100), ({"messaging_product": "sms", "block_users": [{"user": SHEENA}]}, 100),
        ({"messaging_product": "whatsapp"}, 100), ({"messaging_product": "whatsapp", "block_users": {}}, 100),
        ({"messaging_product": "whatsapp", "block_users": "x"}, 100),
        ({"messaging_product": "whatsapp", "block_users": ["x"]}, 100),
        ({"messaging_product": "whatsapp", "block_users": [{"user": 5}]}, 100),
        ({"messaging_product": "whatsapp", "block_users": [{"user": SHEENA}] * 1001}, 130429),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_change_that_names_nobody_or_too_many_is_refused(
    sandbox: SandboxProgram, method: str, body: Any, code: int
) -> None:
    status, answer = await sandbox.graph(method, f"/{sandbox.number}/block_users", json=body)

    assert status >= 400
    assert answer["error"]["code"] == code
    assert await listed(sandbox) == []


@pytest.mark.parametrize("name", ["enable_identity_key_check", "enabled"])
async def test_the_hash_of_an_identity_key_is_told_to_whom_wants_it(name: str) -> None:
    async def turn(house: House, value: object) -> tuple[int, Any]:
        body = {"user_identity_change": {name: value}}
        return await house.sandbox.graph("POST", f"/v24.0/{house.sandbox.number}/settings", json=body)

    async def hash_told(house: House) -> str | None:
        _, value = await house.hear(**{"from": ASHA}, identity_key_hash="DF2lS5v2W6x=")
        told: str | None = value["contacts"][0].get("identity_key_hash")
        return told

    async with listening() as house:
        unasked = await hash_told(house)
        off, without = await turn(house, value=False), await hash_told(house)
        on, again = await turn(house, value=True), await hash_told(house)
        odd = [await turn(house, value) for value in ("yes", None)]
        odd.append(await house.sandbox.graph("POST", f"/{house.sandbox.number}/settings", json={"calling": {}}))

    assert off == on == (200, {"success": True})
    assert (unasked, without, again) == ("DF2lS5v2W6x=", None, "DF2lS5v2W6x=")
    assert [(status, answer["error"]["code"]) for status, answer in odd] == [(400, 100)] * 3
