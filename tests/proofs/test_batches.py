"""A batch that is answered 202 reaches each of its recipients once, or tells why not, whoever dies on the way."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import aiohttp
import pytest
from tests.journeys.running import Talk, until
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened

pytestmark = pytest.mark.timeout(300)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
PATH = "/v1/whatsapp/messages/image/batch"
# More than two chunks, so that somebody dies in the middle.
PEOPLE = 420
API_DIES_AT = ("batch_before_commit", "batch_after_commit", "batch_before_answer")
WORKER_DIES_AT = ("batch_picture_after_commit", "enlist_before_commit", "enlist_after_commit")


async def test_a_worker_that_dies_anywhere_in_a_batch_loses_and_doubles_nobody(sail: Sail) -> None:
    async with sail("--limits", "off", "--window", "off") as fleet, opened(fleet.tenant) as shop:
        await fleet.start("api")
        people = await _friends(fleet, shop)
        # What of a send is unknown when its worker dies is another proof's.
        await fleet.sql("UPDATE sender SET paused_at = now(), paused_for = 'operator'")
        batches = {point: await _asked(fleet, shop, people, point) for point in WORKER_DIES_AT}
        for point in WORKER_DIES_AT:
            nth = 1 if point == "batch_picture_after_commit" else 2
            worker = await fleet.start("worker", crashpoint=f"{point}:{nth}")
            assert await worker.ended(within_s=60) == -signal.SIGKILL, (point, worker.log.read_text())
            await fleet.end_leases()
        await fleet.sql("UPDATE sender SET paused_at = NULL, paused_for = NULL")
        await fleet.start("worker")

        for point, batch in batches.items():
            assert batch is not None, point
            assert await _missed(shop.talk, batch, people, point) == []


async def test_a_worker_that_moves_on_before_it_accepts_is_found_out(sail: Sail) -> None:
    async with sail("--limits", "off", "--window", "off") as fleet, opened(fleet.tenant) as shop:
        await fleet.start("api")
        people = await _friends(fleet, shop)
        batch = await _asked(fleet, shop, people, "hasty")
        worker = await fleet.start("worker", crashpoint="enlist_before_commit:2", mistakes="moves_on_before_it_accepts")
        assert await worker.ended(within_s=60) == -signal.SIGKILL, worker.log.read_text()
        await fleet.end_leases()
        await fleet.start("worker")

        async def over() -> bool:
            return not await fleet.sql("SELECT FROM batch WHERE due_at IS NOT NULL")

        await until(over)
        shown = (await shop.talk.api("GET", f"/v1/whatsapp/batches/{batch}")).data
        assert shown["accepted"] < PEOPLE
        assert not shown["done"]


async def test_an_api_that_dies_anywhere_around_a_batch_keeps_it_once_or_not_at_all(sail: Sail) -> None:
    async with sail("--limits", "off", "--window", "off") as fleet, opened(fleet.tenant) as shop:
        people = (await _friends(fleet, shop))[:5]
        for point in API_DIES_AT:
            api = await fleet.start("api", crashpoint=point)
            assert await _asked(fleet, shop, people, point) is None, point
            assert await api.ended() == -signal.SIGKILL, (point, api.log.read_text())
        await fleet.start("api")
        await fleet.start("worker")

        for point in API_DIES_AT:
            # Whoever got no answer asks again under the same key.
            batch = await _asked(fleet, shop, people, point)
            assert batch is not None, point
            assert await _missed(shop.talk, batch, people, point) == []
        kept = await fleet.sql("SELECT count(*) FROM batch")
        assert kept[0][0] == len(API_DIES_AT)


async def _friends(fleet: Fleet, shop: Shop) -> list[str]:
    people = [shop.talk.stranger() for _ in range(PEOPLE)]
    await fleet.befriend(fleet.tenant, people)
    return people


async def _asked(fleet: Fleet, shop: Shop, people: Sequence[str], label: str) -> str | None:
    """Ask for a batch, under one key however often; return its id, None if nobody answered."""
    recipients = [{"to": one, "caption": f"{label} {one}"} for one in people]
    body = {"media_url": f"{fleet.photo_url}?{label}", "recipients": recipients}
    with suppress(aiohttp.ClientError, TimeoutError):
        told = await shop.talk.api("POST", PATH, json=body, headers={"Idempotency-Key": label})
        return str(told.data["batch_id"])
    return None


async def _missed(talk: Talk, batch: str, people: Sequence[str], label: str) -> list[str]:
    """Return whom a batch has not reached exactly once, once it is done."""
    path = f"/v1/whatsapp/batches/{batch}"

    async def done() -> Any:
        told = (await talk.api("GET", path)).data
        return told if told["done"] else None

    shown = await until(done, within_s=90)
    lines = await talk.api("GET", f"{path}/results?limit=1000")
    outcomes = Counter(one["outcome"] for one in lines.data["items"])
    times = Counter(one["caption"] for one in await talk.ledger())
    wrong = [one for one in people if times[f"{label} {one}"] != 1]
    if (shown["accepted"], outcomes["accepted"], shown["failed"]) != (len(people), len(people), 0):
        wrong.append(str(shown))
    return wrong


async def test_a_batch_that_is_cancelled_while_it_goes_on_reaches_whom_it_says_it_reached(sail: Sail) -> None:
    async with sail("--limits", "off", "--window", "off") as fleet, opened(fleet.tenant) as shop:
        await fleet.start("api")
        people = await _friends(fleet, shop)
        batch = await _asked(fleet, shop, people, "cancelled")
        await fleet.start("worker")
        path = f"/v1/whatsapp/batches/{batch}"

        async def going() -> bool:
            return bool((await shop.talk.api("GET", path)).data["accepted"])

        await until(going)
        told = await asyncio.gather(*(shop.talk.api("POST", f"{path}/cancel") for _ in range(3)))

        async def done() -> Any:
            shown = (await shop.talk.api("GET", path)).data
            return shown if shown["done"] else None

        shown = await until(done)
        assert {one.status for one in told} == {200}
        assert shown["status"] == "cancelled"
        assert shown["accepted"] + shown["skipped"] == PEOPLE
        reached = Counter(one["caption"] for one in await shop.talk.ledger())
        items = (await shop.talk.api("GET", f"{path}/results?limit=1000")).data["items"]
        left = [one["to"] for one in items if one["message_id"] and one["code"] != "CANCELLED"]
        assert sorted(reached) == sorted(f"cancelled {one}" for one in left)
        assert set(reached.values()) <= {1}
