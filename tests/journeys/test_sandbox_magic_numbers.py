from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

from picha.sandbox import magic

pytestmark = pytest.mark.asyncio(loop_scope="module")


def numbers(moment: magic.Moment) -> list[str]:
    return [row.number for row in magic.TABLE.values() if row.moment is moment]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    """A sandbox as it starts, with nothing set up."""
    async with running("--ladder", "0,0,0") as program:
        yield program


@pytest.mark.parametrize("number", numbers(magic.Moment.ANSWER))
async def test_it_refuses_in_the_answer_and_the_ledger_knows_nothing(sandbox: SandboxProgram, number: str) -> None:
    status, answer = await sandbox.send_image(to=f"+{number}", id=DOCUMENTED_MEDIA)

    assert status >= 400
    assert answer["error"]["code"] == int(number[4:])
    assert number not in {item["to"] for item in await sandbox.ledger()}


@pytest.mark.parametrize("number", numbers(magic.Moment.STATUS))
async def test_it_accepts_and_then_fails_by_status(sandbox: SandboxProgram, number: str) -> None:
    status, answer = await sandbox.send_image(to=f"+{number}", id=DOCUMENTED_MEDIA)

    assert status == 200, answer
    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert (failed["status"], failed["code"]) == ("failed", int(number[4:]))


async def test_another_number_of_the_range_is_a_stranger(sandbox: SandboxProgram) -> None:
    status, answer = await sandbox.send_image(to="+9990999999", id=DOCUMENTED_MEDIA)

    assert status == 200, answer
    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert failed["code"] == 131047
