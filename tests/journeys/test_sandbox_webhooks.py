import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, Receiver, SandboxProgram, running, telling

from picha.cloudapi import signature
from picha.cloudapi.media import digest_text

OVERRIDE = {"override_callback_uri": "URL", "verify_token": "shaken"}


@pytest.fixture
async def sandbox(receiver: Receiver) -> AsyncIterator[SandboxProgram]:
    async with telling(receiver, "--ladder", "0,0,0") as program:
        yield program


async def test_every_status_comes_signed_one_a_post_with_its_length(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)

    calls = await receiver.until(3)

    assert [call.value["statuses"][0]["status"] for call in calls] == ["sent", "delivered", "read"]
    for call in calls:
        assert len(call.value["statuses"]) == 1
        assert call.value["statuses"][0]["id"] == answer["messages"][0]["id"]
        expected = hmac.new(sandbox.ready.app_secret.encode(), call.body, hashlib.sha256).hexdigest()
        assert call.headers[signature.HEADER] == f"sha256={expected}"
        assert call.headers["Content-Length"] == str(len(call.body))
        assert call.headers["Content-Type"] == "application/json"


async def test_the_body_is_escaped_as_metas_is(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await sandbox.control("POST", "/inbound", json={"from": "255712345678", "caption": "é <50%> a/b @c 😀"})

    calls = await receiver.until(2, kind="messages")

    body = calls[1].body
    assert body.isascii()
    assert rb'"caption":"\u00e9 \u003C50\u0025> a\/b \u0040c \ud83d\ude00"' in body
    assert calls[1].value["messages"][0]["image"]["caption"] == "é <50%> a/b @c 😀"


async def test_an_inbound_image_says_what_the_reference_says_and_can_be_downloaded(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    asked = {
        "from": "+255 712 345 678",
        "name": "Asha",
        "caption": "Taj Mahal",
        "frequently_forwarded": True,
        "identity_key_hash": "DF2lS5v2W6x=",
        "referral": {"source_type": "ad", "source_id": "120226305854810726", "welcome_message": {"text": "Hi there!"}},
    }

    _, heard = await sandbox.control("POST", "/inbound", json=asked)

    (value,) = [call.value for call in await receiver.until(2, kind="messages") if "Asha" in call.body.decode()]
    (message,) = value["messages"]
    assert message["id"] == heard["message_id"]
    assert (message["from"], message["type"]) == ("255712345678", "image")
    assert message["context"] == {"frequently_forwarded": True}
    assert message["referral"] == asked["referral"]
    assert value["metadata"] == {"display_phone_number": "15550783881", "phone_number_id": sandbox.number}
    (contact,) = value["contacts"]
    assert (contact["wa_id"], contact["profile"]["name"]) == ("255712345678", "Asha")
    assert contact["identity_key_hash"] == "DF2lS5v2W6x="
    assert re.fullmatch(r"US\.\d+", contact["user_id"])
    assert message["from_user_id"] == contact["user_id"]
    bearer = {"Authorization": f"Bearer {sandbox.ready.access_token}"}
    async with sandbox.session.get(message["image"]["url"], headers=bearer) as answer:
        data = await answer.read()
    assert message["image"]["sha256"] == digest_text(hashlib.sha256(data).digest())
    status, described = await sandbox.graph("GET", f"/v24.0/{message['image']['id']}")
    assert (status, described["mime_type"]) == (200, "image/jpeg")


async def test_the_superset_names_people_on_every_status_failed_ones_too(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    await sandbox.send_image(id=DOCUMENTED_MEDIA)
    await sandbox.send_image(to="255799999999", id=DOCUMENTED_MEDIA)

    values = [call.value for call in await receiver.until(4)]

    for value in values:
        assert re.fullmatch(r"US\.\d+", value["contacts"][0]["user_id"])
        assert "conversation" not in value["statuses"][0]
    (failed,) = [value["statuses"][0] for value in values if value["statuses"][0]["status"] == "failed"]
    assert "recipient_user_id" not in failed
    (error,) = failed["errors"]
    assert (error["code"], error["title"], error["message"]) == (
        131047,
        "Re-engagement message",
        "Re-engagement message",
    )
    assert "24 hours" in error["error_data"]["details"]


async def test_the_2025_dialect_is_the_reference_word_for_word(receiver: Receiver) -> None:
    arguments = ("--ladder", "0,0,0", "--callback", receiver.url, "--dialect", "2025")
    async with running(*arguments) as sandbox:
        await sandbox.send_image(id=DOCUMENTED_MEDIA)
        (inbound,) = [call.value for call in await receiver.until(1, kind="messages")]
        statuses = [call.value for call in await receiver.until(3)]

    assert inbound["contacts"] == [{"profile": {"name": "Sheena Nelson"}, "wa_id": "16505551234"}]
    assert set(inbound["messages"][0]) == {"from", "id", "timestamp", "type", "image"}
    assert set(inbound["messages"][0]["image"]) == {"caption", "mime_type", "sha256", "id", "url"}
    for value in statuses:
        assert "contacts" not in value
        assert "recipient_user_id" not in value["statuses"][0]
    assert statuses[0]["statuses"][0]["conversation"]["origin"] == {"type": "service"}
    assert "expiration_timestamp" in statuses[0]["statuses"][0]["conversation"]


async def test_callback_data_comes_back_on_every_status(sandbox: SandboxProgram, receiver: Receiver) -> None:
    body = {"messaging_product": "whatsapp", "to": "16505551234", "type": "image", "image": {"id": DOCUMENTED_MEDIA}}
    await sandbox.graph("POST", f"/{sandbox.number}/messages", json=body | {"biz_opaque_callback_data": "order 7"})

    calls = await receiver.until(3)

    assert {call.value["statuses"][0]["biz_opaque_callback_data"] for call in calls} == {"order 7"}
    items = await sandbox.wait("status", callback_data="order 7", count="3")
    assert len(items) == 3


async def test_a_webhook_not_taken_is_tried_again_until_it_is(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await receiver.until(1, kind="messages")
    receiver.answers.extend([500, 404])

    _, heard = await sandbox.control("POST", "/inbound", json={"from": "255712345678"})
    # One and two seconds of back-off: the sandbox's clock makes them pass.
    for count in (2, 3):
        await receiver.until(count, kind="messages")
        await sandbox.control("POST", "/clock", json={"advance_s": 2})

    (delivered,) = await sandbox.wait("delivery", wamid=heard["message_id"])
    assert (delivered["taken"], delivered["attempts"], delivered["http"]) == (True, 3, 200)
    bodies = {call.body for call in receiver.of("messages")[1:]}
    assert len(bodies) == 1


async def test_a_webhook_is_given_up_after_seven_days(sandbox: SandboxProgram, receiver: Receiver) -> None:
    await receiver.until(1, kind="messages")
    receiver.answers.extend([503] * 50)

    _, heard = await sandbox.control("POST", "/inbound", json={"from": "255712345678"})
    await receiver.until(2, kind="messages")
    await sandbox.control("POST", "/clock", json={"advance_s": 7 * 86400 + 1})

    (given_up,) = await sandbox.wait("delivery", wamid=heard["message_id"])
    assert (given_up["taken"], given_up["http"]) == (False, 503)


async def test_a_receiver_that_is_down_gets_its_webhooks_when_it_is_up() -> None:
    receiver = Receiver("shaken")
    async with receiver.listening():
        url = receiver.url
    port = int(url.split(":")[2].split("/")[0])
    async with running("--ladder", "0,0,0", "--callback", url) as sandbox:
        await sandbox.send_image(id=DOCUMENTED_MEDIA)
        await sandbox.wait("status", status="read")
        async with receiver.listening(port):
            await sandbox.control("POST", "/clock", json={"advance_s": 60})
            calls = await receiver.until(3)

    assert sorted(call.value["statuses"][0]["status"] for call in calls) == ["delivered", "read", "sent"]


async def test_a_message_that_a_receiver_is_slow_to_take_does_not_hold_the_statuses_of_others(
    sandbox: SandboxProgram, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.gates.append(gate)
    _, slow = await sandbox.control("POST", "/inbound", json={"from": "255712345678", "type": "text", "text": "slow"})

    await asyncio.gather(*(sandbox.send_image(id=DOCUMENTED_MEDIA) for _ in range(20)))
    calls = await receiver.until(30)

    gate.set()
    assert len(calls) >= 30
    await sandbox.wait("delivery", wamid=slow["message_id"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v24.0/106540352242922/", {"webhook_configuration": OVERRIDE}),
        ("/v24.0/102290129340398/subscribed_apps", OVERRIDE),
    ],
)
async def test_an_override_is_shaken_hands_with_and_then_used(
    sandbox: SandboxProgram, path: str, body: dict[str, Any]
) -> None:
    async with Receiver("shaken").listening() as other:
        document = json.loads(json.dumps(body).replace("URL", other.url))

        accepted = await sandbox.graph("POST", path, json=document)
        refused = await sandbox.graph("POST", path, json=json.loads(json.dumps(document).replace("shaken", "wrong")))
        await sandbox.send_image(id=DOCUMENTED_MEDIA)

        calls = await other.until(3)
    assert accepted == (200, {"success": True})
    assert (refused[0], refused[1]["error"]["code"]) == (400, 2200)
    assert "HTTP Status Code = 403" in refused[1]["error"]["message"]
    assert len(calls) == 3


async def test_the_app_registers_itself_with_its_own_token(sandbox: SandboxProgram) -> None:
    ready = sandbox.ready
    query = {"grant_type": "client_credentials", "client_id": ready.app_id, "client_secret": ready.app_secret}
    async with Receiver("mine").listening() as other:
        async with sandbox.session.get(f"{ready.base_url}/v24.0/oauth/access_token", params=query) as answer:
            token = (await answer.json())["access_token"]
        subscription = {
            "object": "whatsapp_business_account", "callback_url": other.url, "verify_token": "mine",
            "fields": "messages", "access_token": token,
        }  # fmt: skip
        url = f"{ready.base_url}/v24.0/{ready.app_id}/subscriptions"
        async with sandbox.session.post(url, params=subscription) as answer:
            told = await answer.json()
        await sandbox.send_image(id=DOCUMENTED_MEDIA)
        calls = await other.until(3)
        async with sandbox.session.get(url, params={"access_token": token}) as answer:
            listed = await answer.json()

    assert token == f"{ready.app_id}|{ready.app_secret}"
    assert told == {"success": True}
    assert len(calls) == 3
    assert listed["data"][0]["callback_url"] == other.url


async def test_a_wrong_app_secret_gets_no_token(sandbox: SandboxProgram) -> None:
    query = {"client_id": sandbox.ready.app_id, "client_secret": "wrong"}

    async with sandbox.session.get(f"{sandbox.ready.base_url}/oauth/access_token", params=query) as answer:
        told = await answer.json()

    assert answer.status == 400
    assert told["error"]["message"] == "Error validating client secret."
