from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

from picha.cloudapi.errors import RANGES, TABLE
from picha.sandbox import magic

pytestmark = pytest.mark.asyncio(loop_scope="module")


# Every code that is published, alone or as one of a family.
CODES = (*sorted(TABLE), *(code for family in RANGES for code in (family[0], family[-1])))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    """A sandbox with nothing set up; so many sends in a moment would be too many for one number."""
    async with running("--ladder", "0,0,0", "--limits", "off") as program:
        yield program


@pytest.mark.parametrize("code", CODES)
async def test_it_refuses_in_the_answer_and_the_ledger_knows_nothing(sandbox: SandboxProgram, code: int) -> None:
    number = magic.number(code, magic.Moment.ANSWER)

    status, answer = await sandbox.send_image(to=f"+{number}", id=DOCUMENTED_MEDIA)

    assert status >= 400
    assert answer["error"]["code"] == code
    assert number not in {item["to"] for item in await sandbox.ledger()}


@pytest.mark.parametrize("code", CODES)
async def test_it_accepts_and_then_fails_by_status(sandbox: SandboxProgram, code: int) -> None:
    status, answer = await sandbox.send_image(to=f"+{magic.number(code, magic.Moment.STATUS)}", id=DOCUMENTED_MEDIA)

    assert status == 200, answer
    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert (failed["status"], failed["code"]) == ("failed", code)


async def test_a_user_id_does_the_same_by_its_digits(sandbox: SandboxProgram) -> None:
    body = {"messaging_product": "whatsapp", "type": "image", "image": {"id": DOCUMENTED_MEDIA}}
    path = f"/v24.0/{sandbox.number}/messages"

    refused, answer = await sandbox.graph("POST", path, json=body | {"recipient": "US.9990131062"})
    accepted, sent = await sandbox.graph("POST", path, json=body | {"recipient": "US.9991131026"})

    assert (refused, answer["error"]["code"]) == (400, 131062)
    assert accepted == 200, sent
    (failed,) = await sandbox.wait("status", wamid=sent["messages"][0]["id"])
    assert (failed["status"], failed["code"]) == ("failed", 131026)


@pytest.mark.parametrize("code", magic.REGISTRATION_CODES)
async def test_a_registration_fails_with_the_code_that_is_its_pin(sandbox: SandboxProgram, code: int) -> None:
    body = {"messaging_product": "whatsapp", "pin": str(code)}

    status, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/register", json=body)

    assert status >= 400
    assert answer["error"]["code"] == code


async def test_another_number_of_the_range_is_a_stranger(sandbox: SandboxProgram) -> None:
    status, answer = await sandbox.send_image(to="+9990999999", id=DOCUMENTED_MEDIA)

    assert status == 200, answer
    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert failed["code"] == 131047
