"""A message costs the same work whether a hundred are stored or twenty thousand: counted in pages, not in seconds."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest
from tests.store.ground import NOON, VAULT, Ground, at, open_ground

from picha.gateway.domain.admission import Send
from picha.gateway.domain.facts import MessageReceived, Person, StatusSeen
from picha.gateway.domain.outcomes import Accepted
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import accepting, deliveries, endpoints, events, lanes, outbox, raw
from picha.gateway.store.deliveries import Told
from picha.gateway.store.endpoints import NewEndpoint, Whose
from picha.gateway.store.events import Cursor
from picha.gateway.store.ledger import receive, witness
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement, settle
from picha.gateway.store.pool import Connection, Pool
from picha.gateway.store.raw import Raw, Verified
from picha.kit.secrets import Secret

FEW, MANY = 100, 20_000
BATCH = 20
# PostgreSQL plans a statement anew for its first five executions in a session, then keeps the plan.
UNTIL_PLANS_ARE_KEPT = 8
TABLES = (
    "contact",
    "contact_address",
    "conversation",
    "message",
    "attempt",
    "evidence",
    "event",
    "delivery",
    "raw_webhook",
)

# Five messages a person, in and out by turns. Each has its body kept; each that was sent has its attempt and statuses.
FILL = """
CREATE TEMP TABLE fill ON COMMIT DROP AS
SELECT n, workspace_id AS w, id AS s, gen_random_uuid() AS message, gen_random_uuid() AS attempt,
    md5(n / 5 || 'contact')::uuid AS contact, md5(n / 5 || 'thread')::uuid AS thread, 'wamid.old' || n AS wamid
FROM sender, generate_series({first}, {end} - 1) AS n;

INSERT INTO contact (id, workspace_id) SELECT DISTINCT contact, w FROM fill;
INSERT INTO contact_address (workspace_id, kind, value, contact_id)
SELECT DISTINCT w, 'wa_id', (255700000000 + n / 5)::text, contact FROM fill;
INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until)
SELECT DISTINCT thread, w, s, contact, now() FROM fill;
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    provider_message_id, created_at)
SELECT message, w, thread, s, contact, n % 2 = 0, 'image', (ARRAY['submitted', 'received'])[n % 2 + 1],
    (ARRAY['read', 'received'])[n % 2 + 1], wamid, now() FROM fill;
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
SELECT attempt, w, message, s, 1, 1, now(), 'accepted', wamid FROM fill WHERE n % 2 = 0;
INSERT INTO evidence (wamid, status, provider_at, sender_id, workspace_id, attempt_id, received_at)
SELECT wamid, status, now(), s, w, attempt, now()
FROM fill, unnest(ARRAY['sent', 'delivered', 'read']) AS status WHERE n % 2 = 0;
ALTER TABLE event DISABLE TRIGGER hands_over;
INSERT INTO event (workspace_id, environment, app_id, message_id, sequence, kind, occurred_at)
SELECT w, 'test', CASE WHEN kind <> 'received' THEN (SELECT id FROM app) END, message, place, kind, now()
FROM fill, unnest(ARRAY['sent', 'delivered', 'read', 'received']) WITH ORDINALITY AS told (kind, place);
ALTER TABLE event ENABLE TRIGGER hands_over;
INSERT INTO delivery (event_seq, webhook_id, kind, status, due_at)
SELECT seq, webhook.id, kind, 'delivered', NULL FROM event, webhook
WHERE seq > coalesce((SELECT max(event_seq) FROM delivery), 0);
INSERT INTO raw_webhook (id, meta_app_id, digest, body, received_at, digested_at)
SELECT gen_random_uuid(), '670843887433847', sha256(wamid::bytea), '{{}}', now(), now() FROM fill;
"""

PAGES = """
SELECT relname, heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0) AS pages
FROM pg_statio_user_tables
"""


async def execute(dsn: str, statements: str) -> None:
    """Run statements as the database's owner, in one transaction."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def fill(dsn: str, first: int, end: int) -> None:
    """Store the messages from `first` up to `end`."""
    await execute(dsn, FILL.format(first=first, end=end))


async def run_a_batch(ground: Ground, name: str) -> None:
    """Take some customers' messages, accept, send and settle an answer to each, and hear its statuses."""
    phones = [f"1{name}{n:04}" for n in range(BATCH)]
    cursor = await told(ground, None)
    await hear(ground, name, phones)
    answers = await answer(ground, phones)
    lease = (await lanes.take(ground.pool, lanes.SEND, ground.ids.uuid(), most=10))[0]
    waiting, _ = await outbox.sends(ground.pool, ground.sender, busy=(), most=BATCH)
    assert [one.id for one in waiting] == answers
    attempts = [ground.ids.uuid() for _ in answers]
    begun = [Beginning(lease, message, attempt) for message, attempt in zip(answers, attempts, strict=True)]
    assert all(await begin(ground.pool, begun))
    wamids = [f"wamid.{name}{n}" for n in range(BATCH)]
    await settle(
        ground.pool,
        [Settlement(b.message, b.attempt, Accepted(w)) for b, w in zip(begun, wamids, strict=True)],
        PAIR_PACE,
    )
    await lanes.release(ground.pool, lease)
    await tell(ground, name, wamids)
    await told(ground, cursor)
    await deliver(ground)
    assert await outbox.to_fetch(ground.pool, ground.sender, busy=(), most=1)
    await ground.pool.execute(
        "UPDATE message SET image_state = 'stored' WHERE image_state = 'pending' AND NOT is_outbound"
    )


async def told(ground: Ground, cursor: Cursor | None) -> Cursor:
    """Read some events from a cursor on, and return the log's end."""
    app = ground.app
    part = await events.after(ground.pool, app.workspace_id, "test", app=app.app_id, cursor=cursor, limit=BATCH)
    assert cursor is None or [one.kind for one in part.events[:3]] == ["sent", "delivered", "read"]
    end = await ground.pool.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())")
    return Cursor(end, 0)


async def deliver(ground: Ground) -> None:
    """Let all be delivered that was told, and look for what failed: a list of what did not counts to 10,000."""
    whose = Whose(ground.app.workspace_id, "test")
    [shown] = await endpoints.listed(ground.pool, whose)
    assert len(await lanes.take(ground.pool, lanes.TELL, ground.ids.uuid(), most=10)) == 1
    endpoint = await endpoints.opened(ground.pool, VAULT, shown.id)
    assert endpoint is not None
    due = await deliveries.due(ground.pool, endpoint, busy=[ground.ids.uuid()], most=200)
    assert [one.event.kind for one in due].count("read") == BATCH
    await deliveries.settle(
        ground.pool, [Told(endpoint.id, endpoint.url, one.event_seq, "delivered", 1, 3) for one in due]
    )
    await deliveries.listed(ground.pool, whose, endpoint.id, status="failed", kind=None, limit=BATCH, offset=0)
    await deliveries.retry_range(ground.pool, whose, endpoint.id, status="failed", since=None, until=None)
    assert await deliveries.due(ground.pool, endpoint, busy=(), most=BATCH) == []
    await ground.pool.execute("UPDATE lane SET leased_until = NULL WHERE kind = 'tell'")


async def hear(ground: Ground, name: str, phones: Sequence[str]) -> None:
    messages = [
        MessageReceived(
            workspace_id=ground.app.workspace_id,
            account_id=ground.account,
            sender_id=ground.sender,
            wamid=f"wamid.in{phone}",
            person=Person({"wa_id": phone, "phone": phone}, name="Asha"),
            message_type="image",
            provider_at=NOON,
            received_at=NOON,
            window_until=at(86_400),
            image_state="pending",
            facts={},
        )
        for phone in phones
    ]

    async def take(connection: Connection, raws: list[Raw]) -> None:
        assert len(raws) == 1
        assert await receive.messages(connection, messages, ground.ids) == len(phones)

    await keep(ground, f"in {name}")
    assert await raw.digest(ground.pool, take, most=10) == 1


async def answer(ground: Ground, phones: Sequence[str]) -> list[UUID]:
    commands = [
        Send(workspace_id=ground.app.workspace_id, app_id=ground.app.app_id, environment="test", to=phone)
        for phone in phones
    ]
    known = await accepting.known(ground.pool, commands)
    assert all(len(one.threads) == 1 for one in known)
    file = await ground.picture()
    sends = [await ground.new_send(file=file, phone=phone) for phone in phones]
    await admit(ground.pool, sends)
    return [send.id for send in sends]


async def tell(ground: Ground, name: str, wamids: Sequence[str]) -> None:
    seen = [
        StatusSeen(
            workspace_id=ground.app.workspace_id,
            sender_id=ground.sender,
            wamid=wamid,
            status=status,
            provider_at=at(second),
            received_at=at(second),
        )
        for wamid in wamids
        for second, status in enumerate(("sent", "delivered", "read"))
    ]

    async def take(connection: Connection, _raws: list[Raw]) -> None:
        await witness.statuses(connection, seen)

    await keep(ground, f"statuses {name}")
    assert await raw.digest(ground.pool, take, most=10) == 1


async def keep(ground: Ground, body: str) -> None:
    await raw.keep(ground.pool, [Verified(ground.ids.uuid(), "670843887433847", body.encode(), body.encode())])


async def pages(pool: Pool) -> Counter[str]:
    """Return how many pages of each table and of its indexes were touched since the database was made."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_size())]
        for connection in connections:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            await connection.execute("SELECT pg_stat_clear_snapshot()")
        return Counter({row["relname"]: row["pages"] for row in await connections[0].fetch(PAGES)})


async def touched_by_a_batch(ground: Ground, name: str) -> Counter[str]:
    before = await pages(ground.pool)
    await run_a_batch(ground, name)
    return await pages(ground.pool) - before


async def analyze(dsn: str) -> None:
    await execute(dsn, "ANALYZE " + ", ".join(TABLES))


@pytest.fixture
async def calm_ground(database: str) -> AsyncIterator[Ground]:
    """A ground whose statistics change only when a test says so."""
    await execute(database, "".join(f"ALTER TABLE {table} SET (autovacuum_enabled = false);" for table in TABLES))
    async with open_ground(database) as opened:
        new = NewEndpoint(
            opened.app.app_id,
            "whatsapp",
            "http://127.0.0.1:9/",
            include_inbox=False,
            secret=Secret("s" * 16),
            signing_key=Secret("k"),
        )
        await endpoints.add(opened.pool, VAULT, opened.ids, Whose(opened.app.workspace_id, "test"), new)
        yield opened


@pytest.mark.parametrize("known", ["never", "when few were stored", "when many were stored"])
async def test_a_message_touches_as_many_pages_with_many_stored_as_with_few_whatever_the_planner_knows(
    calm_ground: Ground, database: str, known: str
) -> None:
    await fill(database, 0, FEW)
    if known != "never":
        await analyze(database)
    for n in range(UNTIL_PLANS_ARE_KEPT):
        await run_a_batch(calm_ground, f"{n:03}")
    with_few = await touched_by_a_batch(calm_ground, "500")
    await fill(database, FEW, MANY)
    if known == "when many were stored":
        await analyze(database)
        for n in range(UNTIL_PLANS_ARE_KEPT):
            await run_a_batch(calm_ground, f"6{n:02}")

    with_many = await touched_by_a_batch(calm_ground, "700")

    # A deeper index takes a page more a look-up. To look at every stored message takes hundreds of pages more.
    grown = {table: (few, with_many[table]) for table, few in with_few.items()}
    assert all(many < 1.5 * few + 2 * BATCH for few, many in grown.values()), grown


async def send_one(ground: Ground) -> None:
    """Hand over the next message of the only conversation in which some wait, which is due at once."""
    await ground.pool.execute("UPDATE pair SET opens_at = NULL, next_due = now() WHERE next_due IS NOT NULL")
    lease = (await lanes.take(ground.pool, lanes.SEND, ground.ids.uuid(), most=1))[0]
    [one], _ = await outbox.sends(ground.pool, ground.sender, busy=(), most=BATCH)
    attempt = ground.ids.uuid()
    assert await begin(ground.pool, [Beginning(lease, one.id, attempt)]) == [True]
    await settle(ground.pool, [Settlement(one.id, attempt, Accepted(f"wamid.{attempt}"))], PAIR_PACE)
    await lanes.release(ground.pool, lease)


async def touched_by_a_send(ground: Ground, waiting: int) -> int:
    """Return how many pages of messages the last of some sends touches, with so many more behind it."""
    file = await ground.picture()
    await admit(ground.pool, [await ground.new_send(file=file) for _ in range(waiting)])
    for _ in range(UNTIL_PLANS_ARE_KEPT):
        await send_one(ground)
    before = await pages(ground.pool)
    await send_one(ground)
    return (await pages(ground.pool) - before)["message"]


async def test_a_send_touches_as_many_pages_however_many_wait_behind_it_in_its_conversation(
    calm_ground: Ground,
) -> None:
    await calm_ground.customer_writes()
    few = await touched_by_a_send(calm_ground, UNTIL_PLANS_ARE_KEPT + 3)

    many = await touched_by_a_send(calm_ground, 1_000)

    assert few > 0
    assert many < few + 30
