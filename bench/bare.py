"""The baseline of the webhooks: signature check, decode, and the same rows in the same tables, understood by nobody.

In the request's own transaction, which is durable before the answer: the body; for statuses a row of evidence each and
its message, where the last word wins; for customers' messages a row each and their conversations. Nothing is folded,
locked beforehand, learnt of people or bound later, and there is no second process.
"""

import hashlib
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.ground import APP_ID, APP_SECRET
from picha.cloudapi import signature
from picha.cloudapi.webhooks import MessageItem, StatusItem, read, when
from picha.gateway.run import open_ground, serve_app
from picha.gateway.settings import load
from picha.gateway.store.pool import Connection
from picha.kit.ids import Ids

_BODY = """
INSERT INTO raw_webhook (id, meta_app_id, digest, body, received_at, digested_at)
VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp()) ON CONFLICT DO NOTHING
"""

_STATUSES = """
WITH seen AS MATERIALIZED (
    SELECT told.*, tried.id AS attempt_id, tried.message_id, workspace_id
    FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS told (wamid, status, at)
    CROSS JOIN LATERAL (SELECT id, message_id, workspace_id FROM attempt
        WHERE attempt.wamid = told.wamid AND sender_id = $1 LIMIT 1) AS tried
    ORDER BY message_id
), kept AS (
    INSERT INTO evidence (workspace_id, sender_id, wamid, status, provider_at, received_at, attempt_id)
    SELECT workspace_id, $1, wamid, status, at, clock_timestamp(), attempt_id FROM seen ON CONFLICT DO NOTHING
)
UPDATE message SET status = seen.status, sent_at = CASE seen.status WHEN 'sent' THEN at ELSE sent_at END,
    delivered_at = CASE seen.status WHEN 'delivered' THEN at ELSE delivered_at END,
    read_at = CASE seen.status WHEN 'read' THEN at ELSE read_at END
FROM seen WHERE message.id = seen.message_id
"""

_MESSAGES = """
WITH new AS (
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase,
        status, facts, provider_message_id, created_at)
    SELECT told.id, thread.workspace_id, thread.id, $1, thread.contact_id, false, 'text', 'received', 'received',
        jsonb_build_object('text', body), wamid, clock_timestamp()
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS told (id, wamid, phone, body)
    CROSS JOIN LATERAL (SELECT conversation.id, conversation.workspace_id, contact_id
        FROM sender JOIN contact_address USING (workspace_id) JOIN conversation USING (contact_id)
        WHERE sender.id = $1 AND kind = 'wa_id' AND value = phone AND sender_id = $1) AS thread
    ON CONFLICT DO NOTHING RETURNING conversation_id
), counted AS (
    SELECT conversation_id, count(*) AS new FROM new GROUP BY 1 ORDER BY 1
)
UPDATE conversation SET unread_count = unread_count + new, last_message_at = clock_timestamp(),
    window_until = clock_timestamp() + interval '1 day', updated_at = now()
FROM counted WHERE id = conversation_id
"""


class Bare:
    """Writes what webhooks tell as it comes."""

    def __init__(self, senders: dict[str, UUID]) -> None:
        self._senders, self._ids = senders, Ids()

    async def write(self, connection: Connection, body: bytes) -> None:
        """Write a body and the rows of its items, all of them about one number."""
        await connection.execute(_BODY, self._ids.uuid(), APP_ID, hashlib.sha256(body).digest(), body)
        items = [item for item in read(body).items if isinstance(item, StatusItem | MessageItem)]
        sender = self._senders[items[0].metadata.phone_number_id]
        statuses = [item.status for item in items if isinstance(item, StatusItem)]
        messages = [item.message for item in items if isinstance(item, MessageItem)]
        if statuses:
            rows = [(one.id, one.status, when(one.timestamp)) for one in statuses]
            await connection.execute(_STATUSES, sender, *zip(*rows, strict=True))
        if messages:
            told = [(self._ids.uuid(), one.id, one.from_, one.text.body if one.text else "") for one in messages]
            await connection.execute(_MESSAGES, sender, *zip(*told, strict=True))


async def serve() -> None:
    """Serve the baseline under the gateway's settings."""
    settings = load()
    async with open_ground(settings) as ground:
        rows = await ground.pool.fetch("SELECT phone_number_id, id FROM sender")
        bare = Bare({row[0]: row[1] for row in rows})

        async def take(request: Request) -> Response:
            body = await request.body()
            if not signature.verify([APP_SECRET], body, request.headers.get(signature.HEADER)):
                return PlainTextResponse("no", 401)
            async with ground.pool.acquire() as connection, connection.transaction():
                await bare.write(connection, body)
            return PlainTextResponse("kept")

        await serve_app(Starlette(routes=[Route("/webhooks/whatsapp", take, methods=["POST"])]), settings)
