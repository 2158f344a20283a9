"""Events on their way to webhooks: what is due, what became of each try, and what is begun anew.

A row is written with its event, by a trigger of that table, and goes with it. What is tried and not settled, because a
worker died, is due as it was: it is tried again, under the same id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from picha.gateway.store.endpoints import Endpoint, Whose
from picha.gateway.store.events import ABOUT, SHOWN, EventView, viewed
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.views import COUNT_TO
from picha.kit.ids import earliest

# How long nothing but failures may come back before a webhook is disabled.
PATIENCE = timedelta(days=5)
LOOKED_AT_MOST = 100_000
# How many are begun anew in one statement, and in one call.
_CHUNK, RETRY_MOST = 1000, 50_000
_LAST = UUID(int=2**128 - 1)
# Nothing is from so late, and a moment later is a moment still.
_FAR = datetime(9999, 12, 31, tzinfo=UTC)

Status = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class Tellable:
    """One delivery that is due, with its event; `step` is how many of its tries failed since it was begun."""

    event_seq: int
    step: int
    event: EventView

    @property
    def thread(self) -> UUID:
        """The message that the event is about: as long as all goes well, what is about one is told in order."""
        return self.event.message_id or UUID(int=self.event_seq)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one try to tell `endpoint`; with `again_after` a failed one is tried again, else it is given up.

    `is_gone` says that the receiver wants no more of anything.
    """

    endpoint: UUID
    url: str
    event_seq: int
    status: Status
    step: int
    took_ms: int
    again_after: timedelta | None = None
    answer_status: int | None = None
    answer_body: bytes | None = None
    error: str | None = None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as it is shown; `event` and `answer_body` are there where it is shown alone."""

    id: UUID
    endpoint: UUID
    app_id: UUID
    kind: str
    about: UUID
    sequence: int
    event_seq: int
    status: Status
    due_at: datetime | None
    attempts: int
    created_at: datetime
    tried_at: datetime | None
    delivered_at: datetime | None
    took_ms: int | None
    answer_status: int | None
    error: str | None
    answer_body: bytes | None = None
    event: EventView | None = None


@dataclass(frozen=True, slots=True)
class Stats:
    """How many deliveries there were, by status and kind, and whether all were counted."""

    by_status: dict[str, int]
    by_kind: dict[str, int]
    is_exact: bool


# Of a busy message as many are passed over as it can have.
_EVENTS_OF_ONE = 4
_DUE = f"""
SELECT due.step, {SHOWN}
FROM (
    SELECT event_seq, step, due_at FROM delivery
    WHERE webhook_id = $1 AND status = 'pending' AND due_at <= now()
    ORDER BY due_at LIMIT $3 + {_EVENTS_OF_ONE} * cardinality($2::uuid[])
) AS due JOIN event ON event.seq = due.event_seq {ABOUT}
WHERE event.message_id IS NULL OR event.message_id <> ALL($2)
ORDER BY due.due_at, event.seq LIMIT $3
"""  # noqa: S608 - constants of the store only

# What was delivered meanwhile, by a worker whose lease had run out, stays that.
_SETTLE = """
UPDATE delivery SET status = told.status, step = told.step, attempts = attempts + 1, tried_at = clock_timestamp(),
    due_at = clock_timestamp() + again_after,
    delivered_at = CASE told.status WHEN 'delivered' THEN clock_timestamp() END,
    took_ms = told.took_ms, answer_status = told.answer_status, answer_body = told.answer_body, error = told.error
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::smallint[], $5::integer[], $6::interval[], $7::smallint[],
    $8::bytea[], $9::text[])
    AS told (webhook_id, event_seq, status, step, took_ms, again_after, answer_status, answer_body, error)
WHERE delivery.event_seq = told.event_seq AND delivery.webhook_id = told.webhook_id
    AND (delivery.status <> 'delivered' OR told.status = 'delivered')
"""
# One success among them is enough. What was told by an address that is no longer the webhook's says nothing of it.
_JUDGE = """
WITH told AS (
    SELECT id, url, bool_or(is_fine) AS is_fine, bool_or(is_gone) AS is_gone
    FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::boolean[]) AS told (id, url, is_fine, is_gone) GROUP BY 1, 2
), judged AS (
    UPDATE webhook SET failing_since = CASE WHEN NOT told.is_fine THEN coalesce(failing_since, clock_timestamp()) END,
        disabled_at = CASE WHEN {is_over} THEN clock_timestamp() END,
        disabled_for = CASE WHEN told.is_gone THEN 'gone' WHEN {is_over} THEN 'failing' END
    FROM told
    WHERE webhook.id = told.id AND webhook.url = told.url AND disabled_at IS NULL
        AND ((failing_since IS NULL) <> told.is_fine OR {is_over})
    RETURNING webhook.*
), noted AS (
    INSERT INTO event (workspace_id, environment, app_id, webhook_id, sequence, kind, occurred_at, error_code)
    SELECT workspace_id, environment, app_id, id, 1, 'disabled', disabled_at, disabled_for
    FROM judged WHERE disabled_at IS NOT NULL RETURNING webhook_id, error_code
)
SELECT webhook_id, error_code, pg_notify('picha_event', '') FROM noted
""".format(is_over="(told.is_gone OR NOT told.is_fine AND failing_since < clock_timestamp() - $5::interval)")  # noqa: S608 - as above

_MINE = "SELECT id FROM webhook WHERE workspace_id = $1 AND environment = $2 AND id = $3"
_SHOWN = """
delivery.id, delivery.webhook_id, webhook.app_id, delivery.kind, coalesce(event.message_id, event.webhook_id),
event.sequence, delivery.event_seq, delivery.status, CASE WHEN webhook.disabled_at IS NULL THEN due_at END, attempts,
delivery.created_at, tried_at, delivered_at, took_ms, answer_status, error
"""
_OF = "JOIN event ON event.seq = delivery.event_seq JOIN webhook ON webhook.id = delivery.webhook_id"
# Each status has a statement of its own, so that its index serves; an event's name is looked for among the newest.
_ROWS = """
FROM (SELECT * FROM delivery WHERE webhook_id = ({mine}) {status} ORDER BY id DESC LIMIT {most}) AS newest
WHERE $4::text IS NULL OR kind = $4
"""
_LIST = """
SELECT {shown} FROM (SELECT * {rows} ORDER BY id DESC LIMIT $5 OFFSET $6) AS delivery {of} ORDER BY delivery.id DESC
"""
_COUNT = "SELECT count(*) FROM (SELECT {rows} LIMIT {most}) AS counted"


def _listing(status: str) -> tuple[str, str]:
    """Return the statements that list and count deliveries of one status, or of any."""
    rows = _ROWS.format(mine=_MINE, status=f"AND status = '{status}'" if status else "", most=LOOKED_AT_MOST)
    return _LIST.format(shown=_SHOWN, rows=rows, of=_OF), _COUNT.format(rows=rows, most=COUNT_TO + 1)


_LISTINGS = {status: _listing(status or "") for status in (None, *get_args(Status))}
_ONE = f"""
SELECT {_SHOWN}, answer_body FROM delivery {_OF} WHERE delivery.webhook_id = ({_MINE}) AND delivery.id = $4
"""  # noqa: S608 - constants
_EVENT = f"SELECT {SHOWN} FROM event {ABOUT} WHERE event.seq = $1"  # noqa: S608 - constants

_STATS = f"""
SELECT status, kind, count(*) FROM (
    SELECT status, kind FROM delivery WHERE webhook_id = ({_MINE}) AND id >= $4 AND created_at >= $5
    ORDER BY id DESC LIMIT $6
) AS counted GROUP BY status, kind
"""  # noqa: S608 - constants

_AGAIN = "status = 'pending', due_at = clock_timestamp(), step = 0, delivered_at = NULL"
_RETRY = f"""
UPDATE delivery SET {_AGAIN}
WHERE webhook_id = ({_MINE}) AND id = $4 RETURNING id
"""  # noqa: S608 - constants
_RETRY_RANGE = f"""
UPDATE delivery SET {_AGAIN} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM delivery
    WHERE webhook_id = ({_MINE}) AND {{which}}
        AND id >= $4 AND id < $5 AND ($6::timestamptz IS NULL OR created_at >= $6)
        AND ($7::timestamptz IS NULL OR created_at < $7) AND (tried_at IS NULL OR tried_at < $8)
    LIMIT {_CHUNK} FOR NO KEY UPDATE SKIP LOCKED))
"""  # noqa: S608 - constants
_RETRIES: dict[Status, str] = {
    "pending": _RETRY_RANGE.format(which="status = 'pending' AND due_at > now()"),
    "delivered": _RETRY_RANGE.format(which="status = 'delivered'"),
    "failed": _RETRY_RANGE.format(which="status = 'failed'"),
}
_RING = "SELECT pg_notify('picha_tell', '')"

_TEST = f"""
INSERT INTO event (workspace_id, environment, app_id, webhook_id, sequence, kind, occurred_at)
SELECT workspace_id, environment, app_id, id, 1, 'test', clock_timestamp() FROM webhook WHERE id = ({_MINE})
RETURNING seq
"""  # noqa: S608 - constants
_OF_EVENT = "SELECT id FROM delivery WHERE event_seq = $1 AND webhook_id = $2"


async def due(pool: Pool, endpoint: Endpoint, *, busy: Iterable[UUID], most: int) -> list[Tellable]:
    """Return up to `most` deliveries of a webhook that are due, the longest due first, of no message in `busy`."""
    rows = await pool.fetch(_DUE, endpoint.id, list(busy), most)
    found = await viewed(pool, endpoint.workspace_id, endpoint.environment, rows)
    return [Tellable(row["seq"], row["step"], event) for row, event in zip(rows, found, strict=True)]


async def settle(pool: Pool, told: Sequence[Told]) -> dict[UUID, str]:
    """Record what became of tries, and return which webhooks are disabled because of them, and why."""

    async def work(connection: Connection) -> dict[UUID, str]:
        rows = sorted(told, key=lambda one: (one.event_seq, one.endpoint))
        await connection.execute(
            _SETTLE,
            [one.endpoint for one in rows],
            [one.event_seq for one in rows],
            [one.status for one in rows],
            [one.step for one in rows],
            [one.took_ms for one in rows],
            [one.again_after for one in rows],
            [one.answer_status for one in rows],
            [one.answer_body for one in rows],
            [one.error for one in rows],
        )
        disabled = await connection.fetch(
            _JUDGE,
            [one.endpoint for one in rows],
            [one.url for one in rows],
            [one.status == "delivered" for one in rows],
            [one.is_gone for one in rows],
            PATIENCE,
        )
        return {row["webhook_id"]: row["error_code"] for row in disabled}

    return await in_transaction(pool, work)


async def drop(pool: Pool, endpoint: UUID, event_seq: int) -> None:
    """Let go of a delivery whose event tells nothing any more, because its message is gone."""
    await pool.execute("DELETE FROM delivery WHERE webhook_id = $1 AND event_seq = $2", endpoint, event_seq)


async def listed(
    pool: Pool, whose: Whose, endpoint: UUID, *, status: Status | None, kind: str | None, limit: int, offset: int
) -> tuple[list[DeliveryView], int]:
    """List a webhook's deliveries, newest first, with their number up to `COUNT_TO` + 1."""
    listing, counting = _LISTINGS[status]
    asked = (whose.workspace_id, whose.environment, endpoint, kind)
    rows = await pool.fetch(listing, *asked, limit, offset)
    return [DeliveryView(*row) for row in rows], await pool.fetchval(counting, *asked)


async def find(pool: Pool, whose: Whose, endpoint: UUID, delivery: UUID) -> DeliveryView | None:
    """Return one delivery of a webhook, with its event and the body of the last answer."""
    row = await pool.fetchrow(_ONE, whose.workspace_id, whose.environment, endpoint, delivery)
    if row is None:
        return None
    shown = await pool.fetch(_EVENT, row["event_seq"])
    events = await viewed(pool, whose.workspace_id, whose.environment, shown)
    return replace(DeliveryView(*row), event=events[0] if events else None)


async def stats(pool: Pool, whose: Whose, endpoint: UUID, *, since: datetime, most: int = LOOKED_AT_MOST) -> Stats:
    """Count the newest deliveries of a webhook that were created since a moment, at most so many."""
    rows = await pool.fetch(_STATS, whose.workspace_id, whose.environment, endpoint, earliest(since), since, most)
    counted = Stats({}, {}, is_exact=sum(row["count"] for row in rows) < most)
    for row in rows:
        counted.by_status[row["status"]] = counted.by_status.get(row["status"], 0) + row["count"]
        counted.by_kind[row["kind"]] = counted.by_kind.get(row["kind"], 0) + row["count"]
    return counted


async def retry(pool: Pool, whose: Whose, endpoint: UUID, delivery: UUID) -> bool:
    """Begin a delivery anew, now, in place of a try that it may wait for; tell whether there is such a one."""

    async def work(connection: Connection) -> bool:
        found = await connection.fetchval(_RETRY, whose.workspace_id, whose.environment, endpoint, delivery)
        await connection.execute(_RING)
        return found is not None

    return await in_transaction(pool, work)


async def retry_range(
    pool: Pool, whose: Whose, endpoint: UUID, *, status: Status, since: datetime | None, until: datetime | None
) -> tuple[int, bool]:
    """Begin deliveries of a status anew, by when they were created; return how many, and whether those were all.

    A thousand are begun at a time, each of them once, however fast they are tried again.
    """
    began_at = await pool.fetchval("SELECT clock_timestamp()")
    first, end = (
        earliest(since) if since else UUID(int=0),
        earliest(min(until, _FAR) + timedelta(milliseconds=1)) if until else _LAST,
    )
    count = 0
    while count < RETRY_MOST:
        asked = (whose.workspace_id, whose.environment, endpoint, first, end, since, until, began_at)
        begun = int((await pool.execute(_RETRIES[status], *asked)).rpartition(" ")[2])
        count += begun
        if begun:
            await pool.execute(_RING)
        if begun < _CHUNK:
            return count, True
    return count, False


async def test(pool: Pool, whose: Whose, endpoint: UUID) -> UUID | None:
    """Write down an event that tests one webhook, and return its delivery; None where there is no such webhook."""

    async def work(connection: Connection) -> UUID | None:
        event = await connection.fetchval(_TEST, whose.workspace_id, whose.environment, endpoint)
        found: UUID | None = await connection.fetchval(_OF_EVENT, event, endpoint)
        return found

    return await in_transaction(pool, work)
