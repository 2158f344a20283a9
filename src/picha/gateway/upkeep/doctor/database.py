"""Looks at the database: whether it keeps what it acknowledges, and what waits in it."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from picha.gateway.store import epochs, reading, sealed
from picha.gateway.store import pool as pools
from picha.gateway.store.lanes import HEAR
from picha.gateway.store.pool import Pool
from picha.gateway.store.reading import Reading, SenderReading
from picha.gateway.upkeep.doctor.findings import Finding, ok, problem, warning
from picha.kit.clock import Clock

# How far two clocks may be apart before it is told, and before it does harm: leases and windows are told by both.
SKEW, SKEW_MAX = timedelta(seconds=2), timedelta(seconds=30)
_BACKLOG, _BACKLOG_MAX = timedelta(minutes=5), timedelta(hours=4)
_WEBHOOKS_MAX = timedelta(minutes=1)
_DELIVERIES_MAX = timedelta(minutes=5)
# A worker beats every ten seconds.
_SILENT = timedelta(seconds=45)


async def durability(pool: Pool) -> AsyncIterator[Finding]:
    """Look at the settings that decide whether an acknowledged message can be lost."""
    found = await pools.troubles(pool)
    for trouble in found:
        say = problem if trouble.is_grave else warning
        yield say("durability", trouble.what, trouble.remedy)
    if not found:
        yield ok("durability", "The database keeps what it acknowledges, and has every migration.")


async def under(pool: Pool, ring: Sequence[str]) -> AsyncIterator[Finding]:
    """Look whether a former key of the `ring`, whose ids come newest first, is still needed."""
    left = await sealed.left(pool, ring[0])
    if left:
        what = f"{left} stored secrets are sealed under another master key than the newest, {ring[0]}."
        yield warning("sealed", what, "`picha rekey` seals them under that one; keep the former keys until then.")
    elif len(ring) > 1:
        yield ok("sealed", "Every stored secret is under the newest master key: `picha rekey --retire` may follow.")
    else:
        yield ok("sealed", "Every stored secret is under the one master key.")


async def clock(pool: Pool, ours: Clock) -> AsyncIterator[Finding]:
    """Compare our clock with the database's."""
    before = ours.now()
    theirs: datetime = await pool.fetchval("SELECT clock_timestamp()")
    yield judge_skew(theirs - before, ours.now() - before, "the database's")


def judge_skew(apart: timedelta, took: timedelta, whose: str, *, slack: timedelta = timedelta(0)) -> Finding:
    """Judge how far another clock is ahead of ours, when asking it `took` that long and it is known to `slack`."""
    off = max(timedelta(0), -apart - slack, apart - took - slack)
    if off <= SKEW:
        return ok("clock", f"This machine's clock and {whose} agree.")
    what = f"This machine's clock is {off.total_seconds():,.0f} s {'behind' if apart > took else 'ahead of'} {whose}."
    remedy = "Let both machines follow a time server (NTP); windows, leases and retries are told by these clocks."
    return (problem if off > SKEW_MAX else warning)("clock", what, remedy)


async def life(pool: Pool) -> AsyncIterator[Finding]:
    """Look whether the database was put back to an earlier state, and whether a worker lives."""
    epoch = await epochs.read(pool)
    if epoch.restored_at is not None:
        what = "The database was put back to an earlier state: nothing is sent."
        yield problem("restored", what, "`picha restore status` tells more; `picha restore confirm` lets it go on.")
    else:
        yield ok("restored", "The database is what it was.")
    silent_s = await pool.fetchval("SELECT extract(epoch FROM clock_timestamp() - $1)::float8", epoch.beaten_at)
    if silent_s is None or silent_s > _SILENT.total_seconds():
        since = "ever" if silent_s is None else f"for {silent_s:,.0f} s"
        yield problem("worker", f"No worker was heard of {since}.", "Start one (`picha worker`), or read its log.")
    else:
        yield ok("worker", "A worker works.")


async def queues(pool: Pool) -> AsyncIterator[Finding]:
    """Look at what waits."""
    async with pool.acquire() as connection:
        told = await reading.read(connection)
    is_held = (await epochs.read(pool)).restored_at is not None
    for one in told.senders:
        yield _backlog(one)
        yield _pause(one)
    for finding in (
        _lanes(told, is_held=is_held),
        _unknown(told),
        _webhooks(told),
        _customers(told),
        _quarantine(told),
    ):
        yield finding


async def queue(pool: Pool, sender: UUID) -> AsyncIterator[Finding]:
    """Look at what waits for one number."""
    async with pool.acquire() as connection:
        told = await reading.read(connection)
    for one in told.senders:
        if one.id == sender:
            yield _backlog(one)
            yield _pause(one)


def _backlog(sender: SenderReading) -> Finding:
    waits, about = timedelta(seconds=sender.oldest_s), str(sender.id)
    if waits < _BACKLOG:
        return ok("backlog", f"{_count(sender.waiting)} in the queue, none due for long.", about=about)
    what = f"{_count(sender.waiting)} in the queue, the oldest due for {waits.total_seconds() / 60:,.0f} minutes."
    if not sender.is_active or sender.paused_for:
        return warning("backlog", what, "The number is paused or switched off; let it go on to send them.", about=about)
    remedy = (
        "See that workers run, what the number's findings here say, and whether it is asked for more than its pace."
    )
    return (problem if waits > _BACKLOG_MAX else warning)("backlog", what, remedy, about=about)


def _pause(sender: SenderReading) -> Finding:
    about = str(sender.id)
    if sender.paused_for == "token":
        what = "The number is paused: Meta refused its token."
        return problem("pause", what, "`picha senders add` with a new token; the number then goes on.", about=about)
    if sender.paused_for == "operator":
        what = "The number was paused by a person."
        return warning("pause", what, f"`picha senders resume {about}` lets it go on.", about=about)
    return ok("pause", "The number is not paused.", about=about)


def _lanes(told: Reading, *, is_held: bool) -> Finding:
    # While nothing is sent, nobody holds what is to be sent, and that is told already.
    orphaned = {kind: count for kind, count in told.orphaned.items() if count and (kind == HEAR or not is_held)}
    if not orphaned:
        return ok("lanes", "Every lane with work has a worker.")
    named = ", ".join(f"{count} {kind}" for kind, count in orphaned.items())
    what = f"Lanes with overdue work that no worker holds: {named}."
    return problem("lanes", what, "Start a worker (`picha worker`), or read the log of those that run.")


def _unknown(told: Reading) -> Finding:
    count = told.waiting["unknown"]
    if not count:
        return ok("unknown", "No send is of unknown outcome.")
    remedy = "Nothing, as a rule: evidence settles them, or they are given up within 15 minutes and may be sent anew."
    return warning("unknown", f"{_count(count)} of unknown outcome.", remedy)


def _webhooks(told: Reading) -> Finding:
    waits = timedelta(seconds=told.webhooks_oldest_s)
    if waits < _WEBHOOKS_MAX:
        return ok("webhooks", "Webhooks are understood as they come.")
    what = f"{told.webhooks:,} webhooks wait to be understood, the oldest for {waits.total_seconds():,.0f} s."
    return problem("webhooks", what, "Start a worker (`picha worker`), or read the log of those that run.")


def _customers(told: Reading) -> Finding:
    waits = timedelta(seconds=told.deliveries_oldest_s)
    if waits > _DELIVERIES_MAX:
        what = f"A delivery to a customer's webhook has been due for {waits.total_seconds() / 60:,.0f} minutes."
        return warning("deliveries", what, "See that workers run, and which webhook answers slowly.")
    if not told.endpoints_failing and not told.endpoints_off:
        return ok("deliveries", "Customers' webhooks are told what there is to tell.")
    what = f"Customers' webhooks: {told.endpoints_failing:,} failing, {told.endpoints_off:,} disabled for that."
    remedy = "GET /v1/webhooks/all tells which, and GET /v1/webhooks/{webhook_id}/deliveries what came back."
    return warning("deliveries", what, remedy)


def _quarantine(told: Reading) -> Finding:
    if not told.quarantined:
        return ok("quarantine", "No item of a webhook was put aside.")
    what = f"{told.quarantined:,} items of webhooks could not be understood."
    remedy = "SELECT path, reason, count(*) FROM quarantine GROUP BY 1, 2 tells which; please report what Meta sends."
    return warning("quarantine", what, remedy)


def _count(messages: int) -> str:
    more = " or more" if messages >= reading.COUNT_TO else ""
    return f"{messages:,}{more} message{'s' if messages != 1 else ''}"
