"""The three figures: durable accepts, sends through the dispatcher, webhook updates."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence

import aiohttp

from bench.ground import API_PORT, APP_SECRET, BARE_PORT, CUSTOMERS, STUB_PORT, Ground
from bench.load import load, request
from bench.measuring import Figure, answers, compare, program
from picha.cloudapi import signature
from picha.cloudapi.messages import ImageObject, ImageSend, encode_send

_CONNECTIONS = 64
_ROUND = itertools.count(1)


def accepts(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Durable accepts, against the same server with only the ledger's write replaced."""
    requests = [
        request(
            "/v1/whatsapp/messages/image",
            json.dumps(
                {
                    "to": str(255700000001 + n % CUSTOMERS),
                    "sender": ground.senders[n % len(ground.senders)][2],
                    "file_id": str(ground.file),
                    "caption": "Your receipt",
                }
            ).encode(),
            {"X-API-Key": ground.key, "Content-Type": "application/json"},
        )
        for n in range(CUSTOMERS)
    ]

    def rate(port: int) -> float:
        begun, ended = load(port, requests, connections=_CONNECTIONS, count=count)
        return count / (ended - begun)

    with (
        program("-m", "picha.cli", "api", environment=ground.environment),
        program("-m", "bench.servers", "hollow", environment=ground.environment),
    ):
        for port in (API_PORT, BARE_PORT):
            answers(f"http://127.0.0.1:{port}/health/live")
        figure = compare(
            "accepts, fsynced, against not stored", "/s", lambda: rate(API_PORT), lambda: rate(BARE_PORT), rounds=rounds
        )
    ground.sql("DELETE FROM message WHERE phase = 'queued'")
    return figure


_QUEUE = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    due_at, caption, file_id, image_state, created_at)
SELECT gen_random_uuid(), workspace_id, id, sender_id, contact_id, true, 'image', 'queued', 'pending',
    now() + interval '1 day', 'Your receipt', %(file)s, 'stored', now()
FROM conversation ORDER BY contact_id, sender_id LIMIT %(count)s
"""


def sends(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Sends through the dispatcher to a trivial stub, against a bare client loop on the same stub."""
    count = min(count, CUSTOMERS * len(ground.senders))

    def dispatched() -> float:
        ground.sql(_QUEUE, file=ground.file, count=count)
        begun = time.perf_counter()
        ground.sql("UPDATE message SET due_at = now() WHERE phase = 'queued'")
        ground.sql("SELECT pg_notify('picha_send', '')")
        while ground.sql("SELECT 1 FROM message WHERE phase IN ('queued', 'sending') LIMIT 1"):
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        _done(ground, "phase = 'submitted'", count)
        return count / seconds

    with (
        program("-m", "bench.servers", "stub", environment={}),
        program("-m", "picha.cli", "worker", environment=ground.environment),
    ):
        answers(f"http://127.0.0.1:{STUB_PORT}/")
        return compare(
            "sends, dispatched, against a bare client",
            "/s",
            dispatched,
            lambda: count / asyncio.run(_bare_sends(ground, count)),
            rounds=rounds,
        )


async def _bare_sends(ground: Ground, count: int) -> float:
    body = encode_send(ImageSend(to="+255700000001", image=ImageObject(id="1479537139650973", caption="Your receipt")))
    url = f"http://127.0.0.1:{STUB_PORT}/v25.0/{ground.senders[0][1]}/messages"
    left = iter(range(count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def loop() -> None:
            for _ in left:
                headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.json()

        begun = time.perf_counter()
        await asyncio.gather(*(loop() for _ in range(_CONNECTIONS)))
        return time.perf_counter() - begun


def _done(ground: Ground, condition: str, count: int) -> None:
    """A figure counts only if the work was done."""
    tried = "FROM message WHERE id IN (SELECT message_id FROM attempt)"
    done = ground.sql(f"SELECT count(*) {tried} AND {condition}")[0][0]
    if done != count:
        raise AssertionError(f"{done} of {count} were done")
    _clear(ground)


def _clear(ground: Ground) -> None:
    """Remove the rows of a round, and only them."""
    ground.sql("DELETE FROM evidence")
    gone = ground.sql("DELETE FROM attempt RETURNING message_id")
    ground.sql("DELETE FROM message WHERE id = ANY(%(ids)s)", ids=[row[0] for row in gone])


_ATTEMPTS = """
WITH sent AS (
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase,
        status, caption, file_id, image_state, created_at, attempts)
    SELECT gen_random_uuid(), workspace_id, id, sender_id, contact_id, true, 'image', 'submitted', 'pending',
        'Your receipt', %(file)s, 'stored', now(), 1
    FROM conversation, generate_series(1, 100) WHERE sender_id = %(sender)s LIMIT %(count)s
    RETURNING id, workspace_id, sender_id
)
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
SELECT gen_random_uuid(), workspace_id, id, sender_id, 1, 0, now(), 'accepted', %(prefix)s || row_number() OVER ()
FROM sent RETURNING wamid
"""


def updates(ground: Ground, *, rounds: int, count: int, batch: int) -> Figure:
    """Webhook updates from arrival to fold, against signature check, decode and a bare insert of the same rows."""

    def requests() -> list[bytes]:
        sender, pnid, _ = ground.senders[0]
        rows = ground.sql(
            _ATTEMPTS, file=ground.file, sender=sender, count=count // 3, prefix=f"wamid.R{next(_ROUND)}."
        )
        statuses = [(wamid, status) for status in ("sent", "delivered", "read") for (wamid,) in rows]
        return [_webhook(pnid, statuses[n : n + batch]) for n in range(0, len(statuses), batch)]

    def ours() -> float:
        prepared = requests()
        begun, _ = load(API_PORT, prepared, connections=8, count=len(prepared))
        while ground.sql("SELECT 1 FROM raw_webhook WHERE digested_at IS NULL LIMIT 1"):
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        _done(ground, "status = 'read'", count // 3)
        return count / seconds

    def bare() -> float:
        prepared = requests()
        begun, ended = load(BARE_PORT, prepared, connections=8, count=len(prepared))
        _clear(ground)
        return count / (ended - begun)

    ground.sql(
        "CREATE TABLE IF NOT EXISTS bare_evidence (wamid text, status text, provider_at timestamptz, code int,"
        " received_at timestamptz)"
    )
    ground.sql("GRANT INSERT ON bare_evidence TO picha_runtime")
    with (
        program("-m", "picha.cli", "api", environment=ground.environment),
        program("-m", "picha.cli", "worker", environment=ground.environment),
        program("-m", "bench.servers", "bare", environment=ground.environment),
    ):
        for port in (API_PORT, BARE_PORT):
            answers(f"http://127.0.0.1:{port}/")
        return compare(f"webhook updates, {batch} a post, against bare rows", "/s", ours, bare, rounds=rounds)


def _webhook(pnid: str, statuses: Sequence[tuple[object, str]]) -> bytes:
    items = [
        {"id": wamid, "status": status, "timestamp": "1769860000", "recipient_id": "255700000001"}
        for wamid, status in statuses
    ]
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": pnid}, "statuses": items}
    change = {"field": "messages", "value": value}
    envelope = {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [change]}]}
    body = json.dumps(envelope).encode()
    headers = {"Content-Type": "application/json", signature.HEADER: signature.sign(APP_SECRET, body)}
    return request("/webhooks/whatsapp", body, headers)
