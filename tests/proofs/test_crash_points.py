"""A process dies at every crash point of the source that it passes, and nothing is lost or doubled."""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.hooks import Hook
from tests.journeys.running import until
from tests.proofs import test_batches as batches
from tests.proofs import test_once as deeds
from tests.proofs.books import complaints, settled
from tests.proofs.fleet import Fleet, Program, Role
from tests.proofs.shop import Shop, opened

from picha.kit import crashpoints

pytestmark = pytest.mark.timeout(240)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
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
        *("tell_after_answer", "tell_after_settle"),
    ),
}
# Where a picture's bytes are put and taken: these matter in a bucket, too.
WITH_BYTES: dict[Role, tuple[str, ...]] = {
    "api": _PICTURES,
    "worker": (*_PICTURES, "fetch_before_commit", "prepare_before_commit", "upload_after_answer"),
}
# Under `resend` a worker decides to send once more, and does; it may die at each step.
RESENDING = (
    "resend_before_commit",
    "resend_after_commit",
    "begin_after_commit",
    "send_after_answer",
    "settle_before_commit",
)
PLACED = re.compile(r'\bcrashpoint\("(\w+)"\)')


def test_every_crash_point_of_the_source_is_walked() -> None:
    sources = Path(crashpoints.__file__).parents[1].rglob("*.py")

    placed = {name for source in sources for name in PLACED.findall(source.read_text())}

    walks = (*WALKS.values(), RESENDING, batches.API_DIES_AT, batches.WORKER_DIES_AT, deeds.DIES_AT)
    assert placed == {name for walk in walks for name in walk}


@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize("role", WALKS)
async def test_a_process_that_dies_at_any_crash_point_loses_nothing_and_doubles_nothing(
    role: Role, place: str, sail: Sail, kept_in: Callable[[str], Any]
) -> None:
    walk = (WALKS if place == "folder" else WITH_BYTES)[role]
    with kept_in(place) as settings:
        sailing = sail("--limits", "off", settings=settings)
        async with sailing as fleet, opened(fleet.tenant) as shop, Hook().listening() as hook:
            await _walked(fleet, shop, role, walk, hook.url)
            books = await settled(fleet, shop.talk, shop.told)
            [delivered] = await fleet.sql("SELECT count(*) FROM delivery WHERE status = 'delivered'")

    assert len({call.document["event_id"] for call in hook.calls}) == delivered["count"]
    assert complaints(books) == {}
    # Before each death something was promised, unless a webhook that was owed came before it.
    promised = {one.body["caption"].partition(" ")[0] for one in shop.told}
    assert [point for point in walk if point not in promised and "intake" not in point] == []


async def _walked(fleet: Fleet, shop: Shop, role: Role, walk: Sequence[str], hook: str) -> None:
    """Let a program die at each point of a walk, and run on at its end; all is told to a webhook."""
    program = await _prepared(fleet, shop, role)
    await shop.listens(hook)
    for point in walk:
        # Each life ends at its point, and the next one, which is to end at the next point, has to clean up.
        await program.stop()
        program = await fleet.start(role, crashpoint=f"{point}:2")
        await _until_it_dies(shop, program, point)
        assert await program.ended() == -signal.SIGKILL, (point, program.log.read_text())
        if role == "worker":
            await fleet.end_leases()
    await fleet.start(role)


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


async def test_under_resend_a_worker_that_dies_on_the_way_sends_at_least_once_and_says_so_when_twice(
    sail: Sail,
) -> None:
    async with sail("--limits", "off", "--window", "off") as fleet, opened(fleet.tenant) as shop:
        await fleet.start("api")
        for point in RESENDING:
            await _lost_and_resent(fleet, shop, point)

        await fleet.start("worker")
        # What WhatsApp told of the first attempts, and nobody heard, comes now.
        for item in (await shop.talk.control("GET", "/deliveries", params={"limit": "1000"}))["items"]:
            if item["status"] == "sent":
                await shop.talk.control("POST", f"/deliveries/{item['id']}/redeliver")
        books = await settled(fleet, shop.talk, shop.told)

    assert complaints(books) == {}
    times = Counter(one["caption"] for one in books.effects)
    asked = {row["id"]: row["caption"] for row in books.messages if row["on_unknown"] == "resend"}
    unsure = Counter(row["message_id"] for row in books.attempts if row["outcome"] == "ambiguous")
    # Only whose second attempt was lost, too, may not have got there.
    assert [name for id_, name in asked.items() if not times[name] and unsure[id_] < 2] == []
    assert max(times[name] for name in asked.values()) == 2
    assert {row["duplicates"] for row in books.messages if times[row["caption"]] == 2} == {1}


async def _lost_and_resent(fleet: Fleet, shop: Shop, point: str) -> None:
    """Lose answers and statuses of sends, half of which Meta took; let a worker die at a point while it resends."""
    worker = await fleet.start("worker")
    await shop.talk.control("POST", "/trouble", json={"drop": True})
    for effect in ("before", "after"):
        await _sold_into(fleet, shop, f"{point}-{effect}", {"drop": effect})
    await shop.talk.control("DELETE", "/trouble")
    await worker.stop()
    worker = await fleet.start("worker", crashpoint=point)
    await fleet.sql("UPDATE message SET due_at = due_at - interval '150 seconds' WHERE phase = 'unknown'")
    await fleet.sql("UPDATE sender SET heard_at = clock_timestamp()")
    assert await worker.ended(within_s=30) == -signal.SIGKILL, (point, worker.log.read_text())
    await fleet.end_leases()
    worker = await fleet.start("worker")

    async def over() -> bool:
        going = await fleet.sql(
            "SELECT FROM message WHERE phase IN ('queued', 'sending') OR phase = 'unknown' AND on_unknown = 'resend'"
            " AND NOT EXISTS (SELECT FROM decision WHERE message_id = message.id AND kind = 'resent')"
        )
        return not going

    await until(over)
    await worker.stop()


async def _sold_into(fleet: Fleet, shop: Shop, label: str, effect: dict[str, str]) -> None:
    """Send pictures into a trouble, at least once and at most once, until nobody knows what became of them."""
    match = {"route": "messages"}
    rule = await shop.talk.control("POST", "/faults", json={"match": match, "effect": effect, "when": {}})
    strangers = [shop.talk.stranger() for _ in range(4)]
    await fleet.befriend(fleet.tenant, strangers)
    uploaded = await shop.uploads()
    assert uploaded is not None
    for place, one in enumerate(strangers):
        kept = "hold" if place == 0 else "resend"
        assert await shop.sends(label, one, file_id=uploaded[0], sha256=uploaded[1], on_unknown=kept)

    async def unknown() -> bool:
        rows = await fleet.sql(
            "SELECT count(*) FROM message WHERE phase = 'unknown' AND starts_with(caption, $1)", f"{label} "
        )
        return bool(rows[0][0] == len(strangers))

    async def told() -> bool:
        """Tell whether everything was told of what WhatsApp took, and so was dropped."""
        items = (await shop.talk.control("GET", "/deliveries", params={"limit": "1000"}))["items"]
        return bool(sum(item["status"] == "read" for item in items) >= len(await shop.talk.ledger()))

    await until(unknown)
    await until(told)
    await shop.talk.control("DELETE", f"/faults/{rule['id']}")
