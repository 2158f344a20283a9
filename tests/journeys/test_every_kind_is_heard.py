"""Everything that the sandbox can let a business hear, sent at a running gateway: nothing lost, nothing broken."""

from typing import Any

import psycopg
import pytest
from tests.journeys.running import Talk, until

from picha.gateway.store.embedded import EmbeddedPostgres

GROUP = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOToxMjAzNjM0MDQ2OTQyMzM4MjAZD"


async def facts(talk: Talk, wamid: str) -> Any:
    """Return what is kept of a message beside its caption; only the database tells."""
    async with await psycopg.AsyncConnection.connect(EmbeddedPostgres(talk.house.home).dsn) as connection:
        rows = await connection.execute("SELECT facts FROM message WHERE provider_message_id = %s", [wamid])
        row = await rows.fetchone()
    assert row is not None
    return row[0]


async def aside(talk: Talk, mark: str) -> list[str]:
    """Return why what contains `mark` was put aside, once it is."""

    async def look() -> list[str]:
        async with await psycopg.AsyncConnection.connect(EmbeddedPostgres(talk.house.home).dsn) as connection:
            rows = await connection.execute("SELECT reason, item FROM quarantine")
            return [reason async for reason, item in rows if mark.encode() in item]

    return await until(look)


async def window(talk: Talk, message: Any) -> Any:
    return (await talk.api("GET", f"/v1/whatsapp/conversations/{message['conversation_id']}")).data["window"]


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"text": "Habari"}, {"text": "Habari"}),
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

    found = await facts(picha, message["provider_message_id"])
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

    found = await facts(picha, edit["provider_message_id"])
    assert (edit["message_type"], revoke["message_type"]) == ("edit", "revoke")
    assert found["edit"]["original_message_id"] == original
    assert found["edit"]["message"]["image"]["caption"] == "Habari"
    assert await facts(picha, revoke["provider_message_id"]) == {"revoke": {"original_message_id": original}}
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


async def test_a_message_to_a_group_opens_no_window_of_its_writer(picha: Talk) -> None:
    message = await picha.hear(picha.stranger(), group_id=GROUP)

    assert (await facts(picha, message["provider_message_id"]))["group_id"] == GROUP
    assert (await window(picha, message))["open"] is False


async def test_news_of_a_person_is_kept_with_what_changed(picha: Talk) -> None:
    customer = picha.stranger()
    await picha.control("POST", "/inbound", json={"from": customer, "user_id": "TZ.9100"})

    message = await picha.hear(customer, type="user_changed_user_id", new_user_id="TZ.9101")

    found = await facts(picha, message["provider_message_id"])
    assert message["message_type"] == "system"
    assert (found["system"]["previous_user_id"], found["system"]["user_id"]) == ("TZ.9100", "TZ.9101")


async def test_what_nobody_wrote_is_put_aside_with_its_reason_and_disturbs_nobody(picha: Talk) -> None:
    customer = picha.stranger()
    echo = await picha.control("POST", "/echo", json={"to": customer, "type": "text", "text": "Karibu"})
    await picha.control("POST", "/errors", json={"code": 130429, "details": f"Too many to {customer}."})

    reasons = await aside(picha, echo["message_id"]) + await aside(picha, f"Too many to {customer}.")
    after = await picha.hear(customer, caption="Still here")

    assert reasons == ["Kept for a person to look at: nothing here acts on this kind of update."] * 2
    assert after["content"]["caption"] == "Still here"
