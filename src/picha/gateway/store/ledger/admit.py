"""Take admitted sends into the outbox."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

import msgspec

from picha.gateway.domain.outcomes import HOLD, OnUnknown
from picha.gateway.store import replays, spending
from picha.gateway.store.columns import columns
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.replays import Taken
from picha.gateway.store.spending import Spent
from picha.images.plan import Policy
from picha.kit.crashpoints import crashpoint


class NewSend(msgspec.Struct, frozen=True):
    """One admitted send. A picture of its is `file_id`'s or `media_url`'s; both when it was brought in before.

    With `is_link` Meta fetches `media_url` itself; otherwise we do, under `image_policy`. `facts` are what else it
    says, as JSON: its text, and what fills the template `template_id`. With `window_until` it keeps the window open up
    to then. `taken` is the idempotency key that is taken with it, `spent` for whom it is counted. What a person sends
    from the inbox has `person_id`, and no app.
    """

    id: UUID
    workspace_id: UUID
    conversation_id: UUID
    sender_id: UUID
    contact_id: UUID
    app_id: UUID | None
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
    message_type: str = "image"
    facts: str | None = None
    template_id: UUID | None = None
    window_until: datetime | None = None
    taken: Taken | None = None
    batch_id: UUID | None = None
    spent: Spent | None = None
    person_id: UUID | None = None


# A send with a file or without a picture, or whose link Meta fetches, is ready for its number's lane; any other waits
# for its picture first.
_WAITS = "file_id IS NULL AND media_url IS NOT NULL AND NOT is_link"
_ADMIT = f"""
WITH new AS (
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, app_id, is_outbound, message_type,
        phase, status, due_at, held_until, priority, caption, media_url, file_id, image_policy, image_state, reply_to,
        client_reference, recipient_identity_key_hash, expires_at, created_at, on_unknown, facts, batch_id, person_id)
    SELECT id, workspace_id, conversation_id, sender_id, contact_id, app_id, true, message_type,
        CASE WHEN {_WAITS} THEN 'image_wait' ELSE 'queued' END, 'pending', clock_timestamp(),
        CASE WHEN {_WAITS} THEN clock_timestamp() + $23::interval END, priority, caption, media_url, file_id,
        image_policy, CASE WHEN file_id IS NOT NULL THEN 'stored' WHEN {_WAITS} THEN 'pending' END, reply_to,
        client_reference, recipient_identity_key_hash, expires_at, created_at, on_unknown, facts::jsonb, batch_id,
        person_id
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
        $9::uuid[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
        $16::timestamptz[], $17::smallint[], $18::text[], $19::text[], $20::text[], $21::uuid[],
        $22::uuid[])
        AS row (id, workspace_id, conversation_id, sender_id, contact_id, app_id, caption, media_url, file_id, is_link,
        image_policy, reply_to, client_reference, recipient_identity_key_hash, expires_at, created_at, priority,
        on_unknown, message_type, facts, batch_id, person_id)
    ORDER BY id
    RETURNING conversation_id, sender_id, phase, priority, created_at
), threads AS (
    SELECT id, at FROM conversation
    JOIN (SELECT conversation_id, max(created_at) AS at FROM new GROUP BY 1) AS last ON id = conversation_id
    ORDER BY id FOR NO KEY UPDATE OF conversation
), touched AS (
    UPDATE conversation SET last_message_at = greatest(last_message_at, at), deleted_at = NULL, updated_at = now()
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
"""  # noqa: S608 - a constant of this module only

_SENT = """
UPDATE template SET last_sent_at = clock_timestamp()
FROM (SELECT id FROM template WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE) AS sent
WHERE template.id = sent.id
"""

# The conversations are locked by then.
_OPEN = """
UPDATE conversation SET window_until = greatest(conversation.window_until, until)
FROM (SELECT id, max(until) AS until FROM unnest($1::uuid[], $2::timestamptz[]) AS one (id, until) GROUP BY 1) AS opened
WHERE conversation.id = opened.id
"""

_row = attrgetter(
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
    "message_type",
    "facts",
    "batch_id",
    "person_id",
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
            await write(connection, new, hold)
            await _note_templates(connection, [send for send in new if send.template_id])
            await spending.add(connection, [send.spent for send in new if send.spent])
        crashpoint("accept_before_commit")
        return late

    late = await in_transaction(pool, work)
    crashpoint("accept_after_commit")
    return late


async def write(connection: Connection, sends: Sequence[NewSend], hold: timedelta) -> None:
    """Write sends in one statement, inside the caller's transaction."""
    await connection.execute(_ADMIT, *columns(map(_row, sends)), hold)


async def _note_templates(connection: Connection, sends: Sequence[NewSend]) -> None:
    """Note which templates were sent, and keep the windows open that they are to keep open."""
    if sends:
        await connection.execute(_SENT, [send.template_id for send in sends])
    if opened := [send for send in sends if send.window_until]:
        threads, until = [send.conversation_id for send in opened], [send.window_until for send in opened]
        await connection.execute(_OPEN, threads, until)
