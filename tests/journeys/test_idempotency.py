"""An idempotency key: the same request again does nothing, and is answered as the first was."""

import asyncio
import secrets
from typing import Any

import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, Told, picture

IMAGE = "/v1/whatsapp/messages/image"


@pytest.fixture
async def customer(picha: Talk) -> str:
    """A person whose window is open."""
    person = picha.stranger()
    await picha.hear(person, type="text", text="Habari")
    return person


async def ask(picha: Talk, key: str, path: str = IMAGE, **body: Any) -> Told:
    return await picha.api("POST", path, json=body, headers={"Idempotency-Key": key})


async def sent(picha: Talk, customer: str) -> list[Any]:
    """Return all sends to a person."""
    items = (await picha.list(direction="outbound", limit="200")).data["items"]
    return [item for item in items if item["recipient"] == customer]


async def test_fifty_equal_requests_at_once_are_one_message_with_equal_answers(
    picha: Talk, customer: str, host: PictureHost
) -> None:
    key, body = (
        secrets.token_hex(16),
        {"to": customer, "media_url": host.put("/once.png", picture("PNG", shade=61), "image/png")},
    )

    told = await asyncio.gather(*(ask(picha, key, **body) for _ in range(50)))

    assert {one.status for one in told} == {202}
    answers = [dict(one.data) for one in told]
    replays = [one.pop("idempotent_replay", False) for one in answers]
    assert answers == [answers[0]] * 50
    assert sorted(replays) == [False] + [True] * 49
    marked = ["Idempotency-Replayed" in one.headers for one in told]
    assert marked == replays
    assert [one["id"] for one in await sent(picha, customer)] == [answers[0]["message_id"]]
    await picha.becomes(answers[0]["message_id"], "read")
    again = await ask(picha, key, **body)
    assert {**answers[0], "idempotent_replay": True} == again.data


async def test_a_key_that_is_used_for_something_else_is_refused_and_nothing_is_sent(picha: Talk, customer: str) -> None:
    key, file_id = secrets.token_hex(16), (await picha.upload(picture("PNG", shade=62))).data["file_id"]
    first = await ask(picha, key, to=customer, file_id=file_id)

    other = await ask(picha, key, to=customer, file_id=file_id, caption="Another")

    assert (first.status, other.status, other.error["code"]) == (202, 422, "IDEMPOTENCY_KEY_REUSED")
    assert len(await sent(picha, customer)) == 1


async def test_fields_that_are_null_unknown_or_in_another_order_are_the_same_request(
    picha: Talk, customer: str
) -> None:
    key, file_id = secrets.token_hex(16), (await picha.upload(picture("PNG", shade=63))).data["file_id"]
    await ask(picha, key, to=customer, file_id=file_id)

    again = await ask(picha, key, file_id=file_id, caption=None, shade="blue", to=customer)

    assert again.data["idempotent_replay"] is True


async def test_what_is_refused_is_not_kept(picha: Talk) -> None:
    key, stranger = secrets.token_hex(16), picha.stranger()
    file_id = (await picha.upload(picture("PNG", shade=64))).data["file_id"]
    refused = await ask(picha, key, to=stranger, file_id=file_id)
    await picha.hear(stranger, type="text", text="Habari")

    accepted = await ask(picha, key, to=stranger, file_id=file_id)

    assert (refused.error["code"], accepted.status) == ("WINDOW_CLOSED", 202)
    assert "idempotent_replay" not in accepted.data


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "caf\u00e9"])
async def test_what_is_not_one_word_of_visible_ascii_is_no_key(picha: Talk, customer: str, key: str) -> None:
    file_id = (await picha.upload(picture("PNG", shade=65))).data["file_id"]

    told = await ask(picha, key, to=customer, file_id=file_id)

    assert (told.status, told.error["code"], told.error["field"]) == (422, "VALIDATION_ERROR", "Idempotency-Key")


@pytest.mark.parametrize("key", ["~", "!" * 255])
async def test_a_key_has_one_to_255_characters(picha: Talk, customer: str, key: str) -> None:
    file_id = (await picha.upload(picture("PNG", shade=65))).data["file_id"]

    assert (await ask(picha, key, to=customer, file_id=file_id)).status == 202


async def test_a_send_with_preflight_is_replayed_without_a_second_look_at_its_picture(
    picha: Talk, customer: str, host: PictureHost
) -> None:
    key, url = secrets.token_hex(16), host.put("/look.png", picture("PNG", shade=66), "image/png")
    first = await ask(picha, key, to=customer, media_url=url, preflight=True)

    again = await ask(picha, key, to=customer, media_url=url, preflight=True)

    assert (first.status, again.data["message_id"]) == (202, first.data["message_id"])
    assert host.visits["/look.png"] == 1


async def test_an_upload_is_kept_once_and_other_bytes_under_its_key_are_refused(picha: Talk) -> None:
    key = secrets.token_hex(16)
    first = await picha.upload(picture("PNG", shade=67), once=key)

    again = await picha.upload(picture("PNG", shade=67), once=key)
    other = await picha.upload(picture("PNG", shade=68), once=key)

    assert (first.status, again.status) == (201, 201)
    assert {**first.data, "idempotent_replay": True} == again.data
    assert other.error["code"] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_cancel_and_a_pause_answer_again_what_they_answered_first(picha: Talk, customer: str) -> None:
    senders = (await picha.api("GET", "/v1/whatsapp/senders")).document
    number = next(one["id"] for one in senders if one["phone_number_id"] == picha.ready.phone_number_id)
    pause, resume = (f"/v1/whatsapp/senders/{number}/{verb}" for verb in ("pause", "resume"))
    key = secrets.token_hex(16)
    paused = await ask(picha, key, pause)
    file_id = (await picha.upload(picture("PNG", shade=69))).data["file_id"]
    message = (await ask(picha, secrets.token_hex(16), to=customer, file_id=file_id)).data["message_id"]
    cancelled = await ask(picha, f"{key}c", f"/v1/whatsapp/messages/{message}/cancel")
    await picha.api("POST", resume)

    assert (await ask(picha, f"{key}c", f"/v1/whatsapp/messages/{message}/cancel")).data == {
        **cancelled.data,
        "idempotent_replay": True,
    }
    replayed = await ask(picha, key, pause)
    assert {**paused.document, "idempotent_replay": True} == replayed.document
    state = (await picha.api("GET", f"/v1/whatsapp/senders/{number}")).document["state"]
    assert state != "paused", "a replay pauses nothing"
    assert (await ask(picha, key, resume)).status == 422


async def test_equal_requests_at_once_set_up_one_webhook_and_are_answered_alike(picha: Talk) -> None:
    new = {"app_id": str(picha.ready.app_id), "url": "https://shop.example/hook", "service_type": "email"}
    key = secrets.token_hex(16)

    told = await asyncio.gather(*(ask(picha, key, "/v1/webhooks", **new) for _ in range(20)))

    assert {one.status for one in told} == {201}
    answers = [dict(one.document) for one in told]
    assert sorted(one.pop("idempotent_replay", False) for one in answers) == [False] + [True] * 19
    assert answers == [answers[0]] * 20
    await picha.api("DELETE", f"/v1/webhooks/{answers[0]['webhook_id']}")
