"""How long a quiet number's send waits while another number floods the same worker: the figure with a promise."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.figures import RELEASE, running
from bench.ground import FIRST_CUSTOMER, Ground
from bench.load import load, request

QUIET, EACH = 20, 10
PROMISED_S = 2.0

_SET_UP = (
    """
    INSERT INTO sender (id, workspace_id, account_id, environment, phone_number_id, display_number, label)
    SELECT gen_random_uuid(), workspace_id, account_id, environment, '20654035224292' || n, '1555079' || 1000 + n,
        'quiet'
    FROM sender, generate_series(100, 99 + %(count)s) AS n WHERE id = %(flooding)s
    """,
    "INSERT INTO lane (kind, key) SELECT 'send', id FROM sender WHERE label = 'quiet'",
    """
    INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until)
    SELECT gen_random_uuid(), workspace_id, quiet.id, contact_id, window_until
    FROM conversation, (SELECT id FROM sender WHERE label = 'quiet') AS quiet WHERE sender_id = %(flooding)s
    """,
    """
    INSERT INTO uploaded_media SELECT quiet.id, digest, workspace_id, media_id, expires_at
    FROM uploaded_media, (SELECT id FROM sender WHERE label = 'quiet') AS quiet WHERE sender_id = %(flooding)s
    """,
)
_TAKE_DOWN = (
    "DELETE FROM pair USING sender WHERE sender.id = sender_id AND label = 'quiet'",
    "DELETE FROM uploaded_media USING sender WHERE id = sender_id AND label = 'quiet'",
    "DELETE FROM conversation USING sender WHERE sender.id = sender_id AND label = 'quiet'",
    "DELETE FROM lane USING sender WHERE id = key AND label = 'quiet'",
    "DELETE FROM sender WHERE label = 'quiet'",
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


@contextmanager
def _quiet_numbers(ground: Ground) -> Iterator[None]:
    flooding = ground.senders[0][0]
    for statement in _SET_UP:
        ground.sql(statement, count=QUIET, flooding=flooding)
    try:
        yield
    finally:
        ground.clear()
        for statement in _TAKE_DOWN:
            ground.sql(statement)


def _asks(ground: Ground) -> list[bytes]:
    headers = {"X-API-Key": ground.key, "Content-Type": "application/json"}
    numbers = [row[0] for row in ground.sql("SELECT display_number FROM sender WHERE label = 'quiet'")]
    return [
        request(
            "/v1/whatsapp/messages/image",
            json.dumps({"to": str(FIRST_CUSTOMER + n), "sender": number, "file_id": str(ground.file)}).encode(),
            headers,
        )
        for n in range(EACH)
        for number in numbers
    ]


def measure(ground: Ground, *, laps: int) -> str:
    """Flood one number without a pace, send from twenty meanwhile, and return the line that tells how they waited."""
    with _quiet_numbers(ground), running(ground, "stub", "api", "worker"):
        asks = _asks(ground)
        ground.sql(_FLOOD, file=ground.file, flooding=ground.senders[0][0], laps=laps)
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
    if most > PROMISED_S:
        raise AssertionError(f"quiet sends waited up to {most:.2f} s, and {PROMISED_S:.0f} s are promised")
    return (
        f"a quiet number's send waits amid a flood {half:20.2f} s, at p99 {most:.2f} s ({PROMISED_S:.0f} are promised)"
    )
