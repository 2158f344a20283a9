"""I12: for each invariant a program with a mistake in it, and the check that sees it. Without one, no proof proves."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest
from tests.journeys.running import until
from tests.proofs.books import INVARIANTS, complaints, read
from tests.proofs.fleet import ROOT, Fleet
from tests.proofs.shop import Shop, opened
from tests.unit import test_egress_hostile as hostile

pytestmark = pytest.mark.timeout(400)

IN_THE_API = "forgets_sends,forgets_webhooks"
IN_THE_WORKER = (
    "sends_again_when_in_doubt,believes_the_first_word,talks_in_its_logs,uploads_other_bytes,leaves_orphans,"
    "keeps_reads_to_itself"
)
# What each check says of its mistake, so that no check is counted for what another mistake does.
SAID = {
    "I1": "was answered 202 and is gone",
    "I2": "reached Meta 2 times",
    "I3": "is sending and stays it",
    "I4": "is sent, and [{",
    "I5": "delivered was answered 200 and is nowhere",
    "I6": "is read, and [",
    "I8": "a log holds 2557",
    "I10": "and was uploaded as",
}


async def test_each_check_of_the_books_sees_a_mistake_that_breaks_its_invariant(
    sail: Callable[..., AbstractAsyncContextManager[Fleet]],
) -> None:
    assert SAID.keys() == INVARIANTS.keys()
    async with sail("--limits", "off", "--window", "off") as fleet, opened(fleet.tenant) as shop:
        await _made(fleet, shop)

        async def seen() -> bool:
            found = complaints(await read(fleet, shop.talk, shop.told))
            return all(any(words in said for said in found.get(name, ())) for name, words in SAID.items())

        try:
            await until(seen, 90)
        except TimeoutError:
            pytest.fail(f"not every mistake was seen: {complaints(await read(fleet, shop.talk, shop.told))}")


async def _made(fleet: Fleet, shop: Shop) -> None:
    """Send pictures through an API and workers that make every mistake; one answer is lost, and one worker dies."""
    shop.customers = [shop.talk.stranger() for _ in range(8)]
    await fleet.befriend(fleet.tenant, shop.customers)
    lost = {"match": {"route": "messages"}, "when": {"mode": "next", "n": 1}, "effect": {"drop": "after"}}
    await shop.talk.control("POST", "/faults", json=lost)
    # Evidence that came at once would keep even a careless worker from sending again.
    await shop.talk.control("POST", "/trouble", json={"delay_ms": [15000, 15000]})
    dying = await fleet.start("worker", crashpoint="begin_after_commit:4", mistakes=IN_THE_WORKER)
    await fleet.start("api", mistakes=IN_THE_API)
    for _ in range(10):
        for customer in shop.next_customers(4):
            await shop.sells("seeded", customer)
        with suppress(TimeoutError):
            await dying.ended(within_s=5)
            break
    assert not dying.is_alive, dying.log.read_text()[-5000:]
    await fleet.end_leases()
    await fleet.start("worker", mistakes=IN_THE_WORKER)


def test_the_checks_of_the_way_out_see_a_gateway_that_reaches_anything() -> None:
    """I9 has its own watch, at the sockets of a child."""
    command = [sys.executable, "-m", "tests.proofs.seeded", "reaches_anything", "tests.unit.hostile_fetches"]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=200)
    told: Mapping[str, Any] = json.loads(child.stdout)

    with pytest.raises(AssertionError):
        hostile.test_no_redirect_leads_to_a_refused_address(dict(told))
    with pytest.raises(AssertionError):
        hostile.test_a_name_with_one_answer_inside_is_connected_to_nowhere(dict(told), "alone")
