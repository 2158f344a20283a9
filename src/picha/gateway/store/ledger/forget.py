"""Let go of what was kept long enough: what people wrote, pictures, whole messages with all that is known of them."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from picha.gateway.store import retention
from picha.gateway.store.lanes import IS_TO_FETCH
from picha.gateway.store.pool import Connection, Pool
from picha.gateway.store.walks import Walk

# A message that waits, flies or is unknown, or whose picture is still to come, is not touched. One that Meta took may
# yet be sent again, as long as neither its arrival nor its failure is known; Meta gives up after this long.
_UNDELIVERED = timedelta(days=30)
_SETTLED = f"""
SELECT id FROM message WHERE id = ANY($1) AND phase NOT IN ('image_wait', 'queued', 'sending', 'unknown')
    AND ({IS_TO_FETCH}) IS NOT TRUE
    AND (phase <> 'submitted' OR status IN ('delivered', 'read', 'failed') OR created_at < now() - $2::interval)
ORDER BY id FOR UPDATE
"""  # noqa: S608 - constants
_THERE = "SELECT id FROM message WHERE id = ANY($1)"

# Of what came with a message stays of what kind it was, and not what was said. A send is marked, so that nobody sends
# again what is left of it.
_WORDS = """
UPDATE message SET caption = NULL, facts = nullif(coalesce(
    (SELECT jsonb_object_agg(key, value) FROM jsonb_each(facts) WHERE key IN ('media', 'context', 'group_id')), '{}')
    || CASE WHEN is_outbound AND NOT is_echo THEN '{"let_go": true}'::jsonb ELSE '{}' END, '{}')
WHERE id = ANY($1) AND (caption IS NOT NULL OR facts IS NOT NULL)
"""

_PICTURES = """
WITH had AS (SELECT id, file_id FROM message WHERE id = ANY($1) AND num_nonnulls(file_id, media_url, facts) > 0)
UPDATE message SET file_id = NULL, media_url = NULL, facts = facts #- '{media,id}' #- '{media,url}'
        || CASE WHEN message_type = 'template' THEN '{"let_go": true}'::jsonb ELSE '{}' END,
    image_state = CASE WHEN image_state IS NOT NULL THEN 'unavailable' END
FROM had WHERE message.id = had.id
RETURNING had.file_id
"""

_EVIDENCE = """
DELETE FROM evidence WHERE attempt_id = ANY(ARRAY(SELECT id FROM attempt WHERE message_id = ANY($1)))
"""
_ATTEMPTS = "DELETE FROM attempt WHERE message_id = ANY($1)"
_EVENTS = "DELETE FROM event WHERE message_id = ANY($1)"
_MESSAGES = "DELETE FROM message WHERE id = ANY($1) RETURNING file_id"

_PARKED = """
DELETE FROM evidence WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM evidence WHERE attempt_id IS NULL AND received_at < now() - $1::interval
    ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED))
"""


async def _words(connection: Connection, messages: Sequence[UUID]) -> Collection[UUID]:
    settled, unready = await _told_apart(connection, messages)
    await connection.execute(_WORDS, settled)
    return unready


async def _pictures(connection: Connection, messages: Sequence[UUID]) -> Collection[UUID]:
    settled, unready = await _told_apart(connection, messages)
    await _release(connection, _PICTURES, settled)
    return unready


async def _messages(connection: Connection, messages: Sequence[UUID]) -> Collection[UUID]:
    settled, unready = await _told_apart(connection, messages)
    await connection.execute(_EVIDENCE, settled)
    await connection.execute(_ATTEMPTS, settled)
    await connection.execute(_EVENTS, settled)
    await _release(connection, _MESSAGES, settled)
    return unready


async def _told_apart(connection: Connection, messages: Sequence[UUID]) -> tuple[list[UUID], set[UUID]]:
    """Lock those of `messages` that are settled, and return them and the others that are there."""
    settled = [row[0] for row in await connection.fetch(_SETTLED, messages, _UNDELIVERED)]
    there = {row[0] for row in await connection.fetch(_THERE, messages)}
    return settled, there.difference(settled)


async def _release(connection: Connection, statement: str, messages: Sequence[UUID]) -> None:
    files = {row[0] for row in await connection.fetch(statement, messages)}
    await retention.let_go(connection, files - {None})


CAPTIONS = Walk("captions", "message", _words)
"""Empties captions, and what customers wrote."""

PICTURES = Walk("pictures", "message", _pictures)
"""Takes messages their pictures: the file, the address that it was to be fetched from, Meta's id and link."""

MESSAGES = Walk("messages", "message", _messages)
"""Deletes messages with their attempts, evidence and events."""


async def parked(pool: Pool, *, after: timedelta, most: int) -> int:
    """Delete up to `most` statuses of wamids that nobody has known for so long; return how many."""
    return int((await pool.execute(_PARKED, after, most)).rpartition(" ")[2])
