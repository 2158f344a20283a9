"""Fold messages anew from their evidence and write what changed: the step that settle and witness share."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from picha.gateway.domain.status import Evidence, View, standing, view
from picha.gateway.store.pool import Connection

_LOCK_WAMIDS = """
SELECT pg_advisory_xact_lock(key) FROM
    (SELECT DISTINCT hashtextextended(wamid, 0) AS key FROM unnest($1::text[]) AS wamid ORDER BY key) AS keys
"""

# Evidence that came before its attempt was known is bound as soon as both are there.
_BIND = """
UPDATE evidence SET attempt_id =
    (SELECT id FROM attempt WHERE attempt.wamid = evidence.wamid AND attempt.sender_id = evidence.sender_id LIMIT 1)
WHERE attempt_id IS NULL AND wamid = ANY($1::text[])
"""

_LOCK_MESSAGES = """
SELECT id, conversation_id, sender_id FROM message WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

# OFFSET 0 keeps the planner from joining: each attempt's few rows are looked up, whatever it believes of the table.
_EVIDENCE = """
SELECT attempt.message_id, attempt.id AS attempt_id, attempt.wamid, seen.status, seen.provider_at, seen.code,
    seen.title, seen.detail
FROM attempt
LEFT JOIN LATERAL (SELECT * FROM evidence WHERE attempt_id = attempt.id OFFSET 0) AS seen ON true
WHERE attempt.message_id = ANY($1::uuid[]) AND attempt.wamid IS NOT NULL
ORDER BY attempt.message_id, attempt.number
"""

# A bound wamid overrides what we decided without evidence: giving up, expiry, cancelling.
_WRITE = """
UPDATE message SET
    phase = CASE WHEN new.status = 'failed' THEN 'failed' ELSE 'submitted' END,
    status = new.status, provider_message_id = new.wamid, due_at = NULL, sent_at = new.sent_at,
    delivered_at = new.delivered_at, read_at = new.read_at, failed_at = new.failed_at, error_code = new.error_code,
    error_message = new.error_message, error_detail = new.error_detail
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::text[], $9::text[], $10::text[])
    AS new (id, status, wamid, sent_at, delivered_at, read_at, failed_at, error_code, error_message, error_detail)
WHERE message.id = new.id
"""


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


async def refold(connection: Connection, messages: Iterable[UUID]) -> None:
    """Write the folded status of the locked `messages` that have a wamid."""
    ids = list(set(messages))
    folded = _views(await connection.fetch(_EVIDENCE, ids))
    if folded:
        await connection.execute(_WRITE, *zip(*folded, strict=True))


def _views(rows: Iterable[asyncpg.Record]) -> list[tuple[object, ...]]:
    """Fold the rows of several messages into one row of `_WRITE` each."""
    attempts: dict[UUID, dict[UUID, list[Evidence]]] = defaultdict(dict)
    wamids: dict[UUID, str] = {}
    for row in rows:
        evidence = attempts[row["message_id"]].setdefault(row["attempt_id"], [])
        wamids[row["message_id"]] = row["wamid"]
        if row["status"] is not None:
            evidence.append(
                Evidence(row["status"], row["provider_at"], row["code"], row["title"] or "", row["detail"] or "")
            )
    return [
        _row(message, wamids[message], view([standing(items) for items in by_attempt.values()]))
        for message, by_attempt in attempts.items()
    ]


def _row(message: UUID, wamid: str, seen: View) -> tuple[object, ...]:
    failure = seen.failure
    return (
        message,
        seen.status,
        wamid,
        seen.sent_at,
        seen.delivered_at,
        seen.read_at,
        failure.at if failure else None,
        str(failure.code) if failure else None,
        failure.title if failure else None,
        failure.detail if failure else None,
    )
