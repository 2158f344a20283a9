"""Meta is slow, hangs, throttles or refuses a token; a tenant floods; clocks jump: nobody else notices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tests.journeys.running import until
from tests.proofs.books import complaints, misordered, settled
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened

pytestmark = pytest.mark.timeout(400)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
LAX = ("--limits", "off", "--window", "off")
WITHIN_S = 90.0
EACH = 6
FLOOD, QUIET = 200, 20


@asynccontextmanager
async def shops(fleet: Fleet, customers: int) -> AsyncIterator[list[Shop]]:
    """Open a shop with customers for every tenant."""
    async with AsyncExitStack() as stack:
        found = [await stack.enter_async_context(opened(tenant)) for tenant in fleet.tenants]
        for tenant, shop in zip(fleet.tenants, found, strict=True):
            shop.customers = [shop.talk.stranger() for _ in range(customers)]
            await fleet.befriend(tenant, shop.customers)
        yield found


async def sells(shop: Shop, label: str) -> None:
    """Send every customer of a shop the same picture."""
    uploaded = await shop.uploads()
    assert uploaded is not None
    for customer in shop.customers:
        assert await shop.sends(label, customer, file_id=uploaded[0], sha256=uploaded[1])


async def spoil(shop: Shop, effect: dict[str, Any], **when: Any) -> str:
    """Let sends of a shop's number go wrong, and return the rule's id."""
    match = {"route": "messages", "phone_number_id": shop.talk.ready.phone_number_id}
    rule = await shop.talk.control("POST", "/faults", json={"match": match, "effect": effect, "when": when})
    rule_id: str = rule["id"]
    return rule_id


async def struck(shop: Shop, rule: str) -> None:
    """Wait until a rule has struck."""

    async def strikes() -> bool:
        rules = (await shop.talk.control("GET", "/faults"))["items"]
        return any(one["id"] == rule and one["struck"] for one in rules)

    await until(strikes, WITHIN_S)


async def test_the_trouble_of_one_number_is_no_other_number_s_and_passes_without_loss_or_double(sail: Sail) -> None:
    async with sail(*LAX, numbers=5) as fleet, shops(fleet, EACH) as (well, slow, hung, storm, barred):
        api, worker = await asyncio.gather(fleet.start("api"), fleet.start("worker"))
        troubles = {
            slow: await spoil(slow, {"delay_ms": 1500}),
            hung: await spoil(hung, {"hang": True}, mode="next", n=2),
            storm: await spoil(storm, {"error": 130429}, mode="every", n=2),
            barred: await spoil(barred, {"error": 190}),
        }
        await asyncio.gather(*(sells(shop, "troubled") for shop in troubles))
        await asyncio.gather(*(struck(shop, rule) for shop, rule in troubles.items()))

        # Amid all of it the one who has no trouble notices nothing.
        await sells(well, "well")
        for one in well.told:
            await well.talk.becomes(one.message_id, "read", within_s=WITHIN_S)
        hanging = [await hung.talk.message(told.message_id) for told in hung.told]
        assert sum(message["phase"] == "sending" for message in hanging) == 2
        assert {(await barred.talk.message(told.message_id))["attempts"] for told in barred.told} <= {0, 1}

        # The worker dies while two sends still hang, and a new token is stored.
        await worker.kill()
        await well.talk.control("DELETE", "/faults")
        [number] = (await barred.talk.api("GET", "/v1/whatsapp/senders")).document
        assert number["state"] == "token_refused"
        assert (await barred.talk.api("POST", f"/v1/whatsapp/senders/{number['id']}/resume")).status == 200
        await fleet.end_leases()
        await fleet.start("worker")

        told = [one for shop in (well, *troubles) for one in shop.told]
        books = await settled(fleet, well.talk, told, within_s=WITHIN_S)
        assert complaints(books) == {}
        unknown = {row["caption"] for row in books.messages if row["phase"] == "unknown"}
        # One of the number that Meta throttles may have been on its way, too.
        storming = {one.body["caption"] for one in storm.told}
        assert unknown - storming == {one["content"]["caption"] for one in hanging if one["phase"] == "sending"}
        assert api.is_alive


async def test_a_tenant_that_floods_keeps_twenty_quiet_ones_waiting_for_nothing(sail: Sail) -> None:
    async with sail(*LAX, numbers=1 + QUIET) as fleet, shops(fleet, 1) as (flooding, *quiet), silent_host() as host:
        await asyncio.gather(fleet.start("api"), fleet.start("worker"))
        flooding.customers = [flooding.talk.stranger() for _ in range(FLOOD)]
        await fleet.befriend(fleet.tenant, flooding.customers)
        # As many of the flood as may fly at a time take five seconds each, and its pictures never come.
        await spoil(flooding, {"delay_ms": 5000})
        for customer in flooding.customers:
            await flooding.sends("stuck", customer, media_url=f"{host}/{customer}.jpg")
        await sells(flooding, "flood")

        for shop in quiet:
            assert await shop.sends("by address", shop.customers[0], media_url=fleet.photo_url)
            await sells(shop, "by file")
        quiet_ones = {shop.talk.ready.phone_number_id for shop in quiet}

        async def all_out() -> Any:
            ledger = await flooding.talk.ledger()
            return ledger if sum(one["phone_number_id"] in quiet_ones for one in ledger) == 2 * QUIET else None

        ledger = await until(all_out, WITHIN_S)
        # They were all out while the flood still stood before them, and its pictures before theirs.
        assert sum(one["phone_number_id"] not in quiet_ones for one in ledger) < FLOOD
        assert (await flooding.talk.message(flooding.told[FLOOD // 2].message_id))["phase"] == "image_wait"


@asynccontextmanager
async def silent_host() -> AsyncIterator[str]:
    """Open a web server that takes every request and answers none."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_wall_clocks_that_jump_by_an_hour_lose_and_double_nothing(sail: Sail) -> None:
    async with sail(*LAX, numbers=2) as fleet, shops(fleet, EACH) as two:
        await asyncio.gather(fleet.start("api", mistakes="clock_jumps"), fleet.start("worker", mistakes="clock_jumps"))
        for round_ in range(3):
            await asyncio.gather(*(shop.hears(shop.customers[0]) for shop in two))
            await asyncio.gather(*(sells(shop, f"round {round_}") for shop in two))

        told = [one for shop in two for one in shop.told]
        books = await settled(fleet, two[0].talk, told, within_s=WITHIN_S)
        assert complaints(books) == {}
        assert misordered(books) == []
        assert len(told) == 2 * 3 * EACH
