"""The short way that most statuses take comes to what a fold over all the evidence comes to, whatever the order."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from tests.store.ground import Ground, at

from picha.gateway.domain.facts import StatusSeen
from picha.gateway.domain.outcomes import Accepted, Ambiguous, Throttled
from picha.gateway.domain.status import Evidence, Told, View, standing, view
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import lanes
from picha.gateway.store.ledger import witness
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement, settle
from picha.gateway.store.pool import Connection, in_transaction

WORDS = ("sent", "sent", "delivered", "delivered", "read", "failed", "played")


class Story:
    """A number of messages, each sent once or twice, and everything that Meta will say of their attempts."""

    def __init__(self, ground: Ground, chance: random.Random) -> None:
        self.ground, self.chance = ground, chance
        self.wamids: dict[UUID, list[str]] = {}
        self.seen: list[StatusSeen] = []
        self.soon: list[Settlement] = []
        self.late: list[Settlement] = []
        self.accepted: set[str] = set()

    async def send(self, count: int) -> None:
        """Send messages: every third has two attempts, the first of which WhatsApp took as well, as its word proves."""
        messages = [await self.ground.send() for _ in range(count)]
        again = messages[::3]
        put_off = list(zip(again, await begun(self.ground, again), strict=True))
        await settle(
            self.ground.pool, [Settlement(*one, Throttled("130429", "Too fast.")) for one in put_off], PAIR_PACE
        )
        for n, (message, attempt) in enumerate(put_off):
            self.wamids[message] = [f"wamid.first{n}"]
            self.say(f"wamid.first{n}", attempt)
        for n, (message, attempt) in enumerate(zip(messages, await begun(self.ground, messages), strict=True)):
            self.wamids.setdefault(message, []).append(f"wamid.{n}")
            self.say(f"wamid.{n}", attempt)
            # Some answers are lost, and some come late.
            outcome = Ambiguous("It was cut off.") if n % 5 == 0 else Accepted(f"wamid.{n}")
            self.accepted |= {f"wamid.{n}"} if n % 5 else set()
            (self.soon if n % 4 else self.late).append(Settlement(message, attempt, outcome))
        await settle(self.ground.pool, self.soon, PAIR_PACE)

    def say(self, wamid: str, attempt: UUID) -> None:
        for _ in range(self.chance.randrange(5)):
            status = self.chance.choice(WORDS)
            moment = at(self.chance.randrange(20))
            code = self.chance.choice((131026, 131053)) if status == "failed" else 0
            self.seen.append(
                StatusSeen(
                    workspace_id=self.ground.app.workspace_id,
                    sender_id=self.ground.sender,
                    wamid=wamid,
                    status=status,
                    provider_at=moment,
                    received_at=moment,
                    code=code,
                    title=f"Title {code}" if code else "",
                    attempt=attempt,
                )
            )

    def batches(self) -> list[list[StatusSeen]]:
        """Return everything in any order, a part of it twice, cut anywhere."""
        all_ = [*self.seen, *self.chance.sample(self.seen, len(self.seen) // 3)]
        self.chance.shuffle(all_)
        cut = []
        while all_:
            size = self.chance.randrange(1, 12)
            cut.append(all_[:size])
            all_ = all_[size:]
        return cut

    def of(self, message: UUID) -> list[StatusSeen]:
        return [one for one in self.seen if one.wamid in self.wamids[message]]

    def expected(self, message: UUID) -> tuple[object, ...]:
        """Return what a fold over all the evidence shows; where it is silent, the message is pending."""
        shown = view([self.told(wamid) for wamid in self.wamids[message]]) or View("pending")
        failure, warning = shown.failure, shown.warning
        return (
            shown.status,
            shown.sent_at,
            shown.delivered_at,
            shown.read_at,
            str(failure.code) if failure else None,
            failure.at if failure else None,
            str(warning.code) if warning else None,
            shown.duplicates,
        )

    def told(self, wamid: str) -> Told:
        evidence = [
            Evidence(one.status, one.provider_at, one.code, one.title, one.detail)
            for one in self.seen
            if one.wamid == wamid
        ]
        is_known = bool(evidence) or wamid in self.accepted
        return Told(wamid if is_known else None, standing(evidence))


async def begun(ground: Ground, messages: Sequence[UUID]) -> list[UUID]:
    """Begin an attempt of each message, and return the attempts."""
    await ground.pool.execute("UPDATE pair SET next_due = now()")
    lease = await ground.lease()
    attempts = [ground.ids.uuid() for _ in messages]
    beginnings = [Beginning(lease, *one) for one in zip(messages, attempts, strict=True)]
    assert all(await begin(ground.pool, beginnings))
    await lanes.release(ground.pool, lease)
    return attempts


async def hear(ground: Ground, seen: Sequence[StatusSeen]) -> None:
    await in_transaction(ground.pool, lambda connection: witness.statuses(connection, seen))


@pytest.mark.parametrize("seed", range(6))
async def test_every_order_batching_and_duplication_shows_what_the_fold_over_all_evidence_shows(
    ground: Ground, seed: int
) -> None:
    await ground.customer_writes()
    told = Story(ground, random.Random(seed))
    await told.send(20)
    batches = told.batches()

    middle = len(batches) // 2
    for pair in zip(batches[:middle:2], batches[1:middle:2], strict=False):
        await asyncio.gather(*(hear(ground, batch) for batch in pair))
    if middle % 2:
        await hear(ground, batches[middle - 1])
    await asyncio.gather(
        settle(ground.pool, told.late, PAIR_PACE), *(hear(ground, batch) for batch in batches[middle:])
    )

    for message in told.wamids:
        shown = await ground.see(message)
        times = shown.sent_at, shown.delivered_at, shown.read_at
        failures = shown.error_code, shown.failed_at, shown.warning_code
        assert (shown.status, *times, *failures, shown.duplicates) == told.expected(message), told.of(message)
    kept = {(one.wamid, one.status, one.provider_at, one.code) for one in told.seen}
    assert await ground.pool.fetchval("SELECT count(*) FROM evidence") == len(kept)
    assert await ground.pool.fetchval("SELECT count(*) FROM evidence WHERE attempt_id IS NULL") == 0


def strange(ground: Ground, count: int) -> list[StatusSeen]:
    return [
        StatusSeen(
            workspace_id=ground.app.workspace_id,
            sender_id=ground.sender,
            wamid=f"wamid.strange{n}",
            status="sent",
            provider_at=at(n),
            received_at=at(n),
        )
        for n in range(count)
    ]


async def test_statuses_of_thousands_of_unknown_messages_do_not_use_up_the_locks_of_the_server(ground: Ground) -> None:
    async def work(connection: Connection) -> int:
        await witness.statuses(connection, strange(ground, 3000))
        count = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert isinstance(count, int)
        return count

    assert await in_transaction(ground.pool, work) <= 1000
    assert await ground.pool.fetchval("SELECT count(*) FROM evidence WHERE attempt_id IS NULL") == 3000


async def test_what_was_parked_while_its_attempt_got_its_wamid_is_bound_a_little_later(ground: Ground) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await ground.meta_says("wamid.OUT1", "sent", "delivered")
    # As another transaction would leave it that did not wait for the first.
    await ground.pool.execute("UPDATE attempt SET wamid = 'wamid.OUT1', outcome = 'accepted' WHERE id = $1", attempt)

    await witness.bind_parked(ground.pool, after="", most=500)

    assert (await ground.see(message)).status == "delivered"


async def test_two_workers_with_the_same_statuses_in_other_orders_lock_nothing_up(ground: Ground) -> None:
    await ground.customer_writes()
    messages, seen = [await ground.send() for _ in range(12)], list[StatusSeen]()
    for n, (message, attempt) in enumerate(zip(messages, await begun(ground, messages), strict=True)):
        await ground.settle(message, attempt, Accepted(f"wamid.strange{n}"))
    for status in ("sent", "delivered", "read"):
        seen += [
            StatusSeen(one.workspace_id, one.sender_id, one.wamid, status, one.provider_at, one.received_at)
            for one in strange(ground, len(messages))
        ]
    chance = random.Random(3)

    for _ in range(8):
        await asyncio.gather(*(hear(ground, chance.sample(seen, len(seen))) for _ in range(4)))

    await ground.pool.execute("SELECT pg_stat_force_next_flush()")
    deadlocks = await ground.pool.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert deadlocks == 0
    assert {(await ground.see(message)).status for message in messages} == {"read"}
