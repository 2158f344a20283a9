"""Take admitted sends into the outbox."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from picha.gateway.domain.outcomes import HOLD, OnUnknown
from picha.gateway.store import replays
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.replays import Taken
from picha.images.plan import Policy
from picha.kit.crashpoints import crashpoint


@dataclass(frozen=True, slots=True)
class NewSend:
    """One admitted image send, by `file_id` or `media_url`; by both when the picture was brought in before.

    With `is_link` Meta fetches `media_url` itself; otherwise we do, under `image_policy`. `taken` is the idempotency
    key that is taken with it.
    """

    id: UUID
    workspace_id: UUID
    conversation_id: UUID
    sender_id: UUID
    contact_id: UUID
    app_id: UUID
    caption: str | None
    media_url: str | None
    file_id: UUID | None
    is_link: bool
    image_policy: Policy
    reply_to: str | None
    client_reference: str | None
    recipient_identity_key_hash: str | None
    expires_at: datetime | None
    created_at: datetime
    priority: int = 0
    on_unknown: OnUnknown = "hold"
    taken: Taken | None = None


# A send with a file, or whose link Meta fetches, is ready for its number's lane; any other waits for its picture first.
_ADMIT = """
WITH new AS (
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, app_id, is_outbound, message_type,
        phase, status, due_at, held_until, priority, caption, media_url, file_id, image_policy, image_state, reply_to,
        client_reference, recipient_identity_key_hash, expires_at, created_at, on_unknown)
    SELECT id, workspace_id, conversation_id, sender_id, contact_id, app_id, true, 'image',
        CASE WHEN file_id IS NULL AND NOT is_link THEN 'image_wait' ELSE 'queued' END, 'pending', clock_timestamp(),
        CASE WHEN file_id IS NULL AND NOT is_link THEN clock_timestamp() + $19::interval END, priority, caption,
        media_url, file_id, image_policy,
        CASE WHEN file_id IS NOT NULL THEN 'stored' WHEN NOT is_link THEN 'pending' END, reply_to, client_reference,
        recipient_identity_key_hash, expires_at, created_at, on_unknown
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
        $9::uuid[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
        $16::timestamptz[], $17::smallint[], $18::text[])
        AS row (id, workspace_id, conversation_id, sender_id, contact_id, app_id, caption, media_url, file_id, is_link,
        image_policy, reply_to, client_reference, recipient_identity_key_hash, expires_at, created_at, priority,
        on_unknown)
    ORDER BY id
    RETURNING conversation_id, sender_id, phase, priority, created_at
), threads AS (
    SELECT id, at FROM conversation
    JOIN (SELECT conversation_id, max(created_at) AS at FROM new GROUP BY 1) AS last ON id = conversation_id
    ORDER BY id FOR NO KEY UPDATE OF conversation
), touched AS (
    UPDATE conversation SET last_message_at = greatest(last_message_at, at), updated_at = now()
    FROM threads WHERE conversation.id = threads.id
), turns AS (
    INSERT INTO pair (conversation_id, sender_id, next_due, rank)
    SELECT conversation_id, sender_id, CASE WHEN bool_or(phase = 'queued') THEN clock_timestamp() END, max(priority)
    FROM new GROUP BY 1, 2 ORDER BY 1
    ON CONFLICT (conversation_id) DO UPDATE SET
        next_due = least(pair.next_due, greatest(excluded.next_due, pair.opens_at)),
        rank = CASE WHEN pair.next_due IS NULL THEN excluded.rank ELSE greatest(pair.rank, excluded.rank) END
    WHERE excluded.next_due IS NOT NULL AND (pair.next_due IS NULL OR pair.rank < excluded.rank
        OR pair.next_due > greatest(excluded.next_due, pair.opens_at))
)
SELECT pg_notify(channel, '') FROM
    (SELECT DISTINCT CASE phase WHEN 'queued' THEN 'picha_send' ELSE 'picha_prepare' END AS channel FROM new) AS bells
"""


_COLUMNS = (
    "id",
    "workspace_id",
    "conversation_id",
    "sender_id",
    "contact_id",
    "app_id",
    "caption",
    "media_url",
    "file_id",
    "is_link",
    "image_policy",
    "reply_to",
    "client_reference",
    "recipient_identity_key_hash",
    "expires_at",
    "created_at",
    "priority",
    "on_unknown",
)


async def admit(pool: Pool, sends: Sequence[NewSend], *, hold: timedelta = HOLD) -> Collection[UUID]:
    """Write a batch of sends in one statement and so one fsynced transaction; then they may be answered.

    One that waits for its picture holds up what follows it in its conversation for so long as `hold`.

    Returns the ids of those that were not written, because another request had taken their idempotency key.
    """

    async def work(connection: Connection) -> Collection[UUID]:
        keyed = [(send.id, send.taken) for send in sends if send.taken]
        free = await replays.take(connection, [taken for _, taken in keyed]) if keyed else []
        late = {id_ for (id_, _), is_free in zip(keyed, free, strict=True) if not is_free}
        if new := [send for send in sends if send.id not in late]:
            columns = [[getattr(send, name) for send in new] for name in _COLUMNS]
            await connection.execute(_ADMIT, *columns, hold)
        crashpoint("accept_before_commit")
        return late

    late = await in_transaction(pool, work)
    crashpoint("accept_after_commit")
    return late
