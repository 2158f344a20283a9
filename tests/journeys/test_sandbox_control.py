import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERSON = "255712345678"
# The smallest PNG of one black pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0") as running_program:
        yield running_program


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(program: SandboxProgram) -> AsyncIterator[SandboxProgram]:
    """The one sandbox, with a person who has just written, and left as it was found."""
    await program.control("POST", "/inbound", json={"from": PERSON, "name": "Asha"})
    yield program
    await program.control("DELETE", "/faults")
    await program.control("POST", "/clock", json={"resume": True})


async def outcome(sandbox: SandboxProgram, **image: str) -> tuple[str, int | None, str | None]:
    """Send an image to the person and return its last status with the code and details of a failure."""
    status, answer = await sandbox.send_image(to=PERSON, **image)
    assert status == 200, answer
    wamid = answer["messages"][0]["id"]
    (item,) = await sandbox.wait("status", wamid=wamid)
    if item["status"] != "failed":
        (item,) = await sandbox.wait("status", wamid=wamid, status="read")
    return item["status"], item["code"], item["details"]


async def test_the_window_is_open_for_24_hours_and_not_a_second_longer(sandbox: SandboxProgram) -> None:
    await sandbox.control("POST", "/clock", json={"freeze": True})
    await sandbox.control("POST", "/inbound", json={"from": PERSON})

    await sandbox.control("POST", "/clock", json={"advance_s": 86399})
    inside = await outcome(sandbox, id=DOCUMENTED_MEDIA)
    await sandbox.control("POST", "/clock", json={"advance_s": 1})
    outside = await outcome(sandbox, id=DOCUMENTED_MEDIA)
    await sandbox.control("POST", "/inbound", json={"from": PERSON, "type": "text", "text": "Hello again"})
    again = await outcome(sandbox, id=DOCUMENTED_MEDIA)

    assert inside[0] == "read"
    assert outside[:2] == ("failed", 131047)
    assert again[0] == "read"


async def test_a_stranger_is_outside_every_window(sandbox: SandboxProgram) -> None:
    _, answer = await sandbox.send_image(to="255799999999", id=DOCUMENTED_MEDIA)

    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert (failed["status"], failed["code"]) == ("failed", 131047)


async def test_the_clock_is_set_frozen_moved_and_resumed(sandbox: SandboxProgram) -> None:
    wanted = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)

    _, before = await sandbox.control("GET", "/clock")
    await sandbox.control("POST", "/clock", json={"set": wanted.isoformat()})
    _, frozen = await sandbox.control("POST", "/clock", json={"freeze": True})
    _, moved = await sandbox.control("POST", "/clock", json={"advance_s": 60})
    _, still = await sandbox.control("GET", "/clock")
    _, resumed = await sandbox.control("POST", "/clock", json={"resume": True})
    await sandbox.control("POST", "/clock", json={"set": before["now"]})

    assert before["frozen"] is False
    assert timedelta(0) <= datetime.fromisoformat(frozen["now"]) - wanted < timedelta(seconds=10)
    assert frozen["frozen"] is True
    assert datetime.fromisoformat(moved["now"]) - datetime.fromisoformat(frozen["now"]) == timedelta(seconds=60)
    assert still == moved
    assert resumed["frozen"] is False


@pytest.mark.parametrize(
    "wish",
    [
        {}, {"advance_s": 1, "freeze": True}, {"set": "2031-01-01T00:00:00"}, {"set": "soon"}, {"advance_s": 1e300},
        {"advance_s": "x"}, {"unknown": 1}, [],
    ],
)  # fmt: skip
async def test_a_wish_that_makes_no_sense_does_not_move_the_clock(sandbox: SandboxProgram, wish: object) -> None:
    status, answer = await sandbox.control("POST", "/clock", json=wish)

    assert status == 400
    assert answer["error"]


async def test_a_media_url_lives_five_minutes_and_media_thirty_days(sandbox: SandboxProgram) -> None:
    media_id = await sandbox.upload(base64.b64decode(PIXEL), "image/png")
    bearer = {"Authorization": f"Bearer {sandbox.ready.access_token}"}
    _, told = await sandbox.graph("GET", f"/{media_id}")

    async with sandbox.session.get(told["url"], headers=bearer) as answer:
        young = answer.status
    await sandbox.control("POST", "/clock", json={"advance_s": 301})
    async with sandbox.session.get(told["url"], headers=bearer) as answer:
        old = answer.status
    alive, _ = await sandbox.graph("GET", f"/{media_id}")
    await sandbox.control("POST", "/clock", json={"advance_s": 30 * 86400})
    dead, _ = await sandbox.graph("GET", f"/{media_id}")
    sent, refused = await sandbox.send_image(to=PERSON, id=media_id)
    await sandbox.control("POST", "/clock", json={"advance_s": -30 * 86400 - 301})

    assert (young, old, alive, dead, sent) == (200, 404, 200, 400, 400)
    assert refused["error"]["message"].endswith("media attachment ID")


async def test_received_media_lives_seven_days(sandbox: SandboxProgram) -> None:
    _, heard = await sandbox.control("POST", "/inbound", json={"from": PERSON, "image_base64": PIXEL})
    (item,) = await sandbox.wait("inbound", wamid=heard["message_id"])

    alive, described = await sandbox.graph("GET", f"/{item['media_id']}")
    await sandbox.control("POST", "/clock", json={"advance_s": 7 * 86400})
    dead, _ = await sandbox.graph("GET", f"/{item['media_id']}")
    await sandbox.control("POST", "/clock", json={"advance_s": -7 * 86400})

    assert (alive, dead) == (200, 400)
    assert described["mime_type"] == "image/png"


async def test_waiting_ends_when_the_thing_happens(sandbox: SandboxProgram) -> None:
    async def later() -> str:
        _, answer = await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA, caption="now")
        wamid = answer["messages"][0]["id"]
        assert isinstance(wamid, str)
        return wamid

    before = len(await sandbox.ledger())
    waiting = asyncio.create_task(
        sandbox.control("GET", "/wait", params={"event": "send", "count": str(before + 1), "timeout_s": "20"})
    )
    wamid = await later()
    status, answer = await waiting

    assert status == 200
    assert answer["items"][-1]["wamid"] == wamid


async def test_waiting_in_vain_says_408_and_what_there_was(sandbox: SandboxProgram) -> None:
    query = {"event": "inbound", "to": PERSON, "count": "100000", "timeout_s": "0.1"}

    status, answer = await sandbox.control("GET", "/wait", params=query)

    assert status == 408
    assert answer["items"][0]["from"] == PERSON


@pytest.mark.parametrize(
    "query", [{}, {"event": "party"}, {"event": "send", "count": "0"}, {"event": "send", "timeout_s": "x"}]
)
async def test_a_wait_that_makes_no_sense_is_refused(sandbox: SandboxProgram, query: dict[str, str]) -> None:
    status, _ = await sandbox.control("GET", "/wait", params=query)

    assert status == 400


async def test_the_ledger_is_read_page_by_page(sandbox: SandboxProgram) -> None:
    for number in range(3):
        await sandbox.send_image(to=PERSON, id=DOCUMENTED_MEDIA, caption=str(number))
    everything = await sandbox.ledger()

    _, page = await sandbox.control("GET", "/ledger", params={"after": everything[-3]["wamid"], "limit": "1"})
    unknown = await sandbox.control("GET", "/ledger", params={"after": "wamid.x"})

    assert page["items"] == [everything[-2]]
    assert unknown[0] == 400
    assert len(everything[-1]["sha256"]) == 64


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"from": "x"}, {"from": "15550783881"}, {"from": PERSON, "type": "hologram"},
        {"from": PERSON, "type": "text"}, {"from": PERSON, "image_base64": "*"},
        {"from": PERSON, "image_base64": ""}, {"from": PERSON, "image_url": "http://10.0.0.1/a.png"},
        {"from": PERSON, "image_url": "http://127.0.0.1:1/a.png"}, {"from": PERSON, "user_id": "x"},
        {"from": PERSON, "phone_number_id": "1"}, {"from": PERSON, "forwarded": True, "frequently_forwarded": True},
        {"from": PERSON, "surprise": 1},
    ],
)  # fmt: skip
async def test_a_message_that_cannot_be_is_not_written(sandbox: SandboxProgram, asked: dict[str, object]) -> None:
    status, answer = await sandbox.control("POST", "/inbound", json=asked)

    assert status == 400
    assert answer["error"]
