"""A pass that forgets costs what it lets go of, whether a hundred rows stay or twenty thousand: counted in pages."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.store.ground import Ground, open_ground
from tests.store.test_growth import execute, pages

from picha.gateway.upkeep.forgetting import Forgetting, Keep
from picha.kit.clock import SystemClock

FEW, MANY, OLD = 100, 20_000, 40
UNTIL_PLANS_ARE_KEPT = 8
TABLES = ("message", "attempt", "evidence", "raw_webhook", "quarantine", "uploaded_media", "file")

# Rows of one age, a second apart, with ids of that age; half of the messages are sent and have their evidence. What is
# parked has no attempt, and every message has a file of its own.
FILL = """
CREATE TEMP TABLE fill ON COMMIT DROP AS
SELECT n, workspace.id AS w, sender.id AS s, conversation.id AS thread, contact_id AS contact, at, pg_temp.id(at, n, 1)
    AS message, gen_random_uuid() AS attempt, gen_random_uuid() AS file, 'wamid.' || pg_temp.id(at, n, 1) AS wamid
FROM workspace, sender, conversation, generate_series(1, {many}) AS n,
    LATERAL (SELECT now() - interval '{days} days' - n * interval '1 second' AS at) AS moment;

INSERT INTO file (id, workspace_id, environment, digest, mime_type, size_bytes, created_at, is_fit, sweep_at)
SELECT file, w, 'test', sha256(wamid::bytea), 'image/jpeg', 1, at, true, now() + interval '30 days' FROM fill;
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    provider_message_id, caption, file_id, image_state, created_at)
SELECT message, w, thread, s, contact, n % 2 = 0, 'image', (ARRAY['submitted', 'received'])[n % 2 + 1],
    (ARRAY['read', 'received'])[n % 2 + 1], wamid, 'Hello', file, 'stored', at FROM fill;
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
SELECT attempt, w, message, s, 1, 1, at, 'accepted', wamid FROM fill WHERE n % 2 = 0;
INSERT INTO evidence (wamid, status, provider_at, sender_id, workspace_id, attempt_id, received_at)
SELECT wamid, status, at, s, w, attempt, at
FROM fill, unnest(ARRAY['sent', 'delivered', 'read']) AS status WHERE n % 2 = 0;
INSERT INTO evidence (wamid, status, provider_at, sender_id, workspace_id, received_at)
SELECT 'parked.' || wamid, 'sent', at, s, w, at FROM fill;
INSERT INTO raw_webhook (id, meta_app_id, digest, body, received_at, digested_at)
SELECT pg_temp.id(at, n, 2), '670843887433847', sha256(wamid::bytea), '{{}}', at, at FROM fill;
INSERT INTO quarantine (id, raw_id, path, reason, item, at)
SELECT pg_temp.id(at, n, 3), pg_temp.id(at, n, 2), '$', 'odd', '{{}}', at FROM fill;
INSERT INTO uploaded_media (sender_id, digest, workspace_id, media_id, expires_at)
SELECT s, sha256(wamid::bytea), w, n::text, at + interval '30 days' FROM fill;
"""
MAKE_ID = """
CREATE FUNCTION pg_temp.id(at timestamptz, n int, salt int) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n || '.' || salt), 1, 3)
        || '8' || substr(md5(n || '.' || salt), 4, 15))::uuid
$$;
"""
YOUNG_DAYS = 1
# Each fill of old rows is younger than the one before, as it would be.
OLD_DAYS = itertools.count(500, -1)


async def fill(dsn: str, many: int, days: int) -> None:
    """Store so many rows of each kind that are so many days old."""
    await execute(dsn, MAKE_ID + FILL.format(many=many, days=days))


async def touched_by_a_pass(ground: Ground) -> tuple[Counter[str], int]:
    """Forget what is old, and return the pages that this touched and how much went."""
    before = await pages(ground.pool)
    keep = Keep(messages=timedelta(days=365))
    gone = await Forgetting(ground.pool, SystemClock(), keep, most=10).all()
    return await pages(ground.pool) - before, sum(gone.values())


@pytest.fixture
async def calm_ground(database: str) -> AsyncIterator[Ground]:
    """A ground with one conversation, whose statistics change only when a test says so."""
    await execute(database, "".join(f"ALTER TABLE {table} SET (autovacuum_enabled = false);" for table in TABLES))
    async with open_ground(database) as opened:
        await opened.customer_writes(image_state="stored")
        yield opened


@pytest.mark.parametrize("known", ["never", "when few were stored", "when many were stored"])
async def test_a_pass_touches_pages_for_what_goes_and_none_for_what_stays_whatever_the_planner_knows(
    calm_ground: Ground, database: str, known: str
) -> None:
    await fill(database, FEW, YOUNG_DAYS)
    if known != "never":
        await execute(database, "ANALYZE " + ", ".join(TABLES))
    for _ in range(UNTIL_PLANS_ARE_KEPT):
        await fill(database, OLD, next(OLD_DAYS))
        await touched_by_a_pass(calm_ground)
    await fill(database, OLD, next(OLD_DAYS))
    with_few, few = await touched_by_a_pass(calm_ground)
    await fill(database, MANY, YOUNG_DAYS + 1)
    if known == "when many were stored":
        await execute(database, "ANALYZE " + ", ".join(TABLES))
    await fill(database, OLD, next(OLD_DAYS))

    with_many, many = await touched_by_a_pass(calm_ground)

    assert few == many > OLD * 7
    # A deeper index takes a page more a look-up. To look at every row that stays takes hundreds of pages more.
    grown = {table: (pages, with_many[table]) for table, pages in with_few.items()}
    assert all(many < 1.5 * few + 5 * OLD for few, many in grown.values()), grown
