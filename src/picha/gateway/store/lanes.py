"""Leases on lanes: who works on what, for how long, and whether there is anything to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from picha.gateway.domain.pace import ErrorBudget
from picha.gateway.domain.rest import Resting
from picha.gateway.store.pool import Pool

LEASE_SECONDS = 15
# Nothing is begun with less than this left, so that an owner's last act ends before the next owner's first.
MARGIN_SECONDS = 5
RENEW_SECONDS = 5

PREPARE, BATCH, SEND, HEAR, TELL = "prepare", "batch", "send", "hear", "tell"
CHANNELS = {
    PREPARE: "picha_prepare",
    BATCH: "picha_batch",
    SEND: "picha_send",
    HEAR: "picha_hear",
    TELL: "picha_tell",
}

# A picture that is to be fetched from Meta; the words are those of the index `message_to_fetch`.
IS_TO_FETCH = "image_state = 'pending' AND (NOT is_outbound OR is_echo)"

# Where each kind of lane finds its waiting work. The partial indexes hold nothing else. An attempt that is open in a
# lane without an owner is work too: its owner died, and nobody else will say that its outcome is unknown.
_WORK = {
    PREPARE: "SELECT 1 FROM message WHERE workspace_id = lane.key AND phase = 'image_wait' AND due_at <= now()",
    BATCH: "SELECT 1 FROM batch WHERE workspace_id = lane.key AND due_at <= now()",
    SEND: "SELECT 1 FROM pair JOIN sender ON sender.id = lane.key"
    " WHERE sender_id = lane.key AND next_due <= now() AND paused_at IS NULL"
    " UNION ALL SELECT 1 FROM attempt WHERE sender_id = lane.key AND outcome IS NULL",
    HEAR: f"SELECT 1 FROM message WHERE sender_id = lane.key AND {IS_TO_FETCH} AND due_at <= now()",  # noqa: S608
    # A subquery of its own, so that what waits for a disabled webhook is never gone through.
    TELL: "SELECT 1 FROM webhook WHERE id = lane.key AND disabled_at IS NULL AND"
    " (SELECT true FROM delivery WHERE webhook_id = lane.key AND status = 'pending' AND due_at <= now() LIMIT 1)",
}

_IS_FREE = "kind = $1 AND (leased_until IS NULL OR leased_until < clock_timestamp()) AND EXISTS ({work})"
# Who was left alone for the longest comes first.
_TAKE = f"""
WITH free AS (
    SELECT kind, key FROM lane WHERE {_IS_FREE}
    ORDER BY greatest(left_at, leased_until) NULLS FIRST, key LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE lane SET owner = $2, fence = fence + 1, leased_until = clock_timestamp() + make_interval(secs => $4)
FROM free WHERE lane.kind = free.kind AND lane.key = free.key
RETURNING lane.key, lane.fence, rests,
    coalesce(greatest(0, extract(epoch FROM rests_until - clock_timestamp())), 0)::float8 AS rests_for,
    coalesce((SELECT workspace_id FROM sender WHERE sender.id = lane.key),
        (SELECT workspace_id FROM webhook WHERE webhook.id = lane.key), lane.key) AS workspace
"""  # noqa: S608 - constants of this module only
_IS_WANTED = f"SELECT EXISTS (SELECT FROM lane WHERE {_IS_FREE})"  # noqa: S608 - constants of this module only

# Locked in the order in which beginnings lock them.
_RENEW = """
WITH held AS MATERIALIZED (
    SELECT lane.key, lane.fence, told.rests_for, told.rests FROM lane
    JOIN unnest($2::uuid[], $3::bigint[], $5::float8[], $6::int[]) AS told (key, fence, rests_for, rests)
        ON kind = $1 AND lane.key = told.key AND lane.fence = told.fence
    WHERE leased_until > clock_timestamp()
    ORDER BY lane.key FOR NO KEY UPDATE OF lane
)
UPDATE lane SET leased_until = clock_timestamp() + make_interval(secs => $4),
    rests_until = clock_timestamp() + make_interval(secs => nullif(held.rests_for, 0)), rests = held.rests
FROM held WHERE kind = $1 AND lane.key = held.key
RETURNING lane.key, lane.fence
"""

_RELEASE = """
UPDATE lane SET owner = NULL, leased_until = NULL, left_at = clock_timestamp(),
    rests_until = clock_timestamp() + make_interval(secs => nullif($4::float8, 0)), rests = $5
WHERE kind = $1 AND key = $2 AND fence = $3
"""

_PRESENT = """
INSERT INTO keeper (kind, owner, seen_at) VALUES ($1, $2, clock_timestamp())
ON CONFLICT (kind, owner) DO UPDATE SET seen_at = excluded.seen_at
"""
_GONE = "DELETE FROM keeper WHERE kind = $1 AND (owner = $2 OR seen_at < clock_timestamp() - make_interval(secs => $3))"
_SHARE = """
SELECT ceil((SELECT count(*) FROM lane WHERE kind = $1 AND leased_until > clock_timestamp()) / count(*)::numeric)::int
FROM keeper WHERE kind = $1 AND seen_at > clock_timestamp() - make_interval(secs => $2)
"""

_SPEND = """
UPDATE lane SET errors_until = greatest(errors_until, clock_timestamp()) + $3::interval
WHERE kind = $1 AND key = $2 AND coalesce(errors_until <= clock_timestamp() + $4::interval, true) RETURNING true
"""
_REFUND = "UPDATE lane SET errors_until = errors_until - $3::interval WHERE kind = $1 AND key = $2"

_WEIGHTS = "SELECT id, weight FROM workspace WHERE weight <> 1"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one lane, of `workspace` where that is known.

    `key` is a sender's id, a workspace's for prepare and batch, a webhook's for tell. `resting` is how the lane rests:
    as its last owner left it, or as the next one is to know it.
    """

    kind: str
    key: UUID
    fence: int
    workspace: UUID | None = field(default=None, compare=False)
    resting: Resting = field(default=Resting(), compare=False)


async def take(pool: Pool, kind: str, owner: UUID, *, most: int) -> list[Lease]:
    """Lease up to `most` lanes of `kind` that have due work and no living owner."""
    rows = await pool.fetch(_TAKE.format(work=_WORK[kind]), kind, owner, most, float(LEASE_SECONDS))
    return [
        Lease(kind, row["key"], row["fence"], row["workspace"], Resting(row["rests_for"], row["rests"])) for row in rows
    ]


async def is_wanted(pool: Pool, kind: str) -> bool:
    """Tell whether a lane of `kind` has due work and no living owner."""
    return bool(await pool.fetchval(_IS_WANTED.format(work=_WORK[kind]), kind))


async def renew(pool: Pool, kind: str, leases: Sequence[Lease]) -> set[Lease]:
    """Prolong `leases` and return those that still hold; the others were lost and their owner must stop."""
    rows = await pool.fetch(
        _RENEW,
        kind,
        [one.key for one in leases],
        [one.fence for one in leases],
        float(LEASE_SECONDS),
        [one.resting.seconds for one in leases],
        [one.resting.rests for one in leases],
    )
    return {Lease(kind, row["key"], row["fence"]) for row in rows}


async def release(pool: Pool, lease: Lease) -> None:
    """Give a lane back, so that any worker may take it at once."""
    await pool.execute(_RELEASE, lease.kind, lease.key, lease.fence, lease.resting.seconds, lease.resting.rests)


async def spend(pool: Pool, lease: Lease, budget: ErrorBudget) -> bool:
    """Take one error of a lane's budget, which all its owners share, and tell whether there was one left."""
    return bool(await pool.fetchval(_SPEND, lease.kind, lease.key, budget.interval, budget.credit))


async def refund(pool: Pool, lease: Lease, budget: ErrorBudget) -> None:
    """Give back what was spent on something that did not fail."""
    await pool.execute(_REFUND, lease.kind, lease.key, budget.interval)


class Leases:
    """The leases of one kind that one keeper takes, prolongs and gives back."""

    def __init__(self, pool: Pool, kind: str, owner: UUID) -> None:
        self.kind = kind
        self._pool, self._owner = pool, owner

    async def take(self, most: int) -> list[Lease]:
        """Lease up to `most` lanes that have due work and no living owner."""
        return await take(self._pool, self.kind, self._owner, most=most)

    async def is_wanted(self) -> bool:
        """Tell whether a lane has due work and no living owner."""
        return await is_wanted(self._pool, self.kind)

    async def renew(self, leases: Sequence[Lease]) -> set[Lease]:
        """Prolong `leases` and return those that still hold."""
        return await renew(self._pool, self.kind, leases) if leases else set()

    async def release(self, lease: Lease) -> None:
        """Give a lane back."""
        await release(self._pool, lease)

    async def share(self) -> int:
        """Say that this keeper is there, and return how many of the leased lanes are its share of them, rounded up."""
        await self._pool.execute(_PRESENT, self.kind, self._owner)
        return await self._pool.fetchval(_SHARE, self.kind, float(LEASE_SECONDS)) or 0

    async def weights(self) -> dict[UUID, int]:
        """Return how much each workspace weighs that has not the weight of most, 1."""
        return {row[0]: row[1] for row in await self._pool.fetch(_WEIGHTS)}

    async def leave(self) -> None:
        """Say that this keeper is there no more, and forget others that have long not said they are."""
        await self._pool.execute(_GONE, self.kind, self._owner, float(LEASE_SECONDS))
