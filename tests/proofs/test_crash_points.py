"""A process dies at every crash point of the source that it passes, and nothing is lost or doubled."""

import asyncio
import re
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest
from tests.proofs.books import complaints, settled
from tests.proofs.fleet import Fleet, Program, Role
from tests.proofs.shop import Shop, opened

from picha.kit import crashpoints

pytestmark = pytest.mark.timeout(240)

_PICTURES = ("picture_before_put", "picture_before_name", "picture_after_name")
WALKS: dict[Role, tuple[str, ...]] = {
    "api": (
        *("accept_before_commit", "accept_after_commit", "accept_before_answer"),
        *("intake_before_keep", "intake_after_keep", "intake_before_answer"),
        *_PICTURES,
    ),
    "worker": (
        *("digest_before_commit", "digest_after_commit", "fetch_before_commit", "fetch_after_commit"),
        *_PICTURES,
        *("prepare_before_commit", "prepare_after_commit", "upload_after_answer", "upload_after_commit"),
        *("begin_before_commit", "begin_after_commit", "send_at_request", "send_after_answer"),
        *("settle_before_commit", "settle_after_commit", "orphan_before_commit", "orphan_after_commit"),
    ),
}
PLACED = re.compile(r'\bcrashpoint\("(\w+)"\)')


def test_every_crash_point_of_the_source_is_walked() -> None:
    sources = Path(crashpoints.__file__).parents[1].rglob("*.py")

    placed = {name for source in sources for name in PLACED.findall(source.read_text())}

    assert placed == {name for walk in WALKS.values() for name in walk}


@pytest.mark.parametrize("role", WALKS)
async def test_a_process_that_dies_at_any_crash_point_loses_nothing_and_doubles_nothing(
    role: Role, sail: Callable[..., AbstractAsyncContextManager[Fleet]]
) -> None:
    async with sail("--limits", "off") as fleet, opened(fleet.tenant) as shop:
        program = await _prepared(fleet, shop, role)
        for point in WALKS[role]:
            # Each life ends at its point, and the next one, which is to end at the next point, has to clean up.
            await program.stop()
            program = await fleet.start(role, crashpoint=f"{point}:2")
            await _until_it_dies(shop, program, point)
            assert await program.ended() == -signal.SIGKILL, (point, program.log.read_text())
            if role == "worker":
                await fleet.end_leases()
        await fleet.start(role)

        books = await settled(fleet, shop.talk, shop.told)

    assert complaints(books) == {}
    # Before each death something was promised, unless a webhook that was owed came before it.
    promised = {one.body["caption"].partition(" ")[0] for one in shop.told}
    assert [point for point in WALKS[role] if point not in promised and "intake" not in point] == []


async def _prepared(fleet: Fleet, shop: Shop, role: Role) -> Program:
    """Start both programs and let customers write; return the one that is going to die."""
    programs = {one: await fleet.start(one) for one in WALKS}
    await shop.greeted(12)
    return programs[role]


async def _until_it_dies(shop: Shop, program: Program, point: str) -> None:
    """Do business of every kind until the program is dead; a sandbox's time that moves lets webhooks be tried again."""
    for _ in range(5):
        for customer in shop.next_customers(2):
            await asyncio.gather(shop.sells(point, customer), shop.hears(customer))
        await shop.talk.control("POST", "/clock", json={"advance_s": 10})
        with suppress(TimeoutError):
            await program.ended(within_s=8)
            return
