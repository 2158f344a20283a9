"""I11: however often a request comes under one idempotency key, to whichever process, there is one message."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.journeys.running import Told
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened

from picha.cli.household import LOOPBACK, usable_port

pytestmark = pytest.mark.timeout(400)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
TIMES = 25
DIES_AT = ("deed_before_commit", "deed_after_commit")


async def insisted(doors: Sequence[Shop], key: str, body: dict[str, Any]) -> list[Told]:
    """Ask the same at all doors, many times at once."""
    path, headers = "/v1/whatsapp/messages/image", {"Idempotency-Key": key}
    return await asyncio.gather(
        *(door.talk.api("POST", path, json=body, headers=headers) for door in doors for _ in range(TIMES))
    )


def messages(told: Sequence[Told]) -> set[str]:
    """Return the messages that the answers name, all of which must be good ones."""
    assert {one.status for one in told} == {202}
    return {one.data["message_id"] for one in told}


async def test_one_key_at_two_apis_is_one_message_and_an_api_with_a_mistake_is_found_out(sail: Sail) -> None:
    async with sail() as fleet:
        other = usable_port(LOOPBACK, 0, "")
        ready = msgspec.structs.replace(fleet.tenant.ready, api_url=f"http://{LOOPBACK}:{other}")
        elsewhere = replace(fleet.tenant, ready=ready)
        apis = [await fleet.start("api"), await fleet.start("api", port=other)]
        await fleet.start("worker")
        async with opened(fleet.tenant) as shop, opened(elsewhere) as twin:
            [customer] = await shop.greeted(1)
            body = {"to": customer, "media_url": fleet.photo_url}

            told = await insisted([shop, twin], "order-1", body)

            assert len(messages(told)) == 1
            await shop.talk.becomes(told[0].data["message_id"], "read")
            await asyncio.gather(*(api.stop() for api in apis))
            [sent] = await shop.talk.ledger()
            assert sent["to"].removeprefix("+") == customer
            for port in (0, other):
                await fleet.start("api", port=port, mistakes="lets_keys_be_taken_twice")
            # Only where two of them cross does the mistake show.
            crossed = [len(messages(await insisted([shop, twin], f"order-{n}", body))) for n in range(2, 12)]
            assert max(crossed) > 1


@pytest.mark.parametrize("point", DIES_AT)
async def test_what_was_asked_of_an_api_that_died_is_done_once_and_answered_when_asked_again(
    point: str, sail: Sail
) -> None:
    async with sail() as fleet, opened(fleet.tenant) as shop:
        api = await fleet.start("api")
        new = {"app_id": str(fleet.tenant.ready.app_id), "url": "http://127.0.0.1:9/", "service_type": "whatsapp"}
        webhook = (await shop.talk.api("POST", "/v1/webhooks", json=new)).document["webhook_id"]
        secret = f"/v1/webhooks/{webhook}/secret"
        former = (await shop.talk.api("GET", secret)).document["secret_token"]
        await api.stop()
        api = await fleet.start("api", crashpoint=point)
        rotate, key = f"/v1/webhooks/{webhook}/secret/rotate", {"Idempotency-Key": "rotate-1"}

        with suppress(aiohttp.ClientError):
            await shop.talk.api("POST", rotate, json={}, headers=key)
        assert await api.ended() == -signal.SIGKILL
        await fleet.start("api")
        again = await shop.talk.api("POST", rotate, json={}, headers=key)

        assert (again.status, again.document["webhook_id"]) == (200, webhook)
        assert again.document.get("idempotent_replay", False) == (point == "deed_after_commit")
        told = (await shop.talk.api("GET", secret)).document
        assert (told["previous_secret_token"], told["secret_token"] != former) == (former, True)
