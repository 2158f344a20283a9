"""Fold messages anew from their evidence and write what changed: the step that settle and witness share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

import asyncpg

from picha.gateway.domain.decisions import ANOTHER, Kind
from picha.gateway.domain.ground import Answered, is_healable
from picha.gateway.domain.ground import ground as ground_of
from picha.gateway.domain.status import Evidence, Told, View, standing, view
from picha.gateway.store.columns import columns
from picha.gateway.store.ledger import turns
from picha.gateway.store.ledger.note import Decision, note
from picha.gateway.store.pool import Connection

_LOCK_WAMIDS = """
SELECT pg_advisory_xact_lock(key) FROM
    (SELECT DISTINCT hashtextextended(wamid, 0) AS key FROM unnest($1::text[]) AS wamid ORDER BY key) AS keys
"""

# Evidence that came before its attempt was known is bound as soon as both are there.
_BIND = """
WITH late AS (
    DELETE FROM evidence WHERE attempt_id IS NULL AND wamid = ANY($1::text[]) AND EXISTS
        (SELECT FROM attempt WHERE attempt.wamid = evidence.wamid AND attempt.sender_id = evidence.sender_id)
    RETURNING *
)
INSERT INTO evidence (workspace_id, sender_id, wamid, status, provider_at, received_at, code, title, detail, attempt_id)
SELECT workspace_id, sender_id, wamid, status, provider_at, received_at, code, title, detail,
    (SELECT id FROM attempt WHERE attempt.wamid = late.wamid AND attempt.sender_id = late.sender_id LIMIT 1)
FROM late ON CONFLICT DO NOTHING
"""

_LOCK_MESSAGES = """
SELECT id, conversation_id, sender_id FROM message WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

# OFFSET 0 keeps the planner from joining: each message's few rows are looked up, whatever it believes of the tables. A
# plan that was made while there were few attempts would walk through all of them, and be kept while they become many.
_EVIDENCE = """
SELECT attempt.message_id, attempt.number, attempt.wamid, conversation_id, phase, duplicates, seen.status,
    seen.provider_at, seen.code, seen.title, seen.detail
FROM unnest($1::uuid[]) AS asked (id)
CROSS JOIN LATERAL (SELECT conversation_id, phase, duplicates FROM message WHERE id = asked.id OFFSET 0) AS message
CROSS JOIN LATERAL (SELECT * FROM attempt WHERE message_id = asked.id OFFSET 0) AS attempt
LEFT JOIN LATERAL (SELECT * FROM evidence WHERE attempt_id = attempt.id OFFSET 0) AS seen ON true
ORDER BY attempt.message_id, attempt.number
"""

# A bound wamid overrides what we decided without evidence: giving up, expiry, cancelling, another attempt. What an echo
# is due for is to have its picture fetched.
_WRITE = """
UPDATE message SET
    phase = CASE WHEN new.status = 'failed' THEN 'failed' ELSE 'submitted' END,
    status = new.status, provider_message_id = new.wamid, due_at = CASE WHEN is_echo THEN due_at END,
    sent_at = new.sent_at, delivered_at = new.delivered_at, read_at = new.read_at, failed_at = new.failed_at,
    error_code = new.error_code, error_message = new.error_message, error_detail = new.error_detail,
    warning_code = new.warning_code, warning_detail = new.warning_detail, duplicates = new.duplicates
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::smallint[])
    AS new (id, status, wamid, sent_at, delivered_at, read_at, failed_at, error_code, error_message, error_detail,
    warning_code, warning_detail, duplicates)
WHERE message.id = new.id
"""

# What a fold needs to know where its newest attempt failed, or says nothing: only few messages come here.
_DOUBTS = """
SELECT message.id, provider_message_id, tried.media_id, tried.outcome, tried.finished_at, tried.code, tried.title,
    tried.detail, decided.kind, decided.at, decided.code AS decided_code, decided.title AS decided_title,
    decided.detail AS decided_detail,
    EXISTS (SELECT FROM decision WHERE message_id = message.id AND kind = 'healing') AS was_healed
FROM unnest($1::uuid[]) AS asked (id)
CROSS JOIN LATERAL (SELECT * FROM message WHERE id = asked.id OFFSET 0) AS message
LEFT JOIN LATERAL
    (SELECT * FROM attempt WHERE message_id = message.id AND number = message.attempts OFFSET 0) AS tried ON true
LEFT JOIN LATERAL (
    SELECT * FROM decision WHERE decision.message_id = message.id AND decision.attempt = message.attempts
    ORDER BY decision.at DESC LIMIT 1
) AS decided ON true
"""

_HEAL = """
WITH spoilt AS (
    UPDATE message SET spoilt_media_id = media_id FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])
        AS failed (id, media_id, code, detail)
    WHERE message.id = failed.id RETURNING failed.id, attempts, failed.code, failed.detail
)
INSERT INTO decision (message_id, kind, attempt, code, detail) SELECT id, 'healing', attempts, code, detail FROM spoilt
"""

# What is to be sent once more may have lost the wait for its picture, or was never fetched: it waits for it again.
_GROUND = """
WITH grounded AS (
    UPDATE message SET
        phase = CASE WHEN new.phase = 'queued' AND image_state = 'unavailable' AND media_url IS NOT NULL
            THEN 'image_wait' ELSE new.phase END,
        image_state = CASE WHEN new.phase = 'queued' AND image_state = 'unavailable' AND media_url IS NOT NULL
            THEN 'pending' ELSE image_state END,
        status = CASE WHEN new.phase IN ('failed', 'cancelled') THEN 'failed' ELSE 'pending' END,
        due_at = CASE new.phase WHEN 'queued' THEN clock_timestamp() ELSE new.due_at END,
        tries = CASE new.phase WHEN 'queued' THEN 0 ELSE tries END,
        provider_message_id = NULL, sent_at = NULL, delivered_at = NULL, read_at = NULL, failed_at = new.failed_at,
        error_code = new.code, error_message = new.title, error_detail = new.detail
    FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])
        AS new (id, phase, due_at, failed_at, code, title, detail)
    WHERE message.id = new.id
    RETURNING message.phase, conversation_id, priority
)
SELECT conversation_id, priority FROM grounded WHERE phase = 'queued'
"""

# Phases in which a message may hold up what follows it, until evidence tells that it has left.
_HOLDING = frozenset({"unknown", "queued"})


async def lock_wamids(connection: Connection, wamids: Iterable[str]) -> None:
    """Make settle and witness wait for each other on the same wamid, so that neither misses the other's row."""
    await connection.execute(_LOCK_WAMIDS, list(wamids))


async def lock_messages(connection: Connection, messages: Iterable[UUID]) -> dict[UUID, tuple[UUID, UUID]]:
    """Lock messages in id order, as every deed does, before their state is looked at or changed.

    Return each one's conversation and sender.
    """
    return {row[0]: (row[1], row[2]) for row in await connection.fetch(_LOCK_MESSAGES, list(messages))}


async def bind(connection: Connection, wamids: Sequence[str]) -> None:
    """Bind parked evidence of `wamids` that an attempt has just got."""
    if wamids:
        await connection.execute(_BIND, wamids)


async def refold(connection: Connection, messages: Iterable[UUID]) -> set[UUID]:
    """Write what the locked `messages` show by their evidence, and return those that turned out to be at Meta twice.

    A message whose picture Meta could not use is healed in the same step, so that it is never shown failed meanwhile.
    """
    tried = _tried(await connection.fetch(_EVIDENCE, list(set(messages))))
    views = {message: view(one.told) for message, one in tried.items()}
    in_doubt = [message for message, shown in views.items() if shown is None or shown.status == "failed"]
    woken = await _resolve(connection, in_doubt, tried, views) if in_doubt else {}
    if rows := [_row(message, shown) for message, shown in views.items() if shown]:
        await connection.execute(_WRITE, *columns(rows))
    doubled = {message for message, shown in views.items() if shown and shown.duplicates > tried[message].duplicates}
    await note(connection, [Decision(message, Kind.DUPLICATE) for message in doubled])
    for message, one in tried.items():
        if views[message] and one.phase in _HOLDING:
            woken.setdefault(one.thread, 0)
    await _wake(connection, woken)
    return doubled


async def ground(connection: Connection, messages: Iterable[UUID]) -> None:
    """Write what the locked `messages` show while no evidence speaks; for those that are to be sent once more."""
    await _wake(connection, await _put(connection, await connection.fetch(_DOUBTS, list(messages))))


@dataclass(slots=True)
class _Tried:
    """A message's attempts, oldest first, and what was known of it before."""

    thread: UUID
    phase: str
    duplicates: int
    told: list[Told] = field(default_factory=list)


def _tried(rows: Iterable[asyncpg.Record]) -> dict[UUID, _Tried]:
    """Fold the evidence of each attempt."""
    found: dict[UUID, _Tried] = {}
    for (message, _), group in groupby(rows, lambda row: (row["message_id"], row["number"])):
        seen = list(group)
        evidence = [
            Evidence(row["status"], row["provider_at"], row["code"], row["title"] or "", row["detail"] or "")
            for row in seen
            if row["status"] is not None
        ]
        one = found.setdefault(message, _Tried(seen[0]["conversation_id"], seen[0]["phase"], seen[0]["duplicates"]))
        one.told.append(Told(seen[0]["wamid"], standing(evidence)))
    return found


async def _resolve(
    connection: Connection, in_doubt: Sequence[UUID], tried: Mapping[UUID, _Tried], views: dict[UUID, View | None]
) -> dict[UUID, int]:
    """Find out what decisions say about messages whose newest attempt failed or is silent, and amend `views`.

    Return the threads of those that are to be sent once more, with their priority.
    """
    doubts = await connection.fetch(_DOUBTS, in_doubt)
    sick: list[tuple[UUID, str, str, str]] = []
    for row in doubts:
        message, told = row["id"], tried[row["id"]].told
        shown = views[message] = view(told, is_superseded=row["kind"] in ANOTHER)
        failure = shown.failure if shown else None
        if failure and is_healable(failure.code, row["media_id"], was_healed=row["was_healed"]):
            views[message] = view(told, is_superseded=True)
            sick.append((message, row["media_id"], str(failure.code), failure.detail))
    if sick:
        await connection.execute(_HEAL, *columns(sick))
        doubts = await connection.fetch(_DOUBTS, in_doubt)
    healed = {message for message, *_ in sick}
    # Any other that no evidence had moved stands on its ground already.
    return await _put(
        connection,
        [row for row in doubts if views[row["id"]] is None and (row["provider_message_id"] or row["id"] in healed)],
    )


async def _put(connection: Connection, doubts: Iterable[asyncpg.Record]) -> dict[UUID, int]:
    """Write what messages show without evidence, and return the threads of the queued ones, with their priority."""
    rows = [_grounded(row) for row in doubts]
    queued = await connection.fetch(_GROUND, *columns(rows)) if rows else []
    return {row["conversation_id"]: row["priority"] for row in sorted(queued, key=lambda row: row["priority"])}


async def _wake(connection: Connection, threads: Mapping[UUID, int]) -> None:
    """Have threads looked at, by priority; in one order, as every deed locks them."""
    for thread in sorted(threads):
        await turns.wake(connection, thread, threads[thread])
    if threads:
        await turns.ring(connection)


def _grounded(row: asyncpg.Record) -> tuple[object, ...]:
    answer = Answered(row["outcome"], row["finished_at"], row["code"], row["title"], row["detail"])
    decision = None
    if row["kind"]:
        decision = Answered(row["kind"], row["at"], row["decided_code"], row["decided_title"], row["decided_detail"])
    found = ground_of(answer, decision)
    failure = found.failure or Answered(None, None)
    return row["id"], found.phase, found.due_at, failure.at, failure.code, failure.title, failure.detail


def _row(message: UUID, seen: View) -> tuple[object, ...]:
    failure, warning = seen.failure, seen.warning
    return (
        message,
        seen.status,
        seen.wamid,
        seen.sent_at,
        seen.delivered_at,
        seen.read_at,
        failure.at if failure else None,
        str(failure.code) if failure else None,
        failure.title if failure else None,
        failure.detail if failure else None,
        str(warning.code) if warning else None,
        warning.detail if warning else None,
        seen.duplicates,
    )
