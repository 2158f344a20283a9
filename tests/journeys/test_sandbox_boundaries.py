"""Each limit from both sides: the last that is taken, and the first that is not."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from tests.journeys.hosting import hosting
from tests.journeys.sandbox_program import Receiver, SandboxProgram, running

# One sandbox for all; its clock stands still, and each test puts it where it wants it.
pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTED_MEDIA = "1479537139650973"
PERSON = "16505551234"
MILLISECOND = timedelta(milliseconds=1)
IMAGE_MAX, BODY_MAX, HEAD_MAX = 5_242_880, 1_048_576, 65_536


def photo(size: int) -> bytes:
    """Return a JPEG of so many bytes."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48)).save(file, "JPEG")
    return file.getvalue() + bytes(size - len(file.getvalue()))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--limits", "off") as program:
        await program.control("POST", "/clock", json={"freeze": True})
        yield program


async def stand(sandbox: SandboxProgram, at: datetime) -> None:
    status, _ = await sandbox.control("POST", "/clock", json={"set": at.isoformat()})
    assert status == 200


async def whole_second(sandbox: SandboxProgram) -> datetime:
    """Put the clock on a whole second, where no rounding is, and return it."""
    _, told = await sandbox.control("GET", "/clock")
    moment = datetime.fromisoformat(told["now"]).replace(microsecond=0)
    await stand(sandbox, moment)
    return moment


async def post(sandbox: SandboxProgram, **body: Any) -> tuple[int, Any]:
    return await sandbox.graph("POST", f"/{sandbox.number}/messages", json={"messaging_product": "whatsapp"} | body)


async def image(sandbox: SandboxProgram, **change: Any) -> tuple[int, Any]:
    return await post(sandbox, **({"to": PERSON, "type": "image", "image": {"id": DOCUMENTED_MEDIA}} | change))


async def end_of(sandbox: SandboxProgram, answer: Any) -> tuple[str, int | None]:
    """Return the status that a send ends with and its code."""
    wamid = answer["messages"][0]["id"]
    (first,) = await sandbox.wait("status", wamid=wamid)
    if first["status"] == "failed":
        return "failed", first["code"]
    await sandbox.wait("status", wamid=wamid, status="read")
    return "read", None


@pytest.mark.parametrize(("size", "end"), [(IMAGE_MAX, ("read", None)), (IMAGE_MAX + 1, ("failed", 131053))])
async def test_an_image_by_link_has_at_most_five_megabytes(
    sandbox: SandboxProgram, size: int, end: tuple[str, int | None]
) -> None:
    await sandbox.control("POST", "/inbound", json={"from": PERSON})
    async with hosting() as host:
        _, answer = await image(sandbox, image={"link": host.put("/photo.jpg", photo(size))})
        assert await end_of(sandbox, answer) == end


@pytest.mark.parametrize("character", ["x", "é", "\u0635", "\U0001f33b", "\u200d"])
async def test_a_caption_has_at_most_1024_characters_of_whatever_size(sandbox: SandboxProgram, character: str) -> None:
    longest, answer = await image(sandbox, image={"id": DOCUMENTED_MEDIA, "caption": character * 1024})
    too_long, refused = await image(sandbox, image={"id": DOCUMENTED_MEDIA, "caption": character * 1025})

    assert (longest, too_long, refused["error"]["code"]) == (200, 400, 100)
    assert (await sandbox.line(answer))["caption"] == character * 1024


@pytest.mark.parametrize(
    ("longest", "too_long"), [("\U0001f33b" * 512, "\U0001f33b" * 513), ({"a": "x" * 504}, {"a": "x" * 505})]
)
async def test_callback_data_has_at_most_512_characters(
    sandbox: SandboxProgram, longest: object, too_long: object
) -> None:
    taken, answer = await image(sandbox, biz_opaque_callback_data=longest)
    refused, _ = await image(sandbox, biz_opaque_callback_data=too_long)

    assert (taken, refused) == (200, 400)
    assert len((await sandbox.line(answer))["biz_opaque_callback_data"]) == 512


async def test_a_text_has_at_most_4096_characters(sandbox: SandboxProgram) -> None:
    longest, _ = await post(sandbox, to=PERSON, text={"body": "x" * 4096})
    too_long, _ = await post(sandbox, to=PERSON, text={"body": "x" * 4097})

    assert (longest, too_long) == (200, 400)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ({"to": "+1234567"}, 200),
        ({"to": "+123456"}, 400),
        ({"to": "+123456789012345"}, 200),
        ({"to": "+1234567890123456"}, 400),
        ({"to": None, "recipient": "US." + "1" * 128}, 200),
        ({"to": None, "recipient": "US." + "1" * 129}, 400),
        ({"to": None, "recipient": "US.ENT." + "1" * 128}, 200),
        ({"to": None, "recipient": "US.ENT." + "1" * 129}, 400),
    ],
)
async def test_a_phone_number_has_7_to_15_digits_and_a_user_id_at_most_128(
    sandbox: SandboxProgram, target: dict[str, str | None], status: int
) -> None:
    assert (await image(sandbox, **target))[0] == status


async def test_the_window_is_open_for_24_hours_and_not_a_millisecond_longer(sandbox: SandboxProgram) -> None:
    heard_at = await whole_second(sandbox)
    await sandbox.control("POST", "/inbound", json={"from": PERSON})
    ends = []

    for late in (-MILLISECOND, timedelta(0), MILLISECOND):
        await stand(sandbox, heard_at + timedelta(hours=24) + late)
        ends.append(await end_of(sandbox, (await image(sandbox))[1]))

    assert ends == [("read", None), ("failed", 131047), ("failed", 131047)]


async def test_a_media_url_lives_five_minutes_and_not_a_millisecond_longer(sandbox: SandboxProgram) -> None:
    made_at = await whole_second(sandbox)
    _, told = await sandbox.graph("GET", f"/{await sandbox.upload(photo(1000))}")
    bearer = {"Authorization": f"Bearer {sandbox.ready.access_token}"}
    seen = []

    for late in (-MILLISECOND, timedelta(0)):
        await stand(sandbox, made_at + timedelta(minutes=5) + late)
        async with sandbox.session.get(told["url"], headers=bearer) as answer:
            seen.append(answer.status)

    assert seen == [200, 404]


async def test_uploaded_media_live_30_days_and_not_a_millisecond_longer(sandbox: SandboxProgram) -> None:
    stored_at = await whole_second(sandbox)
    media_id = await sandbox.upload(photo(1000))
    seen = []

    for late in (-MILLISECOND, timedelta(0)):
        await stand(sandbox, stored_at + timedelta(days=30) + late)
        described, _ = await sandbox.graph("GET", f"/{media_id}")
        sent, _ = await image(sandbox, image={"id": media_id})
        seen.append((described, sent))

    assert seen == [(200, 200), (400, 400)]


async def test_received_media_live_7_days_and_not_a_millisecond_longer(sandbox: SandboxProgram) -> None:
    heard_at = await whole_second(sandbox)
    picture = base64.b64encode(photo(1000)).decode()
    _, heard = await sandbox.control("POST", "/inbound", json={"from": PERSON, "image_base64": picture})
    (item,) = await sandbox.wait("inbound", wamid=heard["message_id"])
    seen = []

    for late in (-MILLISECOND, timedelta(0)):
        await stand(sandbox, heard_at + timedelta(days=7) + late)
        seen.append((await sandbox.graph("GET", f"/{item['media_id']}"))[0])

    assert seen == [200, 400]


async def test_a_link_is_fetched_again_after_ten_minutes_and_not_a_millisecond_sooner(sandbox: SandboxProgram) -> None:
    first_at = await whole_second(sandbox)
    await sandbox.control("POST", "/inbound", json={"from": PERSON})
    seen = []
    async with hosting() as host:
        link = host.put("/photo.jpg", photo(1000))

        for late in (timedelta(minutes=-10), -MILLISECOND, timedelta(0)):
            await stand(sandbox, first_at + timedelta(minutes=10) + late)
            await end_of(sandbox, (await image(sandbox, image={"link": link}))[1])
            seen.append(host.visits["/photo.jpg"])

    assert seen == [1, 1, 2]


async def test_a_message_can_be_marked_as_read_for_30_days_and_not_a_millisecond_longer(
    sandbox: SandboxProgram,
) -> None:
    heard_at = await whole_second(sandbox)
    _, heard = await sandbox.control("POST", "/inbound", json={"from": "255712345670"})
    seen = []

    for late in (timedelta(0), MILLISECOND):
        await stand(sandbox, heard_at + timedelta(days=30) + late)
        status, answer = await post(sandbox, status="read", message_id=heard["message_id"])
        seen.append((status, answer.get("error", {}).get("code")))

    assert seen == [(200, None), (400, 131009)]


async def test_a_typing_indicator_shows_for_25_seconds_and_not_a_millisecond_longer(sandbox: SandboxProgram) -> None:
    begun_at = await whole_second(sandbox)
    _, heard = await sandbox.control("POST", "/inbound", json={"from": "255712345671"})
    await post(sandbox, status="read", message_id=heard["message_id"], typing_indicator={"type": "text"})
    seen = []

    for late in (-MILLISECOND, timedelta(0)):
        await stand(sandbox, begun_at + timedelta(seconds=25) + late)
        _, person = await sandbox.control("GET", "/people/255712345671")
        seen.append(person["conversations"][0]["typing"])

    assert seen == [True, False]


@pytest.mark.parametrize("scope", ["number", "account"])
async def test_an_override_has_at_most_200_characters(sandbox: SandboxProgram, scope: str) -> None:
    async with Receiver("token").listening() as receiver:
        seen = []
        for length in (200, 201):
            url = f"{receiver.url}?{'x' * (length - len(receiver.url) - 1)}"
            wish: dict[str, Any] = {"override_callback_uri": url, "verify_token": "token"}
            path = f"/{sandbox.ready.waba_id}/subscribed_apps"
            if scope == "number":
                path, wish = f"/{sandbox.number}", {"webhook_configuration": wish}
            seen.append((await sandbox.graph("POST", path, json=wish))[0])

    assert seen == [200, 400]


async def test_a_body_has_at_most_a_mebibyte(sandbox: SandboxProgram) -> None:
    body = json.dumps({"messaging_product": "whatsapp", "to": PERSON, "text": {"body": "Hello"}})
    seen = []

    for size in (BODY_MAX, BODY_MAX + 1):
        padded = io.BytesIO(body.ljust(size).encode())
        status, answer = await sandbox.graph("POST", f"/{sandbox.number}/messages", data=padded)
        seen.append((status, answer.get("error", {}).get("code")))

    assert seen == [(200, None), (400, 100)]


async def test_a_form_has_at_most_100_fields(sandbox: SandboxProgram) -> None:
    seen = []

    for count in (100, 101):
        fields = {"messaging_product": "whatsapp"} | {f"x{n}": "" for n in range(count - 1)}
        _, answer = await sandbox.graph("POST", f"/{sandbox.number}/messages", data=fields)
        seen.append(answer["error"].get("error_data", {}).get("details"))

    assert seen == [None, "The request body is not a form."]


@pytest.mark.parametrize(("files", "fields", "status"), [(4, 32, 200), (5, 1, 400), (1, 33, 400)])
async def test_an_upload_has_at_most_4_files_and_32_other_parts(
    sandbox: SandboxProgram, files: int, fields: int, status: int
) -> None:
    form = aiohttp.FormData({"messaging_product": "whatsapp"} | {f"x{n}": "" for n in range(fields - 1)})
    for n in range(files):
        form.add_field("file" if n == 0 else f"file{n}", b"x", filename="x.jpg", content_type="image/jpeg")

    assert (await sandbox.graph("POST", f"/{sandbox.number}/media", data=form))[0] == status


async def raw(sandbox: SandboxProgram, *parts: bytes) -> bytes:
    """Return what the sandbox answers to these bytes before it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.ready.base_url.rsplit(":", 1)[1]))
    try:
        async with asyncio.timeout(20):
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await reader.read()
    finally:
        writer.close()


async def test_path_and_headers_have_at_most_64_kibibytes(sandbox: SandboxProgram) -> None:
    bearer = f"Bearer {sandbox.ready.access_token}"
    path = f"/{sandbox.number}?fields=id"
    names = {"Authorization": bearer, "Connection": "close", "X": ""}
    counted = len(path) + sum(len(name) + len(value) for name, value in names.items())
    seen = []

    for size in (HEAD_MAX, HEAD_MAX + 1):
        headers = "".join(f"{name}: {value}\r\n" for name, value in (names | {"X": "x" * (size - counted)}).items())
        answer = await raw(sandbox, f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
        seen.append((answer[:12], json.loads(answer.partition(b"\r\n\r\n")[2]).get("error", {}).get("code")))

    assert seen == [(b"HTTP/1.1 200", None), (b"HTTP/1.1 400", 100)]


async def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(sandbox: SandboxProgram) -> None:
    answer = await raw(sandbox, b"GET / HTTP/1.1\r\nX: ", b"x" * HEAD_MAX, b"x" * HEAD_MAX)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == 100


async def test_an_upload_of_exactly_a_hundred_megabytes_is_taken(sandbox: SandboxProgram) -> None:
    form = aiohttp.FormData({"messaging_product": "whatsapp"})
    form.add_field("file", io.BytesIO(bytes(104_857_600)), filename="a.pdf", content_type="application/pdf")

    assert (await sandbox.graph("POST", f"/{sandbox.number}/media", data=form))[0] == 200
