"""Processes and their PostgreSQL lose each other: others go on within the lease, and nothing is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.journeys.running import until
from tests.proofs.books import AT_REST, complaints, settled
from tests.proofs.fleet import ROLES, Fleet
from tests.proofs.shop import Shop, opened
from tests.proofs.wires import LOOPBACK, Wire

from picha.cli.household import usable_port
from picha.gateway.store.embedded import USER, EmbeddedPostgres
from picha.gateway.store.lanes import LEASE_SECONDS

pytestmark = pytest.mark.timeout(400)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
Wires = Callable[[], Awaitable[Wire]]
LAX = ("--limits", "off", "--window", "off")
# The rest of a lease, the look for lanes, and a machine that is busy with other things.
MOVED_WITHIN_S = 90.0
EACH = 6


@pytest.fixture
async def new_wire(postgres_server: EmbeddedPostgres) -> AsyncIterator[Wires]:
    """Make wires that lead to the database's server."""
    door = str(postgres_server.place.sockets / ".s.PGSQL.5432")
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(Wire(lambda: asyncio.open_unix_connection(door)).strung())


def through(wire: Wire, dsn: str) -> str:
    """Return the address of the same database through a wire."""
    return f"postgresql://{USER}@{LOOPBACK}:{wire.port}/{dsn.partition('@/')[2].partition('?')[0]}"


class Lane:
    """The send lane of one tenant's number, as the database has it, and the shop that fills it."""

    def __init__(self, fleet: Fleet, number: int, shop: Shop) -> None:
        self._fleet, self._workspace, self.shop = fleet, fleet.tenants[number].app.workspace_id, shop

    async def row(self) -> Any:
        """Return its lease."""
        query = "SELECT fence, leased_until FROM lane JOIN sender ON id = key WHERE kind = 'send' AND workspace_id = $1"
        return (await self._fleet.sql(query, self._workspace))[0]

    async def flies(self) -> None:
        """Wait until an attempt is committed and not settled."""
        query = "SELECT 1 FROM attempt WHERE outcome IS NULL AND workspace_id = $1"
        await until(lambda: self._fleet.sql(query, self._workspace))

    async def moves_from(self, before: Any) -> None:
        """Wait until it has another owner, who had to wait for the end of the lease that was there `before`."""

        async def moved() -> Any:
            now = await self.row()
            return now if now["fence"] > before["fence"] else None

        now = await until(moved, MOVED_WITHIN_S)
        taken_at = now["leased_until"] and now["leased_until"] - timedelta(seconds=LEASE_SECONDS)
        assert taken_at is None or taken_at >= before["leased_until"]

    async def rests(self) -> None:
        """Wait until nothing of it is to be done by anybody who can reach the database."""
        query = "SELECT 1 FROM message WHERE is_outbound AND NOT phase = ANY($2::text[]) AND workspace_id = $1"

        async def done() -> bool:
            return not await self._fleet.sql(query, self._workspace, list(AT_REST))

        await until(done, MOVED_WITHIN_S)

    async def fill(self) -> None:
        """Send some pictures."""
        uploaded = await self.shop.uploads()
        assert uploaded is not None
        for one in self.shop.next_customers(EACH):
            await self.shop.sends(self.shop.talk.ready.sender, one, file_id=uploaded[0], sha256=uploaded[1])


async def lanes_of(fleet: Fleet, stack: AsyncExitStack) -> list[Lane]:
    """Open a shop with customers for every tenant."""
    lanes = []
    for number, tenant in enumerate(fleet.tenants):
        shop = await stack.enter_async_context(opened(tenant))
        shop.customers = [shop.talk.stranger() for _ in range(EACH)]
        await fleet.befriend(tenant, shop.customers)
        lanes.append(Lane(fleet, number, shop))
    return lanes


async def test_workers_that_cannot_reach_the_database_are_replaced_and_do_no_harm_when_they_can_again(
    sail: Sail, new_wire: Wires
) -> None:
    mute, torn, slow = [await new_wire() for _ in range(3)]
    async with sail(*LAX, numbers=3) as fleet, AsyncExitStack() as stack:
        await fleet.start("api")
        lanes = await lanes_of(fleet, stack)
        shops = [lane.shop for lane in lanes]
        talk = shops[0].talk
        await talk.control("POST", "/faults", json={"match": {"route": "messages"}, "effect": {"delay_ms": 500}})

        # The first goes mute in the middle of a transaction that holds its lane's row.
        is_mute = mute.silence_after(b"INSERT INTO attempt")
        await fleet.start("worker", dsn=through(mute, fleet.dsn))
        await lanes[0].fill()
        await asyncio.wait_for(is_mute.wait(), MOVED_WITHIN_S)
        # The second is torn away from the database amid its sends.
        await fleet.start("worker", dsn=through(torn, fleet.dsn))
        await lanes[1].fill()
        await lanes[1].flies()
        torn.tear()
        # The third goes on, slowly, and a fourth has no trouble at all.
        slow.delay_s = 0.05
        await fleet.start("worker", dsn=through(slow, fleet.dsn))
        await lanes[2].fill()
        before = [await lane.row() for lane in lanes]
        await fleet.start("worker")
        await asyncio.gather(lanes[0].moves_from(before[0]), lanes[1].moves_from(before[1]))
        await asyncio.gather(*(lane.rests() for lane in lanes))
        for wire in (mute, torn, slow):
            wire.heal()

        told = [one for shop in shops for one in shop.told]
        books = await settled(fleet, talk, told)
        assert complaints(books) == {}
        assert len(told) == len(lanes) * EACH

        async def all_told() -> bool:
            # What the torn one had heard and could not say, it has said by now.
            return not await fleet.sql("SELECT 1 FROM attempt WHERE coalesce(outcome, 'ambiguous') = 'ambiguous'")

        await until(all_told)


async def test_programs_that_start_before_their_database_wait_for_it(sail: Sail, new_wire: Wires) -> None:
    wire = await new_wire()
    async with sail(*LAX) as fleet, AsyncExitStack() as stack:
        wire.tear()
        dsn = through(wire, fleet.dsn)
        worker = await fleet.start("worker", dsn=dsn)
        api = asyncio.create_task(fleet.start("api", dsn=dsn))

        async def waits() -> bool:
            assert worker.is_alive, worker.log.read_text()
            return "does not serve yet" in worker.log.read_text()

        await until(waits)
        wire.heal()
        await api
        [lane] = await lanes_of(fleet, stack)
        await lane.fill()

        assert complaints(await settled(fleet, lane.shop.talk, lane.shop.told, within_s=MOVED_WITHIN_S)) == {}


async def test_connections_that_died_without_a_word_are_given_up_and_made_anew(sail: Sail, new_wire: Wires) -> None:
    wire = await new_wire()
    async with sail(*LAX) as fleet, AsyncExitStack() as stack:
        dsn = through(wire, fleet.dsn)
        hasty = "has_no_patience"
        await asyncio.gather(*(fleet.start(role, dsn=dsn, mistakes=hasty) for role in ROLES))
        [lane] = await lanes_of(fleet, stack)
        await lane.fill()
        assert complaints(await settled(fleet, lane.shop.talk, lane.shop.told)) == {}

        wire.forget()

        async def accepted() -> bool:
            return await lane.shop.sends("after", lane.shop.customers[0], media_url=fleet.photo_url) is not None

        await until(accepted, 3 * MOVED_WITHIN_S)
        assert complaints(await settled(fleet, lane.shop.talk, lane.shop.told, within_s=MOVED_WITHIN_S)) == {}


async def test_when_one_of_two_apis_and_one_of_two_workers_are_killed_the_others_go_on(sail: Sail) -> None:
    async with sail(*LAX, numbers=2) as fleet, AsyncExitStack() as stack:
        other_port = usable_port(LOOPBACK, 0, "")
        _, doomed_api = await asyncio.gather(fleet.start("api"), fleet.start("api", port=other_port))
        lanes = await lanes_of(fleet, stack)
        elsewhere = msgspec.structs.replace(fleet.tenant.ready, api_url=f"http://{LOOPBACK}:{other_port}")
        branch = await stack.enter_async_context(opened(replace(fleet.tenant, ready=elsewhere)))
        branch.customers = lanes[0].shop.customers
        await branch.talk.control(
            "POST", "/faults", json={"match": {"route": "messages"}, "effect": {"delay_ms": 2000}}
        )
        doomed, _ = await asyncio.gather(fleet.start("worker"), fleet.start("worker"))
        await asyncio.gather(*(lane.fill() for lane in lanes))
        await asyncio.gather(*(lane.flies() for lane in lanes))

        selling = asyncio.create_task(Lane(fleet, 0, branch).fill())
        await doomed.kill()
        await doomed_api.kill()
        await asyncio.gather(selling, return_exceptions=True)
        told = [one for shop in (*(lane.shop for lane in lanes), branch) for one in shop.told]
        told = [replace(one, talk=lanes[0].shop.talk) if one.talk is branch.talk else one for one in told]
        assert complaints(await settled(fleet, lanes[0].shop.talk, told, within_s=MOVED_WITHIN_S)) == {}
