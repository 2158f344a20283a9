"""What the inbox's pages are measured on: conversations, pictures, webhooks with their deliveries, people and keys."""

import asyncio

from bench.ground import FIRST_CUSTOMER, NUMBERS, Ground
from picha.gateway.domain.staff import Role
from picha.gateway.setup import fresh_key
from picha.gateway.store import endpoints, keys, sessions, staff
from picha.gateway.store.endpoints import NewEndpoint, Whose
from picha.gateway.store.pool import open_pool
from picha.gateway.store.vault import Vault, ensure_ring
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

THREADS, MESSAGES, PICTURES, DELIVERIES, STAFF = 10_000, 1_000_000, 10_000, 100_000, 50

_PEOPLE = """
INSERT INTO contact (id, workspace_id, phone, profile_name, addressed_at)
SELECT gen_random_uuid(), %(w)s, (%(first)s + n)::text,
    (ARRAY['Asha', 'Baraka', 'Neema', 'Juma', 'Fatuma', 'Petro', 'Zawadi', 'Imani'])[n %% 8 + 1] || ' Mteja ' || n,
    now()
FROM generate_series(10000, 9999 + %(people)s) AS n
"""
_ADDRESSES = """
INSERT INTO contact_address (workspace_id, kind, value, contact_id)
SELECT workspace_id, 'wa_id', phone, id FROM contact WHERE profile_name IS NOT NULL
"""
# A third is unread; the windows of most are shut by now, the last said is spread over a month.
_THREADS = """
INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until, unread_count, last_message_at)
SELECT gen_random_uuid(), contact.workspace_id, sender.id, contact.id, at + interval '24 hours', (n %% 3 = 0)::int, at
FROM (SELECT *, row_number() OVER (ORDER BY phone) AS n FROM contact WHERE profile_name IS NOT NULL) AS contact,
    (SELECT * FROM sender ORDER BY id) AS sender,
    LATERAL (SELECT now() - n * interval '20 minutes' - random() * interval '10 minutes') AS told (at)
"""
_SAID = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    caption, file_id, image_state, provider_message_id, created_at, attempts)
SELECT uuidv7((lap - 100000) * interval '1 minute'), workspace_id, id, sender_id, contact_id, is_ours, 'image',
    CASE WHEN is_ours THEN 'submitted' ELSE 'received' END, CASE WHEN is_ours THEN 'read' ELSE 'received' END,
    'Picha ya bidhaa, ' || lap, %(file)s, 'stored', 'wamid.' || id || '.' || lap,
    last_message_at - (laps - lap) * interval '3 minutes', is_ours::int
FROM conversation, (SELECT %(lap)s::int, %(laps)s::int, %(lap)s::int %% 2 = 0) AS told (lap, laps, is_ours)
WHERE last_message_at IS NOT NULL
"""
# Of the newest of each conversation: its attempt, and what was told of that.
_TRIED = """
WITH tried AS (
    INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
    SELECT uuidv7(), workspace_id, id, sender_id, 1, 0, created_at, 'accepted', provider_message_id
    FROM message WHERE is_outbound ORDER BY message.id DESC LIMIT %(threads)s RETURNING *
)
INSERT INTO evidence (workspace_id, sender_id, wamid, status, provider_at, received_at, attempt_id)
SELECT workspace_id, sender_id, wamid, status, started_at, started_at, id
FROM tried, unnest(ARRAY['sent', 'delivered', 'read']) AS status
"""
_FILES = """
INSERT INTO file (id, workspace_id, environment, digest, mime_type, size_bytes, width, height, is_fit, expires_at,
    sweep_at)
SELECT uuidv7(), workspace_id, environment, digest, mime_type, size_bytes, width, height, is_fit,
    now() + interval '1 day', now() + interval '1 day' FROM file, generate_series(1, %(pictures)s) WHERE id = %(file)s
"""
# The webhook is disabled, so that nothing calls out; each event has its delivery by the schema's own trigger.
_EVENTS = """
INSERT INTO event (workspace_id, environment, app_id, message_id, sequence, kind, occurred_at)
SELECT workspace_id, 'test', %(app)s, id, 1, 'read', created_at FROM message WHERE is_outbound LIMIT %(deliveries)s
"""
_DELIVERED = """
UPDATE delivery SET status = CASE WHEN event_seq %% 10 = 0 THEN 'failed' ELSE 'delivered' END, due_at = NULL,
    attempts = 1, tried_at = now(), delivered_at = now(), took_ms = 12, answer_status = 200
"""


def fill(ground: Ground, *, scale: int) -> None:
    """Store what there is to show; a larger `scale` stores fewer messages and deliveries."""
    laps = MESSAGES // THREADS // scale
    ground.sql(_PEOPLE, w=ground.app.workspace_id, first=FIRST_CUSTOMER, people=THREADS // NUMBERS)
    ground.sql(_ADDRESSES)
    ground.sql(_THREADS)
    for lap in range(1, laps + 1):
        ground.sql(_SAID, file=ground.file, lap=lap, laps=laps)
    # The check of the attempts' foreign key would otherwise be planned for an empty table.
    ground.sql("VACUUM ANALYZE message")
    ground.sql(_TRIED, threads=THREADS)
    ground.sql(_FILES, file=ground.file, pictures=PICTURES)
    asyncio.run(_equip(ground))
    ground.sql(_EVENTS, app=ground.app.app_id, deliveries=DELIVERIES // scale)
    ground.sql(_DELIVERED)
    ground.sql("VACUUM ANALYZE")


async def signed_in(ground: Ground, name: str = "Bench") -> str:
    """Let somebody new in; return the cookie that says so."""
    async with open_pool(ground.dsn) as pool:
        person = await staff.add(pool, Ids(), ground.app.workspace_id, name, Role.ADMIN)
        return f"picha_{ground.ports.api}={await sessions.begin(pool, person)}"


async def _equip(ground: Ground) -> None:
    """Add a webhook, people and keys."""
    ids, vault = Ids(), Vault(ensure_ring(ground.home / "keys"))
    whose = Whose(ground.app.workspace_id, "test")
    hook = NewEndpoint(
        ground.app.app_id, "whatsapp", "https://shop.example/hook", True, Secret("bench"), Secret("bench")
    )
    async with open_pool(ground.dsn) as pool:
        await endpoints.add(pool, vault, ids, whose, hook)
        await pool.execute("UPDATE webhook SET disabled_at = now(), disabled_for = 'operator'")
        for n in range(STAFF):
            await staff.add(pool, ids, ground.app.workspace_id, f"Colleague {n}", Role.AGENT)
            await keys.add(pool, ids, ground.app, fresh_key("test")[1], name=f"Till {n}")
