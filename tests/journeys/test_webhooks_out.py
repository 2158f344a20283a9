"""A program that registers a webhook is told of all that happens, signed so that anybody can check it."""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.hooks import Call, Hook, saying
from tests.journeys.hosting import PictureHost
from tests.journeys.running import Talk, Told, picture, until
from tests.journeys.test_keys_program import done, made

from picha.karibu import signature
from picha.sdk import parse, verify

pytestmark = pytest.mark.timeout(180)
PATH = "/v1/webhooks"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with Hook().listening() as listening:
        yield listening


class Owner:
    """An app of its own in the shared house, with a key: so it can have a webhook that no other test has."""

    def __init__(self, talk: Talk, app_id: str, key: str) -> None:
        self.talk, self.app_id, self.key = talk, app_id, key

    async def call(self, method: str, path: str, **request: Any) -> Told:
        return await self.talk.api(method, PATH + path, key=self.key, **request)

    async def registers(self, url: str, **more: Any) -> Any:
        told = await self.call("POST", "/", json={"app_id": self.app_id, "service_type": "whatsapp", "url": url} | more)
        assert told.status == 201, told.body
        return told.document

    async def sends(self, host: PictureHost) -> str:
        """Send a picture to somebody new."""
        customer = self.talk.stranger()
        await self.talk.hear(customer)
        body = {"to": customer, "media_url": host.put("/a.jpg", picture()), "client_reference": "order 7"}
        told = await self.talk.api("POST", "/v1/whatsapp/messages/image", key=self.key, json=body)
        message: str = told.data["message_id"]
        return message

    async def deliveries(self, webhook: str, **query: str) -> Any:
        told = await self.call("GET", f"/{webhook}/deliveries", params=query)
        assert told.status == 200, told.body
        return told.document["items"]


@pytest.fixture
async def owner(picha: Talk) -> Owner:
    words = ("apps", "create", secrets.token_hex(4))
    workspace = (await picha.api("GET", "/karibu/x-api-key")).document["workspace_id"]
    [app] = await done(picha, *words, "--workspace", workspace)
    [key] = await done(picha, "keys", "create", "--app", app["app_id"])
    return Owner(picha, app["app_id"], key["key"])


def recipes() -> dict[str, Any]:
    """Return the functions of the documentation, as a reader would paste them."""
    text, made = Path(__file__).parents[2].joinpath("docs", "webhooks.md").read_text(encoding="utf-8"), dict[str, Any]()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, made)
    return made


def of_message(calls: list[Call], message: str) -> list[Call]:
    return [one for one in calls if one.document["data"].get("message_id") == message]


async def comes(hook: Hook, count: int, path: str = "/hook") -> list[Call]:
    async def enough() -> list[Call] | None:
        return hook.of(path) if len(hook.of(path)) >= count else None

    return await until(enough)


async def test_a_send_is_told_from_sent_to_read_and_every_recipe_of_verifying_agrees(
    owner: Owner, hook: Hook, host: PictureHost
) -> None:
    webhook = await owner.registers(hook.put("/hook"))
    assert webhook["secret_token"] == "********"
    told = await owner.call("GET", f"/{webhook['webhook_id']}/secret")
    secret, public_key = told.document["secret_token"], told.document["public_key"]
    message = await owner.sends(host)

    async def read() -> list[Call] | None:
        calls = of_message(hook.of("/hook"), message)
        return calls if {"whatsapp.sent", "whatsapp.delivered", "whatsapp.read"} <= {c.event for c in calls} else None

    calls = await until(read)

    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 32
    documented = recipes()
    for call in calls:
        event = standardwebhooks.Webhook(secret).verify(call.body, dict(call.headers))
        assert documented["parse"](secret, call.body, dict(call.headers)) == event
        assert documented["is_genuine"](secret, call.body, dict(call.headers))
        assert not documented["is_genuine"](secret, call.body + b" ", dict(call.headers))
        assert event["event_id"] == call.headers["webhook-id"]
        assert (event["app_id"], event["service_type"]) == (owner.app_id, "whatsapp")
        right = hmac.new(secret.encode(), call.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(call.headers["X-Briq-Signature"], f"sha256={right}")
        assert parse(verify(call.body, call.headers, secret)).event_id == event["event_id"]
        verify_v1a(public_key, call)
        assert call.headers["Content-Type"] == "application/json"
        assert call.headers["X-Briq-Service-Type"] == "whatsapp"
        assert call.headers["X-Briq-App-ID"] == owner.app_id
        data = event["data"]
        assert (data["message_id"], data["client_reference"]) == (message, "order 7")
        assert data["provider_message_id"].startswith("wamid.")
        assert f"whatsapp.{data['status']}" == event["event"]
    assert sorted(call.document["data"]["sequence"] for call in calls) == [1, 2, 3]


def verify_v1a(public_key: str, call: Call) -> None:
    """Check an Ed25519 signature as Standard Webhooks describes it."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    [written] = [one for one in call.headers["webhook-signature"].split(" ") if one.startswith("v1a,")]
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    key.verify(base64.b64decode(written.removeprefix("v1a,")), signed)


async def test_a_photo_that_comes_in_is_told_with_a_link_that_opens(owner: Owner, hook: Hook) -> None:
    await owner.registers(hook.put("/hook"))
    heard = await owner.talk.hear(owner.talk.stranger(), caption="Do you have this one?")

    async def told() -> Call | None:
        calls = [one for one in hook.of("/hook") if one.document["data"].get("id") == heard["id"]]
        return calls[0] if calls else None

    call = await until(told)

    data = call.document["data"]
    assert (call.event, data["is_outbound"], data["content"]["caption"]) == (
        "whatsapp.received", False, "Do you have this one?",
    )  # fmt: skip
    assert {"contact_profile_name", "message_id"} <= set(data)
    opened = await owner.talk.api("GET", data["content"]["url"], key=None)
    assert hashlib.sha256(opened.body).hexdigest() == data["content"]["sha256"]


async def test_a_receiver_that_is_down_is_told_again_and_a_retry_does_not_wait_for_that(
    owner: Owner, hook: Hook
) -> None:
    hook.put("/hook", saying(503, "starting"))
    webhook = (await owner.registers(hook.url + "/hook"))["webhook_id"]
    tested = await owner.call("POST", f"/{webhook}/test")
    assert tested.status == 202
    delivery = tested.document["delivery_id"]
    assert (tested.document["event"], tested.document["payload"]["data"]["webhook_id"]) == ("webhook.test", webhook)

    async def failed() -> Any:
        one = (await owner.call("GET", f"/{webhook}/deliveries/{delivery}")).document
        return one if one["attempts"] else None

    one = await until(failed)
    assert (one["status"], one["response_status"], one["response_body"]) == ("pending", 503, "starting")
    assert one["error"] == "The server answered 503; any 2xx says that it arrived."
    assert one["next_attempt_at"] > one["last_attempt_at"]
    assert (await owner.call("GET", f"/{webhook}")).document["failing_since"] is not None
    hook.put("/hook", saying(200, "thank you"))
    again = await owner.call("POST", f"/{webhook}/deliveries/{delivery}/retry")

    async def delivered() -> Any:
        one = (await owner.call("GET", f"/{webhook}/deliveries/{delivery}")).document
        return one if one["status"] == "delivered" else None

    one = await until(delivered)
    assert again.status == 202
    assert (one["response_body"], one["error"], one["next_attempt_at"]) == ("thank you", None, None)
    assert len({call.headers["webhook-id"] for call in hook.of("/hook")}) == 1
    stats = (await owner.call("GET", f"/{webhook}/stats")).document
    assert set(stats) >= {"webhook_id", "since", "total", "by_status", "by_event"}
    assert stats["by_event"]["webhook.test"] == 1
    assert [one["delivery_id"] for one in await owner.deliveries(webhook, event="webhook.test")] == [delivery]
    assert await owner.deliveries(webhook, event="webhook.test", status="failed") == []


async def test_all_that_failed_is_delivered_again(owner: Owner, hook: Hook) -> None:
    webhook = (await owner.registers(hook.put("/hook", saying(500))))["webhook_id"]
    for _ in range(3):
        await owner.call("POST", f"/{webhook}/test")
    await comes(hook, 3)
    hook.put("/hook", saying(200))

    # What failed a moment ago is pending; it has not failed for good.
    assert (await owner.call("POST", f"/{webhook}/retry")).document == {
        "webhook_id": webhook, "retried": 0, "is_whole": True,
    }  # fmt: skip
    ever = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59.999999Z"}
    assert (await owner.call("POST", f"/{webhook}/retry", json=ever)).status == 202
    told = await owner.call("POST", f"/{webhook}/retry", json={"status": "pending", "since": "2026-01-01T00:00:00Z"})

    async def all_delivered() -> bool:
        return {one["status"] for one in await owner.deliveries(webhook)} == {"delivered"}

    assert told.status == 202
    await until(all_delivered)


async def test_a_secret_rotates_and_both_are_good_until_the_overlap_ends(owner: Owner, hook: Hook) -> None:
    mine = "a secret that I have chosen"
    webhook = (await owner.registers(hook.put("/hook"), secret_token=mine))["webhook_id"]
    once = {"Idempotency-Key": secrets.token_hex(8)}

    rotated = await owner.call("POST", f"/{webhook}/secret/rotate", json={"overlap_hours": 1}, headers=once)
    again = await owner.call("POST", f"/{webhook}/secret/rotate", json={"overlap_hours": 1}, headers=once)

    assert rotated.status == again.status == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert mine not in rotated.body.decode()
    told = (await owner.call("GET", f"/{webhook}/secret")).document
    assert told["previous_secret_token"] == mine
    assert told["previous_secret_until"] == rotated.document["previous_secret_until"]
    await owner.call("POST", f"/{webhook}/test")
    [call] = await comes(hook, 1)
    standardwebhooks.Webhook(told["secret_token"]).verify(call.body, dict(call.headers))
    standardwebhooks.Webhook(mine.encode()).verify(call.body, dict(call.headers))
    assert call.headers["X-Briq-Signature"] == signature.sign(told["secret_token"], call.body)
    assert call.headers["X-Briq-Signature-Previous"] == signature.sign(mine, call.body)


async def test_one_receiver_that_hangs_holds_up_no_other(owner: Owner, picha: Talk, hook: Hook) -> None:
    hook.put("/hang", hook.hang)
    hanging = (await owner.registers(hook.url + "/hang"))["webhook_id"]
    for _ in range(20):
        await owner.call("POST", f"/{hanging}/test")
    await comes(hook, 1, "/hang")
    workspace = (await picha.api("GET", "/karibu/x-api-key")).document["workspace_id"]
    [app] = await done(picha, "apps", "create", secrets.token_hex(4), "--workspace", workspace)
    [key] = await done(picha, "keys", "create", "--app", app["app_id"])
    other = Owner(picha, app["app_id"], key["key"])
    well = (await other.registers(hook.put("/well")))["webhook_id"]

    async with asyncio.timeout(10):
        for _ in range(20):
            await other.call("POST", f"/{well}/test")
        await comes(hook, 20, "/well")

    await owner.call("DELETE", f"/{hanging}")


async def test_gone_is_told_at_the_webhook_and_in_the_feed(owner: Owner, hook: Hook) -> None:
    webhook = (await owner.registers(hook.put("/hook", saying(410))))["webhook_id"]
    await owner.call("POST", f"/{webhook}/test")

    async def disabled() -> Any:
        shown = (await owner.call("GET", f"/{webhook}")).document
        return None if shown["is_enabled"] else shown

    shown = await until(disabled)

    assert shown["disabled_for"] == "gone"
    feed = (await owner.talk.api("GET", "/v1/events", key=owner.key, params={"limit": "1000"})).data["items"]
    [news] = [one for one in feed if one["event"] == "webhook.disabled"]
    assert (news["data"]["webhook_id"], news["data"]["reason"]) == (webhook, "gone")
    assert (news["app_id"], "410" in news["data"]["detail"]) == (owner.app_id, True)


async def test_what_is_asked_for_wrongly_is_refused_with_a_sentence(owner: Owner, picha: Talk, hook: Hook) -> None:
    good = {"app_id": owner.app_id, "service_type": "whatsapp", "url": hook.put("/hook")}

    async def refusal(status: int, method: str = "POST", path: str = "/", /, **body: Any) -> str:
        told = await owner.call(method, path, json=body)
        assert told.status == status, told.body
        assert list(told.document) == ["detail"]
        detail: str = told.document["detail"]
        return detail

    webhook = (await owner.registers(good["url"]))["webhook_id"]
    assert "already" in await refusal(400, **good)
    assert "no app" in await refusal(404, **good | {"app_id": NOBODY})
    wrong: dict[str, tuple[Any, ...]] = {
        "app_id": ("x", 7), "service_type": ("fax", "WhatsApp"),
        "secret_token": ("x" * 15, "x" * 256, "a\nb" * 9, "\0" * 20),
        "url": ("", "http://10.0.0.1/", "http://a b/", "ftp://example.com/", "https://u:p@example.com", "x" * 2084),
        "include_inbox": ("yes",),
    }  # fmt: skip
    for field, values in wrong.items():
        for value in values:
            assert field in await refusal(422, **good | {"service_type": "sms", field: value})
    for path, body in (
        (f"/{webhook}/secret/rotate", {"overlap_hours": 169}), (f"/{webhook}/secret/rotate", {"overlap_hours": -1}),
        (f"/{webhook}/retry", {"since": "yesterday"}), (f"/{webhook}/retry", {"since": "0001-01-01T00:00:00+23:59"}),
        (f"/{webhook}/retry", {"status": "all"}),
    ):  # fmt: skip
        assert next(iter(body)) in await refusal(422, "POST", path, **body)
    assert "is_enabled" in await refusal(422, "PATCH", f"/{webhook}", is_enabled="no")
    for query in ({"status": "lost"}, {"event": "sent"}, {"event": "webhook.read"}, {"limit": "0"}, {"offset": "-1"}):
        told = await owner.call("GET", f"/{webhook}/deliveries", params=query)
        assert (told.status, next(iter(query)) in told.document["detail"]) == (422, True)
    for method, path in (
        ("GET", f"/{NOBODY}"), ("PATCH", f"/{NOBODY}"), ("DELETE", f"/{NOBODY}"), ("GET", f"/{NOBODY}/secret"),
        ("GET", f"/{NOBODY}/stats"), ("POST", f"/{NOBODY}/test"), ("POST", f"/{NOBODY}/retry"),
        ("GET", f"/{NOBODY}/deliveries"), ("GET", f"/{webhook}/deliveries/{NOBODY}"), ("GET", "/app/nobody"),
        ("POST", f"/{webhook}/deliveries/{NOBODY}/retry"), ("POST", f"/{NOBODY}/secret/rotate"), ("GET", "/x"),
    ):  # fmt: skip
        await refusal(404, method, path)
    longest = await owner.call(
        "PATCH", f"/{webhook}", json={"secret_token": "x" * 255, "url": f"{hook.url}/{'x' * 2000}"}
    )
    assert longest.status == 200
    reader = await made(picha, "--scope", "read")
    told = await picha.api("GET", f"{PATH}/{webhook}/secret", key=reader["key"])
    assert (told.status, "manage" in told.document["detail"]) == (403, True)
