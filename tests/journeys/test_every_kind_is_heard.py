"""Everything that the sandbox can let a business hear, sent at a running gateway: nothing lost, nothing broken."""

from typing import Any

import pytest
from tests.journeys.running import Talk, picture, until

GROUP = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD"


async def window(talk: Talk, message: Any) -> Any:
    return (await talk.api("GET", f"/v1/whatsapp/conversations/{message['conversation_id']}")).data["window"]


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"text": "Habari"}, {}),
    "reaction": (
        {"reaction": {"message_id": "wamid.X", "emoji": "👍"}},
        {"reaction": {"message_id": "wamid.X", "emoji": "👍"}},
    ),
    "unsupported": ({"unsupported": {"type": "poll"}}, {"unsupported": {"type": "poll"}}),
    "failed_image": ({}, {}),
    "reply_buttons": ({}, {}),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_of_each_kind_is_kept_with_what_it_tells_and_opens_the_window(picha: Talk, kind: str) -> None:
    members, kept = KINDS[kind]

    message = await picha.hear(picha.stranger(), type=kind, **members)

    found = message["content"]["facts"]
    if kind == "text":
        assert message["content"]["body"] == members["text"]
    assert message["message_type"] == ("image" if kind in ("failed_image", "reply_buttons") else kind)
    assert found.items() >= kept.items()
    assert message["content"]["state"] == {"failed_image": "unavailable", "reply_buttons": "stored"}.get(kind)
    codes = [error["code"] for error in found.get("errors", [])]
    assert codes == {"failed_image": [131052], "unsupported": [131051]}.get(kind, [])
    assert (await window(picha, message))["open"] is True


async def test_an_edit_and_a_revocation_name_what_they_change(picha: Talk) -> None:
    customer = picha.stranger()
    photo = await picha.hear(customer, caption="Habri")
    original = photo["provider_message_id"]

    edit = await picha.hear(customer, type="edit", original_message_id=original, caption="Habari")
    revoke = await picha.hear(customer, type="revoke", original_message_id=original)

    found = edit["content"]["facts"]
    assert (edit["message_type"], revoke["message_type"]) == ("edit", "revoke")
    assert found["edit"]["original_message_id"] == original
    assert found["edit"]["message"]["image"]["caption"] == "Habari"
    assert revoke["content"]["facts"] == {"revoke": {"original_message_id": original}}
    assert {one["conversation_id"] for one in (photo, edit, revoke)} == {photo["conversation_id"]}


async def test_a_person_known_by_user_id_alone_is_one_contact(picha: Talk) -> None:
    who = {"user_id": "TZ.9001", "username": "zawadi", "name": "Zawadi"}
    first = await picha.control("POST", "/inbound", json=who)
    second = await picha.control("POST", "/inbound", json=who | {"from": picha.stranger()})

    async def come() -> list[Any]:
        items = (await picha.list(direction="inbound", limit="200")).data["items"]
        wamids = {first["message_id"], second["message_id"]}
        found = [item for item in items if item["provider_message_id"] in wamids]
        return found if len(found) == len(wamids) else []

    messages = await until(come)
    assert len({message["conversation_id"] for message in messages}) == 1
    assert {message["contact_profile_name"] for message in messages} == {"Zawadi"}


async def test_what_is_written_in_a_group_stands_in_the_groups_conversation_and_opens_no_window(picha: Talk) -> None:
    writer = picha.stranger()
    own = await picha.hear(writer)
    messages = [await picha.hear(who, group_id=GROUP) for who in (writer, picha.stranger())]

    assert {message["group_id"] for message in messages} == {GROUP}
    assert messages[0]["recipient"] == writer
    [conversation] = {message["conversation_id"] for message in messages}
    assert conversation != own["conversation_id"]
    seen = (await picha.api("GET", f"/v1/whatsapp/conversations/{conversation}")).data
    assert (seen["recipient_phone"], seen["contact"]["group_id"], seen["window"]["open"]) == (None, GROUP, False)
    refused = await picha.send(conversation_id=conversation, media_url="https://shop.example/a.jpg")
    assert (refused.status, refused.error["code"], refused.error["field"]) == (
        422,
        "VALIDATION_ERROR",
        "conversation_id",
    )


async def test_news_of_a_person_is_kept_with_what_changed(picha: Talk) -> None:
    customer = picha.stranger()
    await picha.control("POST", "/inbound", json={"from": customer, "user_id": "TZ.9100"})

    message = await picha.hear(customer, type="user_changed_user_id", new_user_id="TZ.9101")

    found = message["content"]["facts"]
    assert message["message_type"] == "system"
    assert (found["system"]["previous_user_id"], found["system"]["user_id"]) == ("TZ.9100", "TZ.9101")


async def test_who_moves_to_another_number_keeps_their_conversation_and_is_answered_there(picha: Talk) -> None:
    old, new = picha.stranger(), picha.stranger()
    first = await picha.hear(old)
    await picha.control("POST", f"/people/{old}/change-number", json={"to": new})

    second = await picha.hear(new)
    sent = await picha.send(to=new, file_id=(await picha.upload(picture())).data["file_id"])

    assert second["conversation_id"] == first["conversation_id"] == sent.data["conversation_id"]
    await picha.becomes(sent.data["message_id"], "delivered", "read")
    assert [item["to"] for item in await picha.ledger() if item["to"] in (old, new)] == [new]


async def test_a_reply_to_who_is_known_by_a_user_id_alone_goes_to_that(picha: Talk) -> None:
    said = await picha.control("POST", "/inbound", json={"user_id": "TZ.70001", "name": "Neema"})

    async def come() -> Any:
        items = (await picha.list(direction="inbound")).data["items"]
        return next((item for item in items if item["provider_message_id"] == said["message_id"]), None)

    heard = await until(come)
    file = (await picha.upload(picture(shade=71))).data["file_id"]
    sent = await picha.send(conversation_id=heard["conversation_id"], file_id=file)

    await picha.becomes(sent.data["message_id"], "delivered", "read")
    [item] = [item for item in await picha.ledger() if item["recipient"] == "TZ.70001"]
    assert item["to"] is None


async def test_what_the_business_sends_from_its_phone_is_listed_as_sent_with_its_picture(picha: Talk) -> None:
    customer = picha.stranger()
    heard = await picha.hear(customer)
    wish = {"to": customer, "type": "image", "caption": "From the shop's phone"}
    echo = await picha.control("POST", "/echo", json=wish)

    async def come() -> Any:
        items = (await picha.list(direction="outbound", conversation_id=heard["conversation_id"])).data["items"]
        found = [item for item in items if item["provider_message_id"] == echo["message_id"]]
        return next((item for item in found if item["content"]["state"] == "stored"), None)

    message = await until(come)
    assert (message["is_echo"], message["status"], message["attempts"]) == (True, "sent", 0)
    assert (message["content"]["caption"], message["recipient"]) == ("From the shop's phone", customer)
    assert (await picha.call("GET", message["content"]["url"])).status == 200
    story = await picha.story(message["id"])
    assert [moment["kind"] for moment in story] == ["decision", "evidence"]
    assert story[0]["text"].startswith("Heard that the business sent it")


async def test_an_error_of_the_number_is_listed_with_what_to_do(picha: Talk) -> None:
    details = f"Too many to {picha.stranger()}."
    await picha.control("POST", "/errors", json={"code": 130429, "details": details})

    async def come() -> Any:
        items = (await picha.api("GET", "/v1/whatsapp/notices")).data["items"]
        return next((item for item in items if details.rstrip(".") in (item["detail"] or "")), None)

    notice = await until(come)
    assert (notice["field"], notice["code"]) == ("errors", 130429)
    assert notice["value"]["error_data"]["details"] == details
    [sender] = (await picha.api("GET", "/v1/whatsapp/senders")).document
    assert notice["sender_id"] == sender["id"]
    of_it = await picha.api("GET", "/v1/whatsapp/notices", params={"sender_id": sender["id"], "limit": "1"})
    assert len(of_it.data["items"]) == 1
    assert (await picha.api("GET", "/v1/whatsapp/notices", params={"sender_id": "x"})).status == 422
