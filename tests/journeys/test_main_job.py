"""The main job from outside: a photo comes in, a picture goes out, and the story is told truthfully."""

import base64
import functools
import hashlib
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import House, Talk, picture, talking, until

from picha.gateway.store.vault import Vault, read_ring
from picha.gateway.telling.links import LINK_LIFE, Links
from picha.kit.clock import ManualClock, SystemClock

pytestmark = pytest.mark.timeout(180)

DAY = timedelta(hours=24)
REFERRAL = {
    "source_url": "https://fb.me/ad",
    "source_id": "6",
    "source_type": "ad",
    "body": "Order now",
    "headline": "Fresh bread",
    "media_type": "video",
    "video_url": "https://scontent.example/ad.mp4",
    "thumbnail_url": "https://scontent.example/thumb.jpg",
    "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e_mIEOOj27vDVwFjN80dp4_0NiNhEgpGo0AHemvuSoifXaytfTz",
    "welcome_message": {"text": "Hi there!"},
}


async def test_a_photo_comes_in_with_checked_bytes_and_opens_the_window(picha: Talk) -> None:
    photo = picture(shade=11)

    message = await picha.hear(
        picha.stranger(), name="Sheena", caption="Taj Mahal", image_base64=base64.b64encode(photo).decode()
    )

    content = message["content"]
    assert (message["is_outbound"], message["status"], message["message_type"]) == (False, "received", "image")
    assert (message["phase"], message["contact_profile_name"]) == (None, "Sheena")
    assert content["state"] == "stored"
    assert content["sha256"] == hashlib.sha256(photo).hexdigest()
    assert (content["caption"], content["mime_type"], content["size_bytes"]) == ("Taj Mahal", "image/jpeg", len(photo))
    assert (content["width"], content["height"], content["media_url"]) == (64, 48, None)
    thread = (await picha.api("GET", f"/v1/whatsapp/conversations/{message['conversation_id']}")).data
    assert thread["window"]["open"] is True
    life = datetime.fromisoformat(thread["window"]["expires_at"]) - datetime.fromisoformat(message["created_at"])
    assert timedelta(hours=23, minutes=59) < life <= DAY
    assert thread["unread_count"] == 1


async def test_the_link_serves_the_bytes_without_a_key_and_nothing_else(picha: Talk) -> None:
    photo = picture(shade=12)
    message = await picha.hear(picha.stranger(), image_base64=base64.b64encode(photo).decode())
    other = await picha.hear(picha.stranger())
    link = message["content"]["url"]

    served = await picha.api("GET", link, key=None)

    assert (served.status, served.body) == (200, photo)
    assert served.headers["Content-Type"] == "image/jpeg"
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    path, _, query = link.partition("?")
    expires, _, signature = query.removeprefix("expires=").partition("&signature=")
    elsewhere = path.replace(message["content"]["file_id"], other["content"]["file_id"])
    forged = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    for refused in (
        f"{path}?expires={expires}&signature={forged}",
        f"{path}?expires={int(expires) + 3600}&signature={signature}",
        f"{path}?expires=1&signature={signature}",
        f"{elsewhere}?expires={expires}&signature={signature}",
        f"{path}?expires=&signature=",
        f"{path}?signature={signature}",
        f"{path}?expires={expires}&signature=%F0%9F%92%A9",
    ):
        answer = await picha.api("GET", refused, key=None)
        assert (answer.status, answer.error["code"]) == (404, "MEDIA_NOT_FOUND"), refused
    assert (await picha.api("GET", path, key=None)).status == 401
    assert (await picha.api("GET", path)).body == photo


@pytest.mark.parametrize(
    ("data", "served_as", "disposition"),
    [
        (picture(shade=13), "image/jpeg", 'inline; filename="picture.jpeg"'),
        (picture("PNG", shade=13), "image/png", 'inline; filename="picture.png"'),
        (b"<!doctype html><script>alert(1)</script>", "application/octet-stream", 'attachment; filename="picture.bin"'),
        (
            b'<svg xmlns="http://www.w3.org/2000/svg"/>',
            "application/octet-stream",
            'attachment; filename="picture.bin"',
        ),
    ],
    ids=["jpeg", "png", "html", "svg"],
)
async def test_whatever_a_customer_sent_is_served_so_that_no_browser_runs_it(
    picha: Talk, data: bytes, served_as: str, disposition: str
) -> None:
    message = await picha.hear(picha.stranger(), image_base64=base64.b64encode(data).decode(), as_is=True)

    served = await picha.api("GET", message["content"]["url"], key=None)

    assert (served.status, served.body) == (200, data)
    told = {name: served.headers[name] for name in ("Content-Type", "Content-Disposition", "Content-Security-Policy")}
    assert told == {
        "Content-Type": served_as,
        "Content-Disposition": disposition,
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    assert (served.headers["X-Content-Type-Options"], served.headers["Cache-Control"]) == (
        "nosniff",
        "private, max-age=600",
    )


async def test_a_link_that_was_genuine_until_it_expired_serves_nothing(picha: Talk) -> None:
    message = await picha.hear(picha.stranger())
    (sender,) = (await picha.api("GET", "/v1/whatsapp/senders")).document
    whoami = (await picha.api("GET", "/karibu/x-api-key")).document
    key = Vault(read_ring((picha.house.home / "keys").read_text())).derive("media links")
    file, workspace = UUID(message["content"]["file_id"]), UUID(whoami["workspace_id"])

    def link(age: timedelta, owner: UUID = workspace) -> str:
        clock = ManualClock(SystemClock().now() - age)
        return Links(lambda: [key], clock, picha.ready.api_url).make(owner, file)

    assert (await picha.api("GET", link(LINK_LIFE - timedelta(minutes=1)), key=None)).status == 200
    for refused in (link(LINK_LIFE + timedelta(seconds=1)), link(timedelta(0), owner=UUID(sender["id"]))):
        assert (await picha.api("GET", refused, key=None)).error["code"] == "MEDIA_NOT_FOUND"


async def test_a_reply_by_file_id_reaches_the_customer_and_is_read(picha: Talk) -> None:
    customer = picha.stranger()
    inbound = await picha.hear(customer)
    reply = picture(shade=13)
    uploaded = await picha.upload(reply)
    assert uploaded.status == 201

    sent = await picha.send(
        to=customer, file_id=uploaded.data["file_id"], caption="Your receipt", client_reference="order 7",
        reply_to=inbound["id"],
    )  # fmt: skip

    assert sent.status == 202
    assert (sent.data["status"], sent.data["provider_message_id"]) == ("pending", None)
    assert sent.data["conversation_id"] == inbound["conversation_id"]
    assert sent.data["sender"] == picha.ready.phone_number_id
    message = await picha.becomes(sent.data["message_id"], "read")
    assert message["phase"] == "submitted"
    assert message["attempts"] == 1
    assert message["provider_message_id"].startswith("wamid.")
    assert message["client_reference"] == "order 7"
    assert message["sent_at"] <= message["delivered_at"] <= message["read_at"]
    (line,) = [line for line in await picha.ledger() if line["to"] == customer]
    assert line["wamid"] == message["provider_message_id"]
    assert (line["sha256"], line["caption"]) == (hashlib.sha256(reply).hexdigest(), "Your receipt")


async def test_a_reply_by_media_url_brings_the_same_bytes(picha: Talk, host: PictureHost) -> None:
    customer, bread = picha.stranger(), picture("PNG", shade=14)
    thread = (await picha.hear(customer))["conversation_id"]
    url = host.put("/bread.png", bread, "image/png")

    sent = await picha.send(conversation_id=thread, media_url=url)

    message = await picha.becomes(sent.data["message_id"], "read")
    content = message["content"]
    assert (content["media_url"], content["mime_type"], content["state"]) == (url, "image/png", "stored")
    assert content["sha256"] == hashlib.sha256(bread).hexdigest()
    assert (await picha.api("GET", content["url"], key=None)).body == bread
    (line,) = [line for line in await picha.ledger() if line["to"] == customer]
    assert line["sha256"] == content["sha256"]
    assert host.visits == {"/bread.png": 1}


async def test_the_timeline_tells_the_story_in_order(picha: Talk, host: PictureHost) -> None:
    customer = picha.stranger()
    await picha.hear(customer)

    sent = await picha.send(to=customer, media_url=host.put("/a.jpg", picture()))

    await picha.becomes(sent.data["message_id"], "read")
    story = await picha.story(sent.data["message_id"])
    kinds = [item["kind"] for item in story]
    assert kinds[:3] == ["decision", "decision", "attempt"]
    assert {"decision", "attempt", "evidence"} == set(kinds)
    texts = " | ".join(item["text"] for item in story)
    for part in (
        "Accepted and stored",
        "Picture fetched",
        "Handing it",
        "WhatsApp took it",
        "sent it",
        "reached",
        "read it",
    ):
        assert part in texts
    assert [item["at"] for item in story] == sorted(item["at"] for item in story)
    assert {item["attempt"] for item in story if item["kind"] == "attempt"} == {1}


async def test_a_send_that_names_the_hash_of_a_customer_s_key_goes_out_only_while_they_have_that_key(
    picha: Talk,
) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer, identity_key_hash="DF2lS5v2W6x=")
    thread = (await picha.api("GET", f"/v1/whatsapp/conversations/{heard['conversation_id']}")).data
    known = thread["contact"]["identity_key_hash"]
    file_id = (await picha.upload(picture(shade=21))).data["file_id"]

    same, other = [
        (await picha.send(to=customer, file_id=file_id, recipient_identity_key_hash=hash_)).data["message_id"]
        for hash_ in (known, "AAAAAAAAAAA=")
    ]

    assert known == "DF2lS5v2W6x="
    await picha.becomes(same, "read")
    failed = await picha.becomes(other, "failed")
    assert (failed["error_code"], failed["provider_message_id"] is not None) == ("137000", True)


async def test_the_list_shows_both_directions_newest_first_and_filters(picha: Talk, host: PictureHost) -> None:
    customer = picha.stranger()
    inbound = await picha.hear(customer)
    await picha.hear(customer, type="text", text="Hello")
    sent = await picha.send(to=customer, media_url=host.put("/a.jpg", picture()))
    await picha.becomes(sent.data["message_id"], "read")
    thread = inbound["conversation_id"]

    async def kinds(**query: Any) -> list[tuple[bool, str]]:
        items = (await picha.list(conversation_id=thread, **query)).data["items"]
        return [(item["is_outbound"], item["message_type"]) for item in items]

    assert await kinds() == [(True, "image"), (False, "text"), (False, "image")]
    assert await kinds(direction="inbound") == [(False, "text"), (False, "image")]
    assert await kinds(direction="outbound", status="read") == [(True, "image")]
    assert await kinds(message_type="text") == [(False, "text")]
    assert await kinds(status=["read", "received"]) == await kinds()
    assert await kinds(limit="1", offset="1") == [(False, "text")]
    assert await kinds(since=inbound["created_at"], message_type="image", direction="inbound") == [(False, "image")]
    assert await kinds(until="2001-01-01T00:00:00Z") == []
    assert await kinds(before=sent.data["message_id"]) == [(False, "text"), (False, "image")]
    page = (await picha.list(conversation_id=thread, limit="2")).data
    assert (page["total"], page["limit"], page["offset"], page["total_is_exact"]) == (3, 2, 0, True)
    assert len(page["items"]) == 2


async def test_every_detail_of_an_inbound_photo_shows(picha: Talk) -> None:
    customer = picha.stranger()
    first = await picha.hear(customer, user_id="TZ.4711")

    message = await picha.hear(
        customer, caption="From the ad", referral=REFERRAL, frequently_forwarded=True,
        reply_to=first["provider_message_id"], identity_key_hash="DF2lS5v2W6x=", user_id="TZ.4711",
    )  # fmt: skip

    content = message["content"]
    assert content["referral"] == REFERRAL | {"image_url": None}
    assert content["context"] == {
        "forwarded": None, "frequently_forwarded": True, "message_id": first["provider_message_id"],
    }  # fmt: skip
    assert (await picha.hear(customer, forwarded=True))["content"]["context"]["forwarded"] is True
    contact = (await picha.api("GET", f"/v1/whatsapp/conversations/{message['conversation_id']}")).data["contact"]
    assert contact == {"identity_key_hash": "DF2lS5v2W6x=", "user_id": "TZ.4711", "group_id": None}


async def test_a_caption_of_1024_characters_with_emoji_arrives_whole(picha: Talk, host: PictureHost) -> None:
    customer, caption = picha.stranger(), ("Karibu 🍞👩‍👩‍👧 ñ%@<> " * 100)[:1023] + "🥖"
    assert len(caption) == 1024
    await picha.hear(customer)

    sent = await picha.send(to=customer, media_url=host.put("/a.jpg", picture()), caption=caption)

    message = await picha.becomes(sent.data["message_id"], "read", "failed")
    assert (message["status"], message["content"]["caption"]) == ("read", caption)
    (line,) = [line for line in await picha.ledger() if line["to"] == customer]
    assert line["caption"] == caption


@pytest.mark.parametrize(
    ("content_type", "code"), [("image/jpeg", "131053"), ("text/plain", "131052"), ("text/html", "131052")]
)
async def test_text_is_no_picture_whatever_it_is_called(
    picha: Talk, host: PictureHost, content_type: str, code: str
) -> None:
    customer = picha.stranger()
    await picha.hear(customer)

    sent = await picha.send(to=customer, media_url=host.put("/r.jpg", b"Receipt: 3 loaves\n" * 9, content_type))

    assert sent.status == 202
    message = await picha.becomes(sent.data["message_id"], "failed", "read")
    assert (message["status"], message["phase"], message["error_code"]) == ("failed", "failed", code)
    assert "text" in message["error_detail"]
    assert (message["attempts"], message["provider_message_id"]) == (0, None)
    assert message["failed_at"] is not None
    assert [item["code"] for item in await picha.story(message["id"])] == [None, code]
    assert [line for line in await picha.ledger() if line["to"] == customer] == []


async def test_an_address_that_nobody_answers_fails_after_retries(picha: Talk) -> None:
    customer = picha.stranger()
    await picha.hear(customer)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    sent = await picha.send(to=customer, media_url=f"http://127.0.0.1:{port}/r.jpg")

    message = await picha.becomes(sent.data["message_id"], "failed", "read")
    assert message["error_code"] == "131052"


async def test_a_host_that_says_503_is_asked_again_and_404_is_told(picha: Talk, host: PictureHost) -> None:
    customer = picha.stranger()
    await picha.hear(customer)

    gone = await picha.send(to=customer, media_url=host.put("/gone", b"", status=404))
    busy = await picha.send(to=customer, media_url=host.put("/busy", b"", status=503))

    for sent in (gone, busy):
        assert (await picha.becomes(sent.data["message_id"], "failed"))["error_code"] == "131052"
    assert host.visits["/busy"] > 1


async def test_a_stranger_gets_no_picture(picha: Talk) -> None:
    before = await picha.total()

    refused = await picha.send(to=picha.stranger(), media_url="https://example.com/a.jpg")

    assert (refused.status, refused.error["code"]) == (422, "WINDOW_CLOSED")
    assert await picha.total() == before


async def test_the_window_closes_after_a_day_and_a_new_message_opens_it(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            await _a_day_passes(picha)


async def _opens(picha: Talk, thread: str) -> bool:
    """Tell whether the window is open and has nearly a whole day left by the sandbox's clock."""
    now = datetime.fromisoformat((await picha.control("GET", "/clock"))["now"])
    window = (await picha.api("GET", thread)).data["window"]
    return window["open"] and datetime.fromisoformat(window["expires_at"]) - now > DAY - timedelta(minutes=1)


async def _a_day_passes(picha: Talk) -> None:
    customer = picha.stranger()
    first = await picha.hear(customer)
    file_id = (await picha.upload(picture())).data["file_id"]
    assert (await picha.send(to=customer, file_id=file_id)).status == 202

    await picha.control("POST", "/clock", json={"advance_s": 90_000})

    thread = f"/v1/whatsapp/conversations/{first['conversation_id']}"

    async def closed() -> Any:
        return not (await picha.api("GET", thread)).data["window"]["open"]

    await until(closed)
    refused = await picha.send(to=customer, file_id=file_id)
    assert (refused.status, refused.error["code"]) == (422, "WINDOW_CLOSED")
    await picha.hear(customer, type="text", text="Still there?")
    assert (await picha.api("GET", thread)).data["window"]["open"] is True
    await picha.control("POST", "/clock", json={"advance_s": 90_000})
    # Right after the clock was moved, the message that comes first opens a whole day by the new time.
    await picha.hear(customer, type="text", text="And now?")
    await until(functools.partial(_opens, picha, thread))
    sent = await picha.send(to=customer, file_id=file_id, caption="Welcome back")
    assert sent.status == 202
    assert (await picha.becomes(sent.data["message_id"], "read", "failed"))["status"] == "read"
