"""Every kind of message a person can send: the call, and field by field the signed webhook that really came."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.journeys.hearing_house import House, listening
from tests.journeys.running import picture

from picha.cloudapi.media import digest_text

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASHA = "255712345678"
USER_ID = "US.13491208655302741918"
ERRORS_PAGE = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"
IMAGE_AD = {
    "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
    "body": "Summer succulents are here!", "headline": "Chat with us", "media_type": "image",
    "image_url": "https://scontent.xx.fbcdn.net/v/t45.1", "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e",
    "welcome_message": {"text": "Hi there!"},
}  # fmt: skip
VIDEO_AD = {
    "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
    "body": "Summer succulents are here!", "headline": "Chat with us", "media_type": "video",
    "video_url": "https://scontent.xx.fbcdn.net/v/t45.2", "thumbnail_url": "https://scontent.xx.fbcdn.net/v/t45.3",
    "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e", "welcome_message": {"text": "Hi there!"},
}  # fmt: skip
STATUS_AD = {name: value for name, value in VIDEO_AD.items() if name != "ctwa_clid"}
POST = {"source_url": "https://fb.me/3cr4Wqqkv", "source_id": "77", "source_type": "post", "body": "New stock"}


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def newer() -> AsyncIterator[House]:
    """A sandbox that writes this year's superset."""
    async with listening() as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def older() -> AsyncIterator[House]:
    """A sandbox that writes the reference of December 2025."""
    async with listening("--dialect", "2025") as house:
        yield house


@pytest_asyncio.fixture(params=["2026", "2025"], loop_scope="module")
async def house(request: pytest.FixtureRequest, newer: House, older: House) -> House:
    return newer if request.param == "2026" else older


def without_newer_members(message: Any, house: House, newer: House) -> Any:
    """Return a message less the user id that it has in this year's dialect, and in no other."""
    assert ("from_user_id" in message) is (house is newer)
    return {name: value for name, value in message.items() if name != "from_user_id"}


def error(code: int, title: str, details: str) -> dict[str, Any]:
    return {"code": code, "title": title, "message": title, "error_data": {"details": details}, "href": ERRORS_PAGE}


async def test_the_contact_of_2025_has_no_member_of_2026(older: House) -> None:
    message, value = await older.hear(**{"from": ASHA}, name="Asha", username="asha", identity_key_hash="DF2lS5v2W6x=")

    assert set(value) == {"messaging_product", "metadata", "contacts", "messages"}
    assert value["contacts"] == [{"profile": {"name": "Asha"}, "wa_id": ASHA, "identity_key_hash": "DF2lS5v2W6x="}]
    assert set(message) == {"from", "id", "timestamp", "type", "image"}


async def test_the_contact_of_2026_has_user_id_and_user_name_in_both_places(newer: House) -> None:
    message, value = await newer.hear(**{"from": ASHA}, name="Asha", username="asha", user_id=USER_ID)

    assert value["contacts"] == [{"profile": {"name": "Asha", "username": "asha"}, "wa_id": ASHA, "user_id": USER_ID}]
    assert message["from_user_id"] == USER_ID


@pytest.mark.parametrize("source", ["image_base64", "image_url", "nothing"])
async def test_an_image_is_the_one_that_was_given(house: House, source: str) -> None:
    data = picture("PNG", shade=3)
    url = f"{house.sandbox.ready.control_url}/photo.jpg"
    given = {"image_base64": base64.b64encode(data).decode(), "image_url": url}
    wish = {name: value for name, value in given.items() if name == source}

    message, _ = await house.hear(**{"from": ASHA}, caption="Taj Mahal", **wish)

    image = message["image"]
    bearer = {"Authorization": f"Bearer {house.sandbox.ready.access_token}"}
    async with house.sandbox.session.get(image["url"], headers=bearer) as answer:
        got = await answer.read()
    assert (got == data) is (source == "image_base64")
    assert image == {
        "caption": "Taj Mahal", "mime_type": "image/png" if source == "image_base64" else "image/jpeg",
        "sha256": digest_text(hashlib.sha256(got).digest()), "id": image["id"], "url": image["url"],
    }  # fmt: skip
    assert image["id"].isdigit()


async def test_a_text_is_a_text(house: House, newer: House) -> None:
    message, _ = await house.hear(**{"from": "+255 712 345 678"}, type="text", text="Habari")

    assert without_newer_members(message, house, newer) == {
        "from": ASHA, "id": message["id"], "timestamp": house.stamp, "type": "text", "text": {"body": "Habari"},
    }  # fmt: skip


@pytest.mark.parametrize(("emoji", "told"), [("👍", {"emoji": "👍"}), ("", {}), (None, {})])
async def test_a_reaction_names_its_message_and_its_emoji_unless_it_is_taken_away(
    house: House, newer: House, emoji: str | None, told: dict[str, str]
) -> None:
    wish = {"message_id": "wamid.X"} | ({} if emoji is None else {"emoji": emoji})

    message, _ = await house.hear(**{"from": ASHA}, type="reaction", reaction=wish)

    assert without_newer_members(message, house, newer) == {
        "from": ASHA, "id": message["id"], "timestamp": house.stamp, "type": "reaction",
        "reaction": {"message_id": "wamid.X"} | told,
    }  # fmt: skip


async def test_an_unsupported_message_carries_its_error_and_in_2026_its_kind(house: House, newer: House) -> None:
    message, _ = await house.hear(**{"from": ASHA}, type="unsupported", unsupported={"type": "poll"})
    gone, _ = await house.hear(**{"from": ASHA}, type="unsupported", code=131060)

    kind = {"unsupported": {"type": "poll"}} if house is newer else {}
    assert without_newer_members(message, house, newer) == {
        "from": ASHA, "id": message["id"], "timestamp": house.stamp, "type": "unsupported",
        "errors": [error(131051, "Unsupported message type", "Message type is currently not supported.")], **kind,
    }  # fmt: skip
    assert [one["code"] for one in gone["errors"]] == [131060]
    assert "unsupported" not in gone


async def test_an_image_whose_media_failed_has_an_error_in_place_of_it(house: House, newer: House) -> None:
    message, _ = await house.hear(**{"from": ASHA}, type="failed_image")

    assert without_newer_members(message, house, newer) == {
        "from": ASHA, "id": message["id"], "timestamp": house.stamp, "type": "image",
        "errors": [error(131052, "Media download error", "Failed to download the media from the sender.")],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "context"),
    [
        ({"type": "reply_buttons", "caption": "Pick one"}, {"forwarded": True}),
        ({"type": "reply_buttons", "frequently_forwarded": True}, {"frequently_forwarded": True}),
        ({"forwarded": True}, {"forwarded": True}),
        ({"frequently_forwarded": True}, {"frequently_forwarded": True}),
        ({"reply_to": "wamid.OURS"}, {"from": "15550783881", "id": "wamid.OURS"}),
        ({"reply_to": "wamid.OURS", "forwarded": True},
         {"forwarded": True, "from": "15550783881", "id": "wamid.OURS"}),
    ],
)  # fmt: skip
async def test_the_context_says_where_an_image_comes_from(
    house: House, wish: dict[str, Any], context: dict[str, Any]
) -> None:
    message, _ = await house.hear(**{"from": ASHA}, **wish)

    assert (message["type"], message["context"]) == ("image", context)
    assert message["image"].get("caption") == wish.get("caption")
    assert message["image"]["id"]


async def test_a_reply_to_a_person_names_that_person(house: House) -> None:
    own = await house.speak(**{"from": ASHA})

    message, _ = await house.hear(**{"from": "255787654321"}, reply_to=own)

    assert message["context"] == {"from": ASHA, "id": own}


@pytest.mark.parametrize("referral", [IMAGE_AD, VIDEO_AD, STATUS_AD, POST], ids=["image", "video", "status", "post"])
async def test_an_image_from_an_advertisement_tells_of_it(house: House, referral: dict[str, Any]) -> None:
    message, _ = await house.hear(**{"from": ASHA}, referral=referral)

    assert message["referral"] == referral


async def test_an_edit_shows_the_message_as_it_reads_now(house: House, newer: House) -> None:
    original, _ = await house.hear(**{"from": ASHA}, caption="Taj Mahl")
    text = await house.speak(**{"from": ASHA}, type="text", text="Hbari")

    wish = {"from": ASHA, "type": "edit"}
    message, _ = await house.hear(**wish, original_message_id=original["id"], caption="Taj Mahal")
    reworded, _ = await house.hear(**wish, original_message_id=text, text="Habari")

    image = message["edit"]["message"]["image"]
    digest = base64.b64decode(original["image"]["sha256"]).hex()
    assert without_newer_members(message, house, newer) == {
        "from": ASHA, "id": message["id"], "timestamp": house.stamp, "type": "edit",
        "edit": {"original_message_id": original["id"], "message": {
            "context": {"id": original["id"]}, "type": "image",
            "image": original["image"] | {"caption": "Taj Mahal", "sha256": digest, "url": image["url"]},
        }},
    }  # fmt: skip
    assert reworded["edit"]["message"] == {"context": {"id": text}, "type": "text", "text": {"body": "Habari"}}


async def test_a_revocation_names_the_message_that_is_gone(house: House, newer: House) -> None:
    original = await house.speak(**{"from": ASHA})

    message, _ = await house.hear(**{"from": ASHA}, type="revoke", original_message_id=original)

    assert without_newer_members(message, house, newer) == {
        "from": ASHA, "id": message["id"], "timestamp": house.stamp, "type": "revoke",
        "revoke": {"original_message_id": original},
    }  # fmt: skip


async def test_a_person_who_hides_their_number_is_known_by_user_id_alone(newer: House) -> None:
    message, value = await newer.hear(user_id="US.777", username="sheena", name="Sheena", caption="Taj Mahal")

    assert value["contacts"] == [{"profile": {"name": "Sheena", "username": "sheena"}, "user_id": "US.777"}]
    assert set(message) == {"from_user_id", "id", "timestamp", "type", "image"}
    assert message["from_user_id"] == "US.777"
    (heard,) = await newer.sandbox.wait("inbound", to="US.777")
    assert (heard["from"], heard["user_id"], heard["message_id"]) == (None, "US.777", message["id"])


async def test_a_person_without_a_number_is_answered_by_user_id_while_their_window_is_open(newer: House) -> None:
    await newer.speak(user_id="US.888", username="sheena")
    body = {"messaging_product": "whatsapp", "recipient": "US.888", "type": "text", "text": {"body": "Hello"}}

    status, answer = await newer.sandbox.graph("POST", f"/v24.0/{newer.sandbox.number}/messages", json=body)
    wamid = answer["messages"][0]["id"]
    await newer.sandbox.wait("delivery", wamid=wamid, status="read")
    values = [call.value for call in newer.receiver.of("statuses") if wamid in str(call.value)]

    assert status == 200
    assert answer["contacts"] == [{"input": "US.888", "user_id": "US.888"}]
    assert [value["statuses"][0]["status"] for value in values] == ["sent", "delivered", "read"]
    for value in values:
        (told,) = value["statuses"]
        assert told["recipient_user_id"] == value["contacts"][0]["user_id"] == "US.888"
        assert "recipient_id" not in told
        assert "wa_id" not in value["contacts"][0]
        assert value["contacts"][0]["profile"].get("username") == ("sheena" if told["status"] != "sent" else None)
    (line,) = [item for item in await newer.sandbox.ledger() if item["wamid"] == wamid]
    assert (line["to"], line["recipient"]) == (None, "US.888")


async def test_one_who_shows_their_number_later_is_the_same_person(newer: House) -> None:
    await newer.speak(user_id="US.999", name="Zawadi")

    _, value = await newer.hear(**{"from": "255700000999"}, user_id="US.999")
    hidden, _ = await newer.hear(user_id="US.999")

    assert value["contacts"][0]["profile"]["name"] == "Zawadi"
    assert "from" not in hidden
    (_, last) = await newer.sandbox.wait("inbound", to="255700000999", count="2")
    assert last["message_id"] == hidden["id"]


async def test_a_changed_user_id_is_told_by_a_system_message_that_opens_no_window(newer: House) -> None:
    await newer.speak(user_id="US.111", name="Sheena")
    message, value = await newer.hear(user_id="US.111", type="user_changed_user_id", new_user_id="US.222")
    body = {"messaging_product": "whatsapp", "recipient": "US.222", "type": "text", "text": {"body": "Hello"}}
    _, answer = await newer.sandbox.graph("POST", f"/v24.0/{newer.sandbox.number}/messages", json=body)
    (failed,) = await newer.sandbox.wait("status", wamid=answer["messages"][0]["id"])

    assert "contacts" not in value
    assert message == {
        "from_user_id": "US.111", "id": message["id"], "timestamp": newer.stamp, "type": "system",
        "system": {"type": "user_changed_user_id", "body": "Sheena changed from US.111 to US.222",
                   "user_id": "US.222", "previous_user_id": "US.111"},
    }  # fmt: skip
    assert failed["code"] == 131047


async def test_a_changed_user_id_of_a_number_keeps_the_number(newer: House) -> None:
    await newer.speak(**{"from": "255700000111"}, user_id="US.333")

    message, _ = await newer.hear(**{"from": "255700000111"}, type="user_changed_user_id")
    after, _ = await newer.hear(**{"from": "255700000111"})

    system = message["system"]
    assert (message["from"], message["from_user_id"]) == ("255700000111", "US.333")
    assert (system["wa_id"], system["previous_user_id"]) == ("255700000111", "US.333")
    assert after["from_user_id"] == system["user_id"] != "US.333"


@pytest.mark.parametrize(
    ("kind", "members"),
    [("text", {"text": "x"}), ("reaction", {"reaction": {"message_id": "wamid.X", "emoji": "👍"}}),
     ("unsupported", {}), ("failed_image", {}), ("reply_buttons", {}), ("image", {})],
)  # fmt: skip
async def test_whatever_a_person_sends_opens_the_window(newer: House, kind: str, members: dict[str, Any]) -> None:
    person = f"2557111{len(kind):03}{len(members):02}"
    await newer.speak(**{"from": person}, type=kind, **members)

    _, answer = await newer.sandbox.send_image(to=person, id="1479537139650973")

    await newer.sandbox.wait("status", wamid=answer["messages"][0]["id"], status="delivered")


@pytest.mark.parametrize("data", [b"Habari", picture("JPEG")[:-100]])
async def test_what_no_phone_sends_comes_when_it_shall_come_as_it_is(house: House, data: bytes) -> None:
    caption = "x" * 1025

    message, _ = await house.hear(**{"from": ASHA}, image_base64=coded(data), caption=caption, as_is=True)

    assert message["image"]["sha256"] == digest_text(hashlib.sha256(data).digest())
    assert message["image"]["caption"] == caption


async def test_the_longest_caption_of_a_phone_comes(newer: House) -> None:
    message, _ = await newer.hear(**{"from": ASHA}, caption="\U0001f600" * 1024)

    assert message["image"]["caption"] == "\U0001f600" * 1024


KINDS = (
    "image", "text", "reaction", "unsupported", "failed_image", "reply_buttons", "edit", "revoke",
    "user_changed_user_id",
)  # fmt: skip
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown type": ({"type": "hologram"}, ", ".join(KINDS)),
    "nobody": ({"from": None}, "from"),
    "no phone number": ({"from": "Asha"}, "phone number"),
    "the business itself": ({"from": "15550783881"}, "own number"),
    "no user id": ({"user_id": "Asha"}, "user_id"),
    "no group id": ({"group_id": "12345"}, "group_id"),
    "another number of ours": ({"phone_number_id": "1"}, "phone_number_id"),
    "both ways of forwarding": ({"forwarded": True, "frequently_forwarded": True}, "not both"),
    "two pictures": ({"image_base64": "AAAA", "image_url": "http://127.0.0.1/"}, "one of"),
    "no base64": ({"image_base64": "%"}, "base64"),
    "an empty picture": ({"image_base64": ""}, "bytes"),
    "no picture at all": ({"image_base64": coded(b"Habari")}, "as_is"),
    "a sticker for a picture": ({"image_base64": coded(picture("WEBP"))}, "as_is"),
    "a picture that breaks off": ({"image_base64": coded(picture("JPEG")[:-100])}, "as_is"),
    "too long a caption": ({"caption": "x" * 1025}, "1,024"),
    "a text as it is": ({"type": "text", "text": "x", "as_is": True}, "no as_is"),
    "an address inside": ({"image_url": "http://10.0.0.1/a.png"}, "image_url"),
    "an image with a text": ({"text": "x"}, "no text"),
    "a text without one": ({"type": "text"}, "text"),
    "a text with a picture": ({"type": "text", "text": "x", "image_base64": "AAAA"}, "no image_base64"),
    "a reaction to nothing": ({"type": "reaction"}, "reaction"),
    "a reaction without a message": ({"type": "reaction", "reaction": {"emoji": "x"}}, "message_id"),
    "another error": ({"type": "unsupported", "code": 131000}, "131060"),
    "an edit of nothing": ({"type": "edit"}, "original_message_id"),
    "an edit of another's": ({"type": "edit", "original_message_id": "wamid.X", "caption": "x"}, "from this person"),
    "a misspelt member of an ad": ({"referral": {"source_tpye": "ad"}}, "source_tpye"),
    "an ad of a video with an image": ({"referral": {"media_type": "video", "image_url": "x"}}, "image_url"),
    "an ad of an image with a video": ({"referral": {"media_type": "image", "video_url": "x"}}, "video_url"),
    "an ad of another kind": ({"referral": {"source_type": "rumour"}}, "ad or post"),
    "a member nobody knows": ({"surprise": 1}, "surprise"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_message_that_cannot_be_is_refused_in_a_sentence_and_not_heard(newer: House, name: str) -> None:
    members, words = REFUSED[name]
    everything = {"event": "inbound", "count": "9999", "timeout_s": "0"}
    before = await newer.sandbox.control("GET", "/wait", params=everything)

    status, answer = await newer.sandbox.control("POST", "/inbound", json={"from": ASHA} | members)

    assert status == 400
    assert words in answer["error"]
    assert await newer.sandbox.control("GET", "/wait", params=everything) == before


@pytest.mark.parametrize("members", [{"user_id": USER_ID}, {"from": ASHA, "type": "user_changed_user_id"}])
async def test_what_2025_could_not_say_is_refused_there(older: House, members: dict[str, Any]) -> None:
    status, answer = await older.sandbox.control("POST", "/inbound", json=members)

    assert status == 400
    assert "--dialect 2026" in answer["error"]


@pytest.mark.parametrize(("kind", "seconds"), [("edit", 15 * 60), ("revoke", 2 * 24 * 3600)])
async def test_a_message_can_be_changed_for_a_while_and_no_longer(kind: str, seconds: int) -> None:
    async with listening() as house:
        original = await house.speak(**{"from": ASHA})
        wish = {"from": ASHA, "type": kind, "original_message_id": original}
        await house.sandbox.control("POST", "/clock", json={"advance_s": seconds})

        in_time, _ = await house.sandbox.control("POST", "/inbound", json=wish)
        await house.sandbox.control("POST", "/clock", json={"advance_s": 0.001})
        late, answer = await house.sandbox.control("POST", "/inbound", json=wish)

    assert (in_time, late) == (200, 400)
    assert "too old" in answer["error"]
