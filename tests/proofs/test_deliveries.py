"""I6: however often a worker dies amid deliveries, each event reaches each webhook at least once, under one id."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

import pytest
from aiohttp import web
from tests.hooks import Hook
from tests.journeys.running import until
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened

pytestmark = pytest.mark.timeout(0)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
# Of so many people each writes once; with --cycles the tests of a soak have ten thousand.
PEOPLE, PEOPLE_SOAKED = 300, 10_000
DEATHS = 3
BATCH = 100


class Receiver:
    """A program of a customer's that takes a moment, fails now and then, and knows whom it was told of."""

    def __init__(self, hook: Hook, chance: random.Random) -> None:
        self._hook, self._chance = hook, chance
        # By wamid, the ids under which its event was taken.
        self.taken: dict[str, set[str]] = defaultdict(set)
        self.shown: dict[str, set[str]] = defaultdict(set)
        self.failed = set[str]()
        self.times = 0
        hook.answers["/hook"] = self._answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        call = next(one for one in reversed(self._hook.calls) if one.headers.get("webhook-id") == _name(request))
        document = call.document
        self.times += 1
        about = document["data"]["message_id"]
        self.shown[about].add(document["event_id"])
        await asyncio.sleep(self._chance.uniform(0.005, 0.02))
        # Once, as the third try would come five minutes later.
        if about not in self.failed and self._chance.random() < 0.05:
            self.failed.add(about)
            return web.Response(status=503)
        self.taken[about].add(document["event_id"])
        return web.Response(status=204)


def _name(request: web.Request) -> str:
    return request.headers["webhook-id"]


async def written(fleet: Fleet, shop: Shop, people: int) -> set[str]:
    """Let so many people write, a hundred at a time, and return the names of what they wrote."""
    names = set[str]()
    for _ in range(people // BATCH):
        phones = [shop.talk.stranger() for _ in range(BATCH)]
        await fleet.befriend(fleet.tenant, phones)
        names |= {f"wamid.HELLO{phone}" for phone in phones}
    return names


async def died_amid(fleet: Fleet, receiver: Receiver, chance: random.Random, *, mistakes: str = "") -> None:
    """Start a worker, and kill it when it has delivered some."""
    worker, before = await fleet.start("worker", mistakes=mistakes), receiver.times

    async def some() -> bool:
        return receiver.times >= before + chance.randint(10, 30)

    await until(some)
    await worker.kill()
    await fleet.end_leases()


async def test_a_worker_that_is_killed_amid_deliveries_loses_none_and_renames_none(
    sail: Sail, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(request.config.getoption("--seed"))
    cycles = request.config.getoption("--cycles")
    async with sail() as fleet, opened(fleet.tenant) as shop, Hook().listening() as hook:
        await fleet.start("api")
        webhook = await shop.listens(f"{hook.url}/hook")
        receiver = Receiver(hook, chance)

        writing = asyncio.create_task(written(fleet, shop, PEOPLE_SOAKED if cycles else PEOPLE))
        for _ in range(max(DEATHS, cycles)):
            await died_amid(fleet, receiver, chance)
        names = await writing
        await fleet.start("worker")

        async def all_taken() -> bool:
            return names <= receiver.taken.keys()

        with suppress(TimeoutError):
            await until(all_taken, 300 if cycles else 90)
        told = await fleet.sql("SELECT provider_message_id AS name FROM event JOIN delivery ON event_seq = seq")
        feed = await _feed(shop)
        page = await shop.talk.api("GET", f"/v1/webhooks/{webhook}/deliveries", params={"status": "failed"})

    assert names - receiver.taken.keys() == set()
    # One event, one id, in every try and in the feed.
    assert {about: next(iter(ids)) for about, ids in receiver.shown.items() if len(ids) == 1} == feed
    assert len({row["name"] for row in told}) == len(told)
    assert page.document["total"] == 0


async def _feed(shop: Shop) -> dict[str, str]:
    """Return the id of the event of each message that came in, as the feed has it."""
    found: dict[str, str] = {}
    part = (await shop.talk.api("GET", "/v1/events", params={"limit": "1000"})).data
    while part["items"]:
        found |= {one["data"]["message_id"]: one["event_id"] for one in part["items"]}
        part = (await shop.talk.api("GET", "/v1/events", params={"limit": "1000", "after": part["cursor"]})).data
    return found


async def test_a_worker_that_says_delivered_before_it_posts_is_found_out(sail: Sail) -> None:
    chance = random.Random(7)
    async with sail() as fleet, opened(fleet.tenant) as shop, Hook().listening() as hook:
        await fleet.start("api")
        await shop.listens(f"{hook.url}/hook")
        receiver = Receiver(hook, chance)
        names = await written(fleet, shop, PEOPLE)

        await died_amid(fleet, receiver, chance, mistakes="takes_deliveries_for_granted")
        await fleet.start("worker")

        async def all_tried() -> bool:
            left = await fleet.sql("SELECT FROM delivery WHERE status = 'pending' AND due_at <= now() LIMIT 1")
            return not left

        await until(all_tried)

    assert names - receiver.taken.keys()
