"""Media of the business: uploaded in every form that clients use, looked at, described, downloaded and deleted."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, SandboxProgram, running

from picha.cloudapi.media import digest_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def picture(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0", "--limits", "off") as program:
        yield program


async def test_an_upload_is_described_downloaded_and_deleted(sandbox: SandboxProgram) -> None:
    data = picture()
    media_id = await sandbox.upload(data)

    _, told = await sandbox.graph("GET", f"/v24.0/{media_id}", params={"phone_number_id": sandbox.number})
    bearer = {"Authorization": f"Bearer {sandbox.ready.access_token}"}
    async with sandbox.session.get(told["url"], headers=bearer) as answer:
        downloaded, mime_type = await answer.read(), answer.headers["Content-Type"]
    async with sandbox.session.get(told["url"]) as answer:
        unauthorised = answer.status
    async with sandbox.session.get(told["url"].replace("hash=", "hash=0"), headers=bearer) as answer:
        forged = answer.status
    deleted = await sandbox.graph("DELETE", f"/v24.0/{media_id}")
    gone = await sandbox.graph("GET", f"/v24.0/{media_id}")

    assert media_id.isdigit()
    assert told["file_size"] == str(len(data))
    assert digest_of(told["sha256"]) == hashlib.sha256(data).digest()
    assert (downloaded, mime_type) == (data, "image/jpeg")
    assert (unauthorised, forged) == (401, 404)
    assert deleted == (200, {"success": True})
    assert gone[0] == 400


async def test_a_description_has_the_fields_that_are_asked_for_and_no_other_is_known(sandbox: SandboxProgram) -> None:
    path = f"/v24.0/{DOCUMENTED_MEDIA}"

    _, everything = await sandbox.graph("GET", path)
    asked = await sandbox.graph("GET", path, params={"fields": "file_size,mime_type"})
    mistyped = await sandbox.graph("GET", path, params={"fields": "url,filesize"})

    assert set(everything) == {"messaging_product", "url", "mime_type", "sha256", "file_size", "id"}
    assert asked == (200, {name: everything[name] for name in ("id", "file_size", "mime_type")})
    assert (mistyped[0], mistyped[1]["error"]["code"]) == (400, 100)
    assert "nonexisting field (filesize)" in mistyped[1]["error"]["message"]


async def test_media_of_another_number_is_not_there(sandbox: SandboxProgram) -> None:
    status, answer = await sandbox.graph("GET", f"/{DOCUMENTED_MEDIA}", params={"phone_number_id": "12345"})

    assert (status, answer["error"]["error_subcode"]) == (400, 33)


@pytest.mark.parametrize("order", [("file", "messaging_product"), ("type", "file", "messaging_product"), ("file",)])
async def test_the_parts_of_an_upload_come_in_any_order_and_chunked(
    sandbox: SandboxProgram, order: tuple[str, ...]
) -> None:
    parts = {
        "file": b'Content-Disposition: form-data; name="file"; filename="/some/folder/receipt.png"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + picture(),
        "messaging_product": b'Content-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp',
        "type": b'Content-Disposition: form-data; name="type"\r\n\r\nimage/png',
    }
    body = b"".join(b"--edge\r\n" + parts[name] + b"\r\n" for name in order) + b"--edge--\r\n"

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]
            await asyncio.sleep(0)

    query = {} if "messaging_product" in order else {"messaging_product": "whatsapp"}
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    status, answer = await sandbox.graph(
        "POST", f"/v24.0/{sandbox.number}/media", data=chunks(), headers=headers, params=query
    )

    assert status == 200, answer


async def test_an_octet_stream_is_refused_whatever_type_says(sandbox: SandboxProgram) -> None:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", "image/png")
    form.add_field("file", picture("PNG"), filename="a.png", content_type="application/octet-stream")

    status, answer = await sandbox.graph("POST", f"/{sandbox.number}/media", data=form)

    assert status == 400
    text = answer["error"]["message"]
    assert text.startswith("(#100) Param file must be a file with one of the following types: audio/aac, ")
    assert text.endswith("Received file of type 'application/octet-stream'.")


@pytest.mark.parametrize("body", [b"", b"--edge", b"--edge\r\n\r\n\r\n--edge--", b"nothing at all"])
async def test_a_form_without_a_file_is_refused(sandbox: SandboxProgram, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}

    status, answer = await sandbox.graph("POST", f"/{sandbox.number}/media", data=body, headers=headers)

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_more_than_a_hundred_megabytes_are_refused_at_upload(sandbox: SandboxProgram) -> None:
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("file", io.BytesIO(bytes(104_857_601)), filename="a.jpg", content_type="image/jpeg")

    status, answer = await sandbox.graph("POST", f"/{sandbox.number}/media", data=form)

    assert (status, answer["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("data", "mime_type", "details"),
    [
        (picture() + bytes(5_242_881 - len(picture())), "image/jpeg", "Image file size too big: 5,242,881 bytes."),
        (picture("PNG"), "image/jpeg", "the file was declared image/jpeg and is image/png"),
        (picture()[:-20], "image/jpeg", "before its end mark"),
        (picture("PNG", "I;16"), "image/png", "16 bits a channel"),
        (picture("WEBP"), "image/webp", "Unsupported Image mime type image/webp. Please use one of image/png"),
        (b"%PDF-1.4", "application/pdf", "Unsupported Image mime type application/pdf."),
        (b"no picture", "image/png", "not a picture"),
    ],
)  # fmt: skip
async def test_an_upload_that_is_no_proper_image_is_taken_and_fails_when_it_is_sent(
    sandbox: SandboxProgram, data: bytes, mime_type: str, details: str
) -> None:
    media_id = await sandbox.upload(data, mime_type)

    status, answer = await sandbox.send_image(id=media_id)

    assert status == 200
    (failed,) = await sandbox.wait("status", wamid=answer["messages"][0]["id"])
    assert (failed["status"], failed["code"]) == ("failed", 131053)
    assert details in failed["details"]


async def test_exactly_five_megabytes_go(sandbox: SandboxProgram) -> None:
    media_id = await sandbox.upload(picture() + bytes(5_242_880 - len(picture())))

    _, answer = await sandbox.send_image(id=media_id)

    await sandbox.wait("status", wamid=answer["messages"][0]["id"], status="read")


async def test_media_with_a_token_and_made_up_addresses_are_not_found(sandbox: SandboxProgram) -> None:
    for query in ({}, {"mid": "1", "ext": "²", "hash": "x"}, {"mid": "\udcff".encode("utf-8", "replace").decode()}):
        status, answer = await sandbox.graph("GET", "/whatsapp_business/attachments/", params=query)

        assert (status, answer["error"]["code"]) == (404, 100)
