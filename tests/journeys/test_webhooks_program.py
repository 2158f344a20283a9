"""`picha webhooks` and the SDK behind it: a webhook is made, tried, watched, mended and removed."""

import json
import re
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.hooks import Hook, saying
from tests.journeys.running import Talk, picture, until
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_keys_program import done

from picha.kit.clock import SystemClock
from picha.sdk import AsyncClient, errors, parse, verify

NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with Hook().listening() as listening:
        yield listening


@pytest.fixture
async def key(picha: Talk) -> str:
    """The key of an app of the test's own, which so has no webhook yet."""
    workspace = (await picha.api("GET", "/karibu/x-api-key")).document["workspace_id"]
    [app] = await done(picha, "apps", "create", secrets.token_hex(4), "--workspace", workspace)
    [made] = await done(picha, "keys", "create", "--app", app["app_id"])
    return str(made["key"])


async def run(picha: Talk, key: str, *words: str) -> tuple[int, str, str]:
    settings = {"PICHA_URL": picha.ready.api_url, "PICHA_API_KEY": key}
    return await picha_command("webhooks", *words, settings=settings)


async def told(picha: Talk, key: str, *words: str) -> Any:
    code, out, err = await run(picha, key, *words, "--json")
    assert (code, err) == (0, ""), (words, out, err)
    return [json.loads(line) for line in out.splitlines()]


async def test_a_webhook_is_added_tried_watched_disabled_and_removed_from_the_command_line(
    picha: Talk, key: str, hook: Hook
) -> None:
    code, out, _ = await run(picha, key, "add", hook.put("/hook"))
    assert code == 0
    [webhook] = [one["webhook_id"] for one in await told(picha, key) if one["url"] == hook.url + "/hook"]
    assert webhook in out
    signed_with = re.search(r"signed with (whsec_\S+)", out)
    assert signed_with

    code, out, _ = await run(picha, key, "test", webhook)

    assert (code, re.search(r"^status +delivered$", out, re.MULTILINE) is not None) == (0, True)
    [call] = hook.of("/hook")
    assert parse(verify(call.body, call.headers, signed_with[1])).event == "webhook.test"
    [listed] = await told(picha, key, "deliveries", webhook)
    [shown] = await told(picha, key, "delivery", webhook, listed["delivery_id"])
    assert (shown["status"], shown["response_status"]) == ("delivered", 200)
    [about] = await told(picha, key, "show", webhook)
    assert about["stats"]["by_status"] == {"delivered": 1}
    [rotated] = await told(picha, key, "rotate", webhook, "--overlap-hours", "1")
    assert rotated["previous_secret_token"] == signed_with[1] != rotated["secret_token"]
    assert [one["secret_token"] for one in await told(picha, key, "secret", webhook)] == [rotated["secret_token"]]
    for deed, is_enabled in (("disable", False), ("enable", True)):
        assert [one["is_enabled"] for one in await told(picha, key, deed, webhook)] == [is_enabled]
    await told(picha, key, "remove", webhook, "--yes")
    assert webhook not in [one["webhook_id"] for one in await told(picha, key)]


async def test_what_failed_is_seen_and_tried_again(picha: Talk, key: str, hook: Hook) -> None:
    [webhook] = [one["webhook_id"] for one in await told(picha, key, "add", hook.put("/bad", saying(500)))]

    code, out, _ = await run(picha, key, "test", webhook)

    assert (code, re.search(r"^response_status +500$", out, re.MULTILINE) is not None) == (1, True)
    [failed] = await told(picha, key, "deliveries", webhook, "--status", "pending")
    await told(picha, key, "retry", webhook, failed["delivery_id"])

    async def again() -> bool:
        return len(hook.of("/bad")) == 2

    await until(again)
    assert await told(picha, key, "retry", webhook, "--since", "1h") == [{"webhook_id": webhook, "retried": 0}]
    code, _, err = await run(picha, key, "retry", webhook, failed["delivery_id"], "--since", "1h")
    assert (code, "no --since" in err) == (64, True)


async def test_what_is_not_there_is_told_in_a_sentence(picha: Talk, key: str) -> None:
    for words in (("show", NOBODY), ("delivery", NOBODY, NOBODY), ("remove", NOBODY, "--yes"), ("test", NOBODY)):
        code, out, err = await run(picha, key, *words)
        assert (code, out) == (1, ""), words
        assert err.startswith("picha: "), err
        assert "Traceback" not in err
    code, _, err = await run(picha, key, "add", "ftp://example.com/x")
    assert (code, "Traceback" in err) == (1, False)


async def test_the_sdk_does_the_same_and_follows_a_send_to_its_end(picha: Talk, key: str, hook: Hook) -> None:
    async with AsyncClient(picha.ready.api_url, key) as client:
        made = await client.create_webhook(url=hook.put("/hook"))
        with pytest.raises(errors.WebhookExistsError):
            await client.create_webhook(url=hook.put("/other"))
        customer = picha.stranger()
        await picha.hear(customer)
        sent = await client.send_image(to=customer, image=picture(shade=209))
        await client.wait(sent.message_id, until="read")

        async def delivered() -> bool:
            found = [one async for one in client.deliveries(made.webhook_id, status="delivered", page_size=2)]
            return {"whatsapp.received", "whatsapp.sent", "whatsapp.read"} <= {one.event for one in found}

        await until(delivered)
        assert (await client.webhook(made.webhook_id)).url == made.url
        stats = await client.webhook_stats(made.webhook_id, since=SystemClock().now() - timedelta(hours=1))
        assert stats.total == sum(stats.by_event.values()) >= 3
        moved = await client.change_webhook(made.webhook_id, url=hook.put("/moved"))
        assert moved.url.endswith("/moved")
        tried = await client.try_webhook(made.webhook_id)
        assert (await client.delivery(made.webhook_id, tried.delivery_id)).response_status == 200
        assert (await client.retry_deliveries(made.webhook_id, status="delivered")).retried >= 4
        await client.delete_webhook(made.webhook_id)
        with pytest.raises(errors.WebhookNotFoundError):
            await client.webhook_secret(made.webhook_id)
