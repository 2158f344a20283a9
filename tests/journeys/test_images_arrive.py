"""Whatever picture a business has arrives: repaired under `auto`, refused with a reason under `strict`.

The sandbox looks at the bytes as WhatsApp does, so what it takes and shows as read would have arrived.
"""

import hashlib
import zlib
from typing import Any

import pytest
from tests.journeys import pictures
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, picture

from picha.images.probe import inspect
from picha.images.rules import verdict

LIMIT = 5_242_880
# What WhatsApp takes as it is: nothing to repair, and nothing to refuse.
SOUND = {"a transparent PNG"}


@pytest.fixture
async def customer(picha: Talk) -> str:
    someone = picha.stranger()
    await picha.hear(someone, type="text", text="Hello")
    return someone


async def arrives(picha: Talk, customer: str, sent: Any) -> Any:
    """Wait until the customer has read a send, look at the bytes that went out, and return the message."""
    assert sent.status == 202, sent.body
    message = await picha.becomes(sent.data["message_id"], "read", "failed")
    assert message["status"] == "read", message["error_detail"]
    content = message["content"]
    told = await picha.api("GET", content["url"], key=None)
    assert hashlib.sha256(told.body).hexdigest() == content["sha256"]
    assert [item["sha256"] for item in await picha.ledger() if item["to"] == customer] == [content["sha256"]]
    inspection = inspect(told.body)
    assert verdict(inspection, len(told.body), max_bytes=LIMIT) == ()
    assert inspection.facts.orientation in {None, 1}
    assert (content["width"], content["height"]) == (inspection.facts.width, inspection.facts.height)
    return message


@pytest.mark.parametrize("kind", pictures.REPAIRABLE)
async def test_any_picture_that_is_uploaded_arrives(picha: Talk, customer: str, kind: str) -> None:
    uploaded = await picha.upload(pictures.REPAIRABLE[kind]())

    assert uploaded.status == 201, uploaded.body
    message = await arrives(picha, customer, await picha.send(to=customer, file_id=uploaded.data["file_id"]))
    assert message["content"]["changes"] == uploaded.data["changes"]
    assert message["content"]["original"] == uploaded.data.get("original")
    assert uploaded.data["changes"] or kind in SOUND


@pytest.mark.parametrize("kind", pictures.REPAIRABLE)
async def test_any_picture_at_an_address_arrives(picha: Talk, customer: str, host: PictureHost, kind: str) -> None:
    data = pictures.REPAIRABLE[kind]()
    url = host.put("/a", data, "application/octet-stream")

    message = await arrives(picha, customer, await picha.send(to=customer, media_url=url))

    facts = inspect(data).facts
    came = {"mime_type": facts.mime_type, "size_bytes": len(data), "width": facts.width, "height": facts.height}
    assert message["content"]["original"] == (came if message["content"]["changes"] else None)
    changes = message["content"]["changes"]
    assert message["content"]["media_url"] == url
    assert changes or kind in SOUND
    made_fit = f" and made fit: {', '.join(changes)}" if changes else ""
    assert f"Picture fetched{made_fit}" in [item["text"] for item in await picha.story(message["id"])]


@pytest.mark.parametrize("kind", sorted(set(pictures.REPAIRABLE) - SOUND - {"a sideways photo of 12 megapixels"}))
async def test_under_strict_it_is_refused_with_a_reason_on_both_roads(
    picha: Talk, customer: str, host: PictureHost, kind: str
) -> None:
    data = pictures.REPAIRABLE[kind]()
    told = await upload_strictly(picha, data)
    sent = await picha.send(to=customer, media_url=host.put("/a", data, "image/jpeg"), image_policy="strict")

    message = await picha.becomes(sent.data["message_id"], "failed")

    is_large = len(data) > LIMIT
    refusal = (413, "BODY_TOO_LARGE") if is_large else (422, "IMAGE_NOT_SUPPORTED")
    assert (told.status, told.error["code"], told.error["field"]) == (*refusal, "file")
    assert message["error_code"] == "131053"
    assert not [item for item in await picha.ledger() if item["to"] == customer]


@pytest.mark.parametrize("kind", ["a sideways photo of 12 megapixels", "a transparent PNG"])
async def test_under_strict_what_is_within_the_rule_goes_untouched(picha: Talk, kind: str) -> None:
    data = pictures.REPAIRABLE[kind]()

    uploaded = await upload_strictly(picha, data)

    assert (uploaded.data["sha256"], uploaded.data["changes"]) == (hashlib.sha256(data).hexdigest(), [])


async def test_the_place_in_a_picture_is_noted_where_it_goes_along_and_gone_where_it_does_not(
    picha: Talk, customer: str, host: PictureHost
) -> None:
    data = pictures.upright_with_a_place()
    url = host.put("/place.jpg", data, "image/jpeg")

    for policy, codes in (("strict", ["gps"]), ("auto", [])):
        uploaded = (await picha.upload(data, image_policy=policy)).data
        sent = await picha.send(to=customer, media_url=url, image_policy=policy)
        message = await picha.becomes(sent.data["message_id"], "read")

        named = (await picha.api("GET", f"/v1/whatsapp/media/{uploaded['file_id']}")).data
        assert [note["code"] for note in uploaded.get("notes", [])] == codes
        assert named.get("notes", []) == uploaded.get("notes", []) == message["content"]["notes"]
        assert uploaded["changes"] == ([] if codes else ["metadata removed"])


async def test_a_name_and_a_type_that_the_bytes_belie_are_corrected_and_noted(
    picha: Talk, customer: str, host: PictureHost
) -> None:
    uploaded = await picha.upload(picture("PNG"), filename="a.webp", content_type="image/gif")
    sent = await picha.send(to=customer, media_url=host.put("/a", picture("PNG"), "image/jpg; charset=binary"))

    message = await picha.becomes(sent.data["message_id"], "read")

    assert (uploaded.data["mime_type"], message["content"]["mime_type"]) == ("image/png", "image/png")
    assert [note["code"] for note in uploaded.data["notes"]] == ["wrong_name", "wrong_type"]
    assert [note["code"] for note in message["content"]["notes"]] == ["wrong_type"]
    assert "The Content-Type says jpeg, the bytes are png" in message["content"]["notes"][0]["message"]


@pytest.mark.parametrize("policy", ["auto", "strict"])
async def test_text_named_jpg_is_refused_on_both_roads(
    picha: Talk, customer: str, host: PictureHost, policy: str
) -> None:
    told = await picha.upload(pictures.text(), filename="receipt.jpg")
    url = host.put("/receipt.jpg", pictures.text(), "image/jpeg")
    message = await picha.becomes(
        (await picha.send(to=customer, media_url=url, image_policy=policy)).data["message_id"], "failed"
    )

    assert (told.status, told.error["code"]) == (422, "IMAGE_NOT_SUPPORTED")
    assert message["error_code"] == "131053"
    assert "plain text" in message["error_detail"]


async def upload_strictly(picha: Talk, data: bytes) -> Any:
    return await picha.upload(data, image_policy="strict")


async def test_a_number_s_own_policy_holds_for_sends_that_name_none(
    picha: Talk, customer: str, host: PictureHost
) -> None:
    sender = (await picha.api("GET", "/v1/whatsapp/senders")).document[0]
    assert sender["image_policy"] == "auto"
    path = f"/v1/whatsapp/senders/{sender['id']}"
    try:
        changed = await picha.api("PATCH", path, json={"image_policy": "strict"})
        assert changed.document["image_policy"] == "strict"
        url = host.put("/a.webp", pictures.webp(), "image/webp")

        by_default = (await picha.send(to=customer, media_url=url)).data["message_id"]
        named = (await picha.send(to=customer, media_url=url, image_policy="auto")).data["message_id"]

        assert (await picha.becomes(by_default, "failed"))["error_code"] == "131052"
        await picha.becomes(named, "read")
    finally:
        await picha.api("PATCH", path, json={"image_policy": "auto"})


async def test_a_picture_is_taken_in_from_an_address(picha: Talk, customer: str, host: PictureHost) -> None:
    url = host.put("/photo.webp", pictures.webp(), "text/plain")

    told = await picha.api("POST", "/v1/whatsapp/media", json={"url": url})

    assert told.status == 201, told.body
    assert (told.data["mime_type"], bool(told.data["changes"])) == ("image/jpeg", True)
    await arrives(picha, customer, await picha.send(to=customer, file_id=told.data["file_id"]))


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "VALIDATION_ERROR", "url"),
        ({"url": 7}, 422, "VALIDATION_ERROR", "url"),
        ({"url": "ftp://example.com/a.jpg"}, 422, "VALIDATION_ERROR", "url"),
        ({"url": "http://10.0.0.1/a.jpg"}, 422, "VALIDATION_ERROR", "url"),
        ({"url": "https://example.com/a.jpg", "image_policy": "kind"}, 422, "VALIDATION_ERROR", "image_policy"),
    ],
)
async def test_a_nonsense_address_is_refused_at_once(
    picha: Talk, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    told = await picha.api("POST", "/v1/whatsapp/media", json=body)

    assert (told.status, told.error["code"], told.error["field"]) == (status, code, field)


async def test_an_address_without_a_picture_is_told_at_once(picha: Talk, host: PictureHost) -> None:
    gone = await picha.api("POST", "/v1/whatsapp/media", json={"url": host.put("/gone", b"", status=404)})
    page = await picha.api("POST", "/v1/whatsapp/media", json={"url": host.put("/page", pictures.text(), "text/html")})

    assert (gone.status, gone.error["code"], gone.error["field"]) == (422, "MEDIA_UNREACHABLE", "url")
    assert (page.status, page.error["code"], page.error["field"]) == (422, "IMAGE_NOT_SUPPORTED", "url")


async def test_a_preflight_sends_the_bytes_that_it_looked_at(picha: Talk, customer: str, host: PictureHost) -> None:
    url = host.put("/once.jpg", picture(shade=33))

    sent = await picha.send(to=customer, media_url=url, preflight=True)
    host.put("/once.jpg", b"", status=404)

    message = await arrives(picha, customer, sent)
    assert message["content"]["media_url"] == url


async def test_a_preflight_tells_at_once_what_would_fail_later(picha: Talk, customer: str, host: PictureHost) -> None:
    gone = await picha.send(to=customer, media_url=host.put("/gone", b"", status=404), preflight=True)
    page = await picha.send(to=customer, media_url=host.put("/page", pictures.text(), "image/jpeg"), preflight=True)
    closed = await picha.send(to=picha.stranger(), media_url=host.put("/a.jpg", picture()), preflight=True)

    assert (gone.status, gone.error["code"], gone.error["field"]) == (422, "MEDIA_UNREACHABLE", "media_url")
    assert (page.status, page.error["code"], page.error["field"]) == (422, "IMAGE_NOT_SUPPORTED", "media_url")
    assert (closed.status, closed.error["code"]) == (422, "WINDOW_CLOSED")


async def test_a_link_is_handed_to_whatsapp_as_it_is(picha: Talk, customer: str, host: PictureHost) -> None:
    data = picture(shade=35)
    url = host.put("/linked.jpg", data)

    message = await picha.becomes(
        (await picha.send(to=customer, media_url=url, media_mode="link")).data["message_id"], "read"
    )

    assert (message["content"]["media_url"], message["content"]["file_id"]) == (url, None)
    [item] = [item for item in await picha.ledger() if item["to"] == customer]
    assert item["sha256"] == hashlib.sha256(data).hexdigest()


async def test_a_link_that_whatsapp_cannot_use_fails_in_whatsapp_s_words(
    picha: Talk, customer: str, host: PictureHost
) -> None:
    url = host.put("/gone.jpg", b"", status=404)

    message = await picha.becomes(
        (await picha.send(to=customer, media_url=url, media_mode="link")).data["message_id"], "failed"
    )

    assert message["error_code"] == "131053"
    assert "404" in message["error_detail"]


async def test_a_link_cannot_be_looked_at_before(picha: Talk, customer: str, host: PictureHost) -> None:
    told = await picha.send(to=customer, media_url=host.put("/a.jpg", picture()), media_mode="link", preflight=True)

    assert (told.status, told.error["code"], told.error["field"]) == (422, "VALIDATION_ERROR", "preflight")


async def test_a_deleted_picture_cannot_be_named_and_what_was_accepted_with_it_goes_out(
    picha: Talk, customer: str
) -> None:
    file_id = (await picha.upload(picture(shade=37))).data["file_id"]
    sent = await picha.send(to=customer, file_id=file_id)

    deleted = await picha.api("DELETE", f"/v1/whatsapp/media/{file_id}")

    assert (deleted.status, deleted.data) == (200, {"file_id": file_id, "deleted": True})
    assert (await picha.api("DELETE", f"/v1/whatsapp/media/{file_id}")).error["code"] == "MEDIA_NOT_FOUND"
    assert (await picha.api("GET", f"/v1/whatsapp/media/{file_id}")).error["code"] == "MEDIA_NOT_FOUND"
    assert (await picha.send(to=customer, file_id=file_id)).error["code"] == "MEDIA_NOT_FOUND"
    await picha.becomes(sent.data["message_id"], "read")


async def test_a_thumbnail_is_small_upright_and_seen_by_whoever_may_see_the_picture(picha: Talk) -> None:
    file_id = (await picha.upload(pictures.sideways_jpeg(), image_policy="strict")).data["file_id"]
    path = f"/v1/whatsapp/media/{file_id}/thumbnail"

    told = await picha.api("GET", path)
    stranger = await picha.api("GET", path, key=None)

    facts = inspect(told.body).facts
    assert (told.headers["Content-Type"], facts.kind) == ("image/jpeg", "jpeg")
    assert (facts.width, facts.height, facts.orientation) == (240, 320, None)
    assert (stranger.status, stranger.error["code"]) == (401, "UNAUTHORIZED")


async def test_a_customer_s_picture_has_a_thumbnail_by_the_same_link(picha: Talk) -> None:
    message = await picha.hear(picha.stranger(), caption="Look")
    link = message["content"]["url"]

    told = await picha.api("GET", link.replace("/content?", "/thumbnail?"), key=None)
    forged = await picha.api("GET", link.replace("/content?", "/thumbnail?") + "0", key=None)

    assert (told.status, max(inspect(told.body).facts.width or 0, inspect(told.body).facts.height or 0)) == (200, 320)
    assert forged.error["code"] == "MEDIA_NOT_FOUND"


async def test_a_picture_whose_pixels_are_broken_is_refused_each_time_it_is_uploaded(picha: Talk) -> None:
    sound = picture("PNG", shade=200)
    at = sound.index(b"IDAT") + 4
    size = int.from_bytes(sound[at - 8 : at - 4])
    body = b"IDAT" + bytes(size)
    broken = sound[: at - 4] + body + zlib.crc32(body).to_bytes(4) + sound[at + size + 4 :]

    for _ in range(2):
        for policy in ("auto", "strict"):
            told = await picha.upload(broken, image_policy=policy)
            assert (told.status, told.error["code"], told.error["field"]) == (422, "IMAGE_UNREADABLE", "file")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=3-999999", 3, None)],
)
async def test_a_part_of_a_picture_is_served_alone(picha: Talk, wanted: str, start: int, stop: int | None) -> None:
    data = picture("PNG", shade=61)
    file_id = (await picha.upload(data)).data["file_id"]

    told = await picha.api("GET", f"/v1/whatsapp/media/{file_id}/content", headers={"Range": wanted})

    assert (told.status, told.body) == (206, data[start:stop])
    first = start % len(data)
    assert told.headers["Content-Range"] == f"bytes {first}-{first + len(told.body) - 1}/{len(data)}"


@pytest.mark.parametrize("wanted", ["bytes=", "bytes=9-3", "bytes=999999-", "lines=1-2", "bytes=0-1,4-5", "bytes=-0"])
async def test_a_range_that_makes_no_sense_brings_all_of_it(picha: Talk, wanted: str) -> None:
    data = picture("PNG", shade=61)
    file_id = (await picha.upload(data)).data["file_id"]

    told = await picha.api("GET", f"/v1/whatsapp/media/{file_id}/content", headers={"Range": wanted})

    assert (told.status, told.body) == (200, data)


@pytest.mark.parametrize("way", ["content", "thumbnail"])
async def test_a_picture_whose_bytes_are_lost_is_told_as_not_kept(picha: Talk, way: str) -> None:
    uploaded = (await picha.upload(picture("PNG", shade=71 if way == "content" else 72))).data
    name = uploaded["sha256"]
    (picha.house.home / "blobs" / name[:2] / name[2:4] / name).unlink()

    told = await picha.api("GET", f"/v1/whatsapp/media/{uploaded['file_id']}/{way}")

    assert (told.status, told.error["code"]) == (404, "MEDIA_NOT_FOUND")
    assert "no longer kept" in told.error["message"]
