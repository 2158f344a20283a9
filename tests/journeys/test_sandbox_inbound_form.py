"""Messages that come as a multipart form: the same members in parts, and a picture as a file."""

import hashlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.journeys.hearing_house import House, listening
from tests.journeys.running import picture

from picha.cloudapi.media import digest_text

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASHA = "255712345678"
MEBIBYTE = 1 << 20
FORM_TYPE = "multipart/form-data; boundary=b"
NAMED = b"--b\r\nContent-Disposition: form-data; name="
PART = NAMED + b'"from"\r\n\r\n255712345678\r\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with listening() as listener:
        yield listener


def form_of(parts: Mapping[str, str], file: bytes | None = None) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, text in parts.items():
        form.add_field(name, text)
    if file is not None:
        form.add_field("file", io.BytesIO(file), filename="/some/folder/photo.jpg", content_type="text/plain")
    return form


async def post(house: House, **request: Any) -> tuple[int, Any]:
    return await house.sandbox.control("POST", "/inbound", **request)


async def test_a_form_says_what_the_same_json_says_and_brings_its_picture(house: House) -> None:
    data = picture("PNG", shade=7)
    referral = {"source_type": "ad", "welcome_message": {"text": "Hi there!"}}
    parts = {
        "from": "+" + ASHA, "name": "Asha 😀", "caption": "Hii ni 50% <punguzo>", "frequently_forwarded": "true",
        "forwarded": "false", "referral": json.dumps(referral), "identity_key_hash": "DF2lS5v2W6x=",
    }  # fmt: skip

    status, answer = await post(house, data=form_of(parts, data))

    assert status == 200, answer
    value = await house.told(answer["message_id"])
    (message,) = value["messages"]
    assert (message["from"], message["type"], message["image"]["caption"]) == (ASHA, "image", parts["caption"])
    assert message["image"]["mime_type"] == "image/png"
    assert message["image"]["sha256"] == digest_text(hashlib.sha256(data).digest())
    assert message["context"] == {"frequently_forwarded": True}
    assert message["referral"] == referral
    assert value["contacts"][0]["profile"]["name"] == "Asha 😀"
    assert value["contacts"][0]["identity_key_hash"] == "DF2lS5v2W6x="


async def test_a_form_can_bring_a_file_as_it_is(house: House) -> None:
    status, answer = await post(house, data=form_of({"from": ASHA, "as_is": "true"}, b"x"))

    assert status == 200, answer
    (message,) = (await house.told(answer["message_id"]))["messages"]
    assert message["image"]["mime_type"] == "text/plain"


@pytest.mark.parametrize("kind", ["16 bits a channel", "6 MB"])
async def test_a_picture_that_could_not_be_sent_on_comes_all_the_same(house: House, kind: str) -> None:
    deep = io.BytesIO()
    Image.new("I;16", (8, 8)).save(deep, "PNG")
    data = picture("PNG") + bytes(6 * MEBIBYTE) if kind == "6 MB" else deep.getvalue()

    status, answer = await post(house, data=form_of({"from": ASHA}, data))

    assert status == 200, answer
    (message,) = (await house.told(answer["message_id"]))["messages"]
    assert message["image"]["sha256"] == digest_text(hashlib.sha256(data).digest())


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({}, "image"),
        ({"type": "text", "text": "null"}, "text"),
        ({"type": "reaction", "reaction": '{"message_id": "wamid.X", "emoji": "👍"}'}, "reaction"),
        ({"type": "unsupported", "unsupported": '{"type": "poll"}', "code": "131060"}, "unsupported"),
    ],
)
async def test_a_form_without_a_file_speaks_every_kind(house: House, parts: dict[str, str], kind: str) -> None:
    status, answer = await post(house, data=form_of({"from": ASHA} | parts))

    assert status == 200, answer
    (message,) = (await house.told(answer["message_id"]))["messages"]
    assert message["type"] == kind
    assert message.get("text") == ({"body": "null"} if kind == "text" else None)


REFUSED: dict[str, tuple[dict[str, str], bytes | None, str]] = {
    "no from": ({"from": ""}, b"x", "phone number"),
    "a part nobody knows": ({"surprise": "1"}, None, "surprise"),
    "neither true nor false": ({"forwarded": "yes"}, None, "bool"),
    "a referral that is no JSON": ({"referral": "{"}, None, "referral is not JSON"),
    "a referral that is no object": ({"referral": "[]"}, None, "referral"),
    "a referral too deep": ({"referral": "[" * 100_000}, None, "referral is not JSON"),
    "a code that is no number": ({"type": "unsupported", "code": "x"}, None, "code is not JSON"),
    "an empty file": ({}, b"", "bytes"),
    "a file that is no picture": ({}, b"x", "as_is"),
    "a file and base64": ({"image_base64": "AAAA"}, b"x", "one of"),
    "a file of a text": ({"type": "text", "text": "x"}, b"x", "no file"),
    "too many parts": ({f"part{number}": "x" for number in range(33)}, None, "Too many fields"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_form_that_is_no_message_is_refused_in_a_sentence(house: House, name: str) -> None:
    parts, file, words = REFUSED[name]

    status, answer = await post(house, data=form_of({"from": ASHA} | parts, file))

    assert status == 400
    assert words in answer["error"]


async def test_a_part_that_is_there_twice_and_a_file_by_another_name_are_refused(house: House) -> None:
    twice = form_of({"from": ASHA})
    twice.add_field("from", ASHA)
    other = form_of({"from": ASHA})
    other.add_field("caption", io.BytesIO(b"x"), filename="a.jpg")
    two_files = form_of({"from": ASHA}, picture())
    two_files.add_field("file", io.BytesIO(b"x"), filename="a.jpg")

    answers = [await post(house, data=form) for form in (twice, other, two_files)]

    assert [status for status, _ in answers] == [400] * 3
    assert "twice" in answers[0][1]["error"]
    assert "file" in answers[1][1]["error"]
    assert "Too many files" in answers[2][1]["error"]


async def test_a_text_of_more_than_a_mebibyte_is_refused(house: House) -> None:
    caption = b'--b\r\nContent-Disposition: form-data; name="caption"\r\n\r\n' + b"x" * (MEBIBYTE + 1) + b"\r\n--b--"

    status, answer = await post(house, data=io.BytesIO(PART + caption), headers={"Content-Type": FORM_TYPE})

    assert status == 400
    assert "1024KB" in answer["error"]


async def test_a_form_beyond_every_size_is_refused_after_it_was_read(house: House) -> None:
    async def flood() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(102):
            yield b"x" * MEBIBYTE
        yield b"\r\n--b--\r\n"

    status, answer = await post(house, data=flood(), headers={"Content-Type": FORM_TYPE})

    assert status == 413
    assert "bytes" in answer["error"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", PART + b"--b--\r\n"),
        ("multipart/form-data; boundary=", PART),
        ("multipart/form-data; boundary=" + "b" * 5000, PART),
        ("multipart/form-data; boundary=b; charset=klingon", PART + b"--b--\r\n"),
        ("multipart/form-data; boundary=b; charset=utf-16", PART + b"--b--\r\n"),
        ("multipart/form-data; boundary=b; charset=hex", PART + b"--b--\r\n"),
        ("multipart/form-data; boundary=b; charset=idna", PART + b"--b--\r\n"),
        (FORM_TYPE, b""),
        (FORM_TYPE, PART),
        (FORM_TYPE, b"--b\r\n\r\nx\r\n--b--"),
        (FORM_TYPE, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        (FORM_TYPE, b"--b\r\n:\r\n\r\n--b--"),
        (FORM_TYPE, NAMED + b'"fr\xffom"\r\n\r\n\xff\r\n--b--'),
        (FORM_TYPE, b"--b\r\n" + b"x" * 70_000 + b": y\r\n\r\nz\r\n--b--"),
        (FORM_TYPE, b"\x00" * 1000),
        (FORM_TYPE, NAMED + b'"from\x00"\r\n\r\n\x00\r\n--b--'),
    ],
)  # fmt: skip
async def test_a_hostile_form_never_breaks_the_sandbox(house: House, content_type: str, body: bytes) -> None:
    status, answer = await post(house, data=body, headers={"Content-Type": content_type})

    assert status in (200, 400)
    assert answer.get("error") or answer.get("message_id")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([
    b"--b", b"--b--", b"\r\n", b"\n", b": ", b"Content-Disposition: form-data; name=", b'"from"', b'"file"',
    b'; filename="x"', b"255712345678", b"Content-Transfer-Encoding: base64", b"\xff", b"\x00", b'"', b"=",
]), max_size=24).map(b"".join))  # fmt: skip
async def test_any_bytes_said_to_be_a_form_are_answered(house: House, body: bytes) -> None:
    status, _ = await post(house, data=body, headers={"Content-Type": FORM_TYPE})

    assert status in (200, 400)
