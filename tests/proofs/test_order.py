"""Two APIs whose clocks differ by an hour: a person gets what they are sent in the order in which it was asked for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import msgspec
import pytest
from tests.proofs.books import complaints, misordered, settled
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened

from picha.cli.household import LOOPBACK, usable_port

pytestmark = pytest.mark.timeout(400)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
MISTAKE = "trusts_the_clock_with_the_order"


async def sends_in_turn(doors: Sequence[Shop]) -> None:
    """Ask for four pictures to each customer, each once the one before is accepted, at one door after the other."""
    uploaded = await doors[0].uploads()
    assert uploaded is not None
    for door in (*doors, *doors):
        for customer in doors[0].customers:
            assert await door.sends("in turn", customer, file_id=uploaded[0])


async def test_clocks_an_hour_apart_put_nothing_out_of_order_and_a_gateway_that_trusts_them_is_found_out(
    sail: Sail,
) -> None:
    async with sail("--limits", "off", "--window", "off") as fleet:
        other = usable_port(LOOPBACK, 0, "")
        ready = msgspec.structs.replace(fleet.tenant.ready, api_url=f"http://{LOOPBACK}:{other}")
        async with opened(fleet.tenant) as shop, opened(replace(fleet.tenant, ready=ready)) as twin:
            twin.told = shop.told
            for mistake in ("", MISTAKE):
                shop.told.clear()
                shop.customers = [shop.talk.stranger() for _ in range(3)]
                await fleet.befriend(fleet.tenant, shop.customers)
                # The clock that is ahead accepts first. All waits before anything is sent.
                ahead = await fleet.start("api", mistakes=",".join(filter(None, ("clock_is_ahead", mistake))))
                right = await fleet.start("api", port=other, mistakes=mistake)
                await sends_in_turn([shop, twin])
                worker = await fleet.start("worker")

                books = await settled(fleet, shop.talk, shop.told)

                assert complaints(books) == {}
                assert bool(misordered(books)) == bool(mistake)
                for program in (ahead, right, worker):
                    await program.stop()
