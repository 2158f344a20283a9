"""How long a quiet tenant's send waits while another tenant floods the same worker: the figure with a promise."""

import asyncio
import json
import time
from dataclasses import dataclass

from bench.figures import RELEASE, running
from bench.ground import APP_ID, APP_SECRET, FIRST_CUSTOMER, Ground
from bench.load import load, request
from picha.gateway.setup import fresh_key
from picha.gateway.store import keys, tenants
from picha.gateway.store.pool import Pool, open_pool
from picha.gateway.store.tenants import NewAccount
from picha.gateway.store.vault import Vault, ensure_ring
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

QUIET, EACH = 20, 10
PROMISED_S = 2.0

# Each quiet tenant's people, with open windows, and its picture, which Meta has already.
_FILL = (
    """
    INSERT INTO contact (id, workspace_id, phone, addressed_at)
    SELECT gen_random_uuid(), workspace_id, (%(first)s + n)::text, now()
    FROM sender, generate_series(0, %(each)s - 1) AS n WHERE label = 'quiet'
    """,
    """
    INSERT INTO contact_address (workspace_id, kind, value, contact_id)
    SELECT workspace_id, 'wa_id', phone, contact.id FROM contact JOIN sender USING (workspace_id) WHERE label = 'quiet'
    """,
    """
    INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until)
    SELECT gen_random_uuid(), workspace_id, sender.id, contact.id, now() + interval '23 hours'
    FROM contact JOIN sender USING (workspace_id) WHERE label = 'quiet'
    """,
    """
    INSERT INTO file (id, workspace_id, environment, digest, mime_type, size_bytes, width, height, is_fit, sweep_at)
    SELECT sender.id, sender.workspace_id, 'test', digest, mime_type, size_bytes, width, height, is_fit, file.sweep_at
    FROM sender, file WHERE label = 'quiet' AND file.id = %(file)s
    """,
    """
    INSERT INTO uploaded_media
    SELECT quiet.id, digest, quiet.workspace_id, media_id, expires_at
    FROM uploaded_media, sender AS quiet WHERE sender_id = %(flooding)s AND label = 'quiet'
    """,
)
_FLOOD = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    due_at, caption, file_id, image_state, created_at)
SELECT uuidv7(), workspace_id, id, sender_id, contact_id, true, 'image', 'queued', 'pending', now(), 'Flood', %(file)s,
    'stored', now()
FROM conversation, generate_series(1, %(laps)s) WHERE sender_id = %(flooding)s
"""
_WAITED = """
SELECT count(*), percentile_cont(ARRAY[0.5, 0.99])
    WITHIN GROUP (ORDER BY extract(epoch FROM started_at - message.created_at))
FROM message JOIN sender ON sender.id = sender_id JOIN attempt ON attempt.message_id = message.id WHERE label = 'quiet'
"""


@dataclass(frozen=True)
class Delays:
    """How long the quiet ones' sends waited in the queue: half of them, and all but one in a hundred."""

    half_s: float
    most_s: float

    @property
    def is_kept(self) -> bool:
        """Whether they are as short as is promised."""
        return self.most_s <= PROMISED_S

    def line(self) -> str:
        """Return the figure in one line."""
        times = f"median {self.half_s:.2f} s, p99 {self.most_s:.2f} s   {PROMISED_S:.0f} s is promised"
        return f"{f'sends of {QUIET} quiet tenants amid a flood, queued for':<50} {times}"


async def _tenants(ground: Ground) -> dict[str, str]:
    """Make the quiet tenants, and return each one's key by its number."""
    vault = Vault(ensure_ring(ground.home / "keys"))
    async with open_pool(ground.dsn) as pool:
        return dict([await _tenant(ground, pool, vault, place) for place in range(QUIET)])


async def _tenant(ground: Ground, pool: Pool, vault: Vault, place: int) -> tuple[str, str]:
    ids = Ids()
    app = await tenants.add_workspace(pool, ids, f"Quiet {place}")
    text, presented = fresh_key("test")
    await keys.add(pool, ids, app, presented)
    account = NewAccount(
        environment="test",
        waba_id=f"2022901293403{place:02}",
        meta_app_id=APP_ID,
        graph_url=f"http://127.0.0.1:{ground.ports.stub}/v25.0",
        access_token=Secret("EAABench"),
        app_secret=Secret(APP_SECRET),
        verify_token=Secret("verify"),
    )
    pnid, display = f"206540352242{place:02}", f"155507810{place:02}"
    await tenants.put_account(pool, vault, ids, app, account, phone_number_id=pnid, display_number=display)
    await pool.execute("UPDATE sender SET label = 'quiet' WHERE phone_number_id = $1", pnid)
    return display, text


def _asks(ground: Ground, known: dict[str, str]) -> list[bytes]:
    files = ground.sql("SELECT display_number, id FROM sender WHERE label = 'quiet'")
    return [
        request(
            "/v1/whatsapp/messages/image",
            json.dumps({"to": str(FIRST_CUSTOMER + n), "sender": number, "file_id": str(file)}).encode(),
            {"X-API-Key": known[number], "Content-Type": "application/json"},
        )
        for n in range(EACH)
        for number, file in files
    ]


def measure(ground: Ground, *, laps: int) -> Delays:
    """Flood one tenant's number, which has no pace, and send from twenty other tenants meanwhile."""
    known, flooding = asyncio.run(_tenants(ground)), ground.senders[0][0]
    for statement in _FILL:
        ground.sql(statement, first=FIRST_CUSTOMER, each=EACH, file=ground.file, flooding=flooding)
    with running(ground, "stub", "api", "worker"):
        asks = _asks(ground, known)
        ground.sql(_FLOOD, file=ground.file, flooding=flooding, laps=laps)
        ground.sql(RELEASE)
        load(ground.ports.api, asks, connections=1, count=len(asks))
        deadline = time.monotonic() + 120
        while (found := ground.sql(_WAITED)[0])[0] < len(asks):
            if time.monotonic() > deadline:
                raise TimeoutError("the quiet ones were not served")
            time.sleep(0.05)
        if not ground.count("phase = 'queued' AND caption = 'Flood'"):
            raise AssertionError("the flood was over before the quiet ones were served, so nothing was measured")
    _, (half, most) = found
    return Delays(half, most)
