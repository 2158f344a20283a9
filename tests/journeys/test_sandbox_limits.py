import asyncio
import io
import time
from datetime import datetime, timedelta

import aiohttp
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

PERSON = "16505551234"


async def sends(sandbox: SandboxProgram, count: int, *, to: str = PERSON) -> list[tuple[int, int | None]]:
    """Send so many images at once and return each answer's HTTP status and Graph code."""
    answers = await asyncio.gather(*(sandbox.send_image(to=to, id=DOCUMENTED_MEDIA) for _ in range(count)))
    return [(status, answer.get("error", {}).get("code")) for status, answer in answers]


async def test_the_46th_image_to_one_person_is_refused_and_not_in_the_ledger() -> None:
    async with running("--ladder", "0,0,0") as sandbox:
        told = await sends(sandbox, 46)
        ledger = await sandbox.ledger()

    assert sorted(told, key=str) == [(200, None)] * 45 + [(400, 131056)]
    assert len(ledger) == 45


async def spread(sandbox: SandboxProgram, people: int) -> list[tuple[int, int | None]]:
    """Send 40 images to each of so many people, all at once."""
    many = [sends(sandbox, 40, to=f"25571234567{person}") for person in range(people)]
    return [one for some in await asyncio.gather(*many) for one in some]


async def test_a_number_that_sends_faster_than_80_a_second_is_throttled() -> None:
    async with running("--ladder", "0,0,0", "--window", "off") as sandbox:
        begun = time.monotonic()
        told = await spread(sandbox, 10)
        most = 80 + 80 * (time.monotonic() - begun)
        ledger = await sandbox.ledger()

    assert set(told) == {(200, None), (429, 130429)}
    # What comes free while they are sent may be sent as well, and no more.
    assert 80 <= told.count((200, None)) <= most
    assert len(ledger) == told.count((200, None))


async def test_what_people_write_leaves_less_for_what_the_number_sends() -> None:
    async with running("--ladder", "0,0,0", "--window", "off") as sandbox:
        begun = time.monotonic()
        await write(sandbox, 60)
        told = await spread(sandbox, 6)
        most = 80 + 80 * (time.monotonic() - begun)

    assert set(told) == {(200, None), (429, 130429)}
    assert told.count((200, None)) + 60 <= most


async def test_read_marks_count_for_nothing() -> None:
    async with running("--ladder", "0,0,0") as sandbox:
        _, heard = await sandbox.control("POST", "/inbound", json={"from": PERSON})
        mark = {"messaging_product": "whatsapp", "status": "read", "message_id": heard["message_id"]}
        path = f"/{sandbox.number}/messages"
        marked = await asyncio.gather(*(sandbox.graph("POST", path, json=mark) for _ in range(200)))
        told = await sends(sandbox, 45)

    assert {status for status, _ in marked} == {200}
    assert set(told) == {(200, None)}


async def test_the_26th_upload_of_a_burst_is_refused() -> None:
    async with running() as sandbox:

        async def upload() -> tuple[int, int | None]:
            form = aiohttp.FormData({"messaging_product": "whatsapp"})
            form.add_field("file", io.BytesIO(b"no picture"), filename="picture", content_type="image/jpeg")
            status, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/media", data=form)
            return status, answer.get("error", {}).get("code")

        begun = time.monotonic()
        told = await asyncio.gather(*(upload() for _ in range(150)))
        most = 25 + 25 * (time.monotonic() - begun)

    assert set(told) == {(200, None), (400, 4)}
    assert 25 <= told.count((200, None)) <= most


async def registered(sandbox: SandboxProgram, count: int, **change: str) -> list[tuple[int, int | None]]:
    """Register the number so many times and return each answer's HTTP status and Graph code."""
    body = {"messaging_product": "whatsapp", "pin": "123456"} | change
    answers = [await sandbox.graph("POST", f"/v24.0/{sandbox.number}/register", json=body) for _ in range(count)]
    return [(status, answer.get("error", {}).get("code")) for status, answer in answers]


async def test_a_number_registers_ten_times_in_72_hours_and_not_a_millisecond_sooner() -> None:
    async with running() as sandbox:
        _, clock = await sandbox.control("POST", "/clock", json={"freeze": True})
        later = datetime.fromisoformat(clock["now"]) + timedelta(hours=72)
        wrong = await registered(sandbox, 12, pin="none")
        first = await registered(sandbox, 11)
        seen = []
        for late in (timedelta(milliseconds=-1), timedelta(0)):
            await sandbox.control("POST", "/clock", json={"set": (later + late).isoformat()})
            seen += await registered(sandbox, 1)
        await sandbox.control("POST", "/reset")
        after_reset = await registered(sandbox, 10)

    assert set(wrong) == {(400, 100)}
    assert first == [(200, None)] * 10 + [(400, 133016)]
    assert seen == [(400, 133016), (200, None)]
    assert set(after_reset) == {(200, None)}


async def write(sandbox: SandboxProgram, count: int) -> set[int]:
    """Let a person write so many texts at once and return the HTTP statuses of the answers."""
    text = {"from": PERSON, "type": "text", "text": "Hi"}
    told = await asyncio.gather(*(sandbox.control("POST", "/inbound", json=text) for _ in range(count)))
    return {status for status, _ in told}


async def test_people_who_write_are_never_throttled() -> None:
    async with running() as sandbox:
        assert await write(sandbox, 200) == {200}


async def test_switched_off_the_limits_and_the_window_are_not_there() -> None:
    async with running("--ladder", "0,0,0", "--limits", "off", "--window", "off") as sandbox:
        told = await sends(sandbox, 120, to="255799999999")
        read = await sandbox.wait("status", to="255799999999", status="read", count="120")
        registrations = await registered(sandbox, 12)

    assert set(told) == set(registrations) == {(200, None)}
    assert len(read) == 120
