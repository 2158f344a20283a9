"""A person in a workspace: who answers to an address, what is kept of them, and where else they are named.

Nothing here is quick: it is for an operator who was asked to tell or to erase, and looks a few hundred rows at a time.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from picha.gateway.store.pool import Connection, Pool, in_transaction, take_longer

_MOST = 500

# A phone that is written otherwise than WhatsApp's own id of it leads to the same contact.
_FOUND = """
SELECT DISTINCT contact_id FROM contact_address
WHERE workspace_id = $1 AND kind = ANY($2::text[]) AND value = $3 ORDER BY contact_id
"""
_CONTACTS = """
SELECT id, phone, user_id, profile_name, created_at, updated_at FROM contact WHERE id = ANY($1) ORDER BY id
"""
_ADDRESSES = "SELECT contact_id, kind, value FROM contact_address WHERE contact_id = ANY($1) ORDER BY kind, value"

# Their own threads, and those of groups, in which anybody may have written.
THREADS = """
SELECT conversation.id FROM conversation WHERE contact_id = ANY($1)
    OR contact_id = ANY(ARRAY(SELECT contact_id FROM contact_address WHERE workspace_id = $2 AND kind = 'group'))
ORDER BY id
"""
_COUNTS = """
SELECT count(*) AS messages, count(DISTINCT file_id) AS pictures,
    count(*) FILTER (WHERE is_outbound AND phase IN ('image_wait', 'queued')) AS waiting
FROM message WHERE conversation_id = ANY($2) AND contact_id = ANY($1)
"""
_MESSAGES = """
SELECT message.id, environment FROM message JOIN sender ON sender.id = message.sender_id
WHERE conversation_id = ANY($2) AND contact_id = ANY($1) AND message.id > $3 ORDER BY message.id LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A person, or several who answer to one address: their contacts, and every address of theirs."""

    workspace_id: UUID
    contacts: Sequence[UUID]
    facts: Sequence[dict[str, Any]]
    words: Sequence[str]
    """What names them wherever bytes or documents are kept as they came."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a person is in messages; `waiting` are sends that were not begun."""

    messages: int
    pictures: int
    waiting: int


async def known(pool: Pool, workspace: UUID, *, phone: str | None = None, user_id: str | None = None) -> Known:
    """Return who answers to a phone (digits) or a user id, with all of their addresses; nobody is nobody's contact."""
    kinds, value = (["phone", "wa_id"], phone) if phone is not None else (["bsuid"], user_id)
    contacts = [row[0] for row in await pool.fetch(_FOUND, workspace, kinds, value)]
    addresses = [dict(row) for row in await pool.fetch(_ADDRESSES, contacts)]
    facts = [
        dict(row)
        | {"addresses": [{"kind": a["kind"], "value": a["value"]} for a in addresses if a["contact_id"] == row["id"]]}
        for row in await pool.fetch(_CONTACTS, contacts)
    ]
    reached = (one[name] for one in facts for name in ("phone", "user_id"))
    words = {value, *(one["value"] for one in addresses), *reached}
    return Known(workspace, contacts, facts, sorted(word for word in words if word))


async def threads(pool: Pool, one: Known) -> list[UUID]:
    """Return the conversations in which a person may have written, or been written to."""
    return [row[0] for row in await pool.fetch(THREADS, one.contacts, one.workspace_id)] if one.contacts else []


async def own_threads(pool: Pool, one: Known) -> list[UUID]:
    """Return the conversations that a person has with the workspace's numbers."""
    rows = await pool.fetch("SELECT id FROM conversation WHERE contact_id = ANY($1) ORDER BY id", one.contacts)
    return [row[0] for row in rows]


async def kept(pool: Pool, one: Known) -> Kept:
    """Count what is kept of a person in messages."""
    row = await pool.fetchrow(_COUNTS, one.contacts, await threads(pool, one))
    return Kept(*row) if row else Kept(0, 0, 0)


async def messages(pool: Pool, one: Known) -> AsyncIterator[list[tuple[UUID, str]]]:
    """Yield the ids of a person's messages with their environment, oldest first, a page at a time."""
    where, after = await threads(pool, one), UUID(int=0)
    while rows := await pool.fetch(_MESSAGES, one.contacts, where, after, _MOST):
        yield [(row[0], row[1]) for row in rows]
        after = rows[-1][0]


# Each looks at the next rows of a table ($1: where to go on, $2: how many), and lets go of what names the person ($3:
# words, $4: the workspace), unless it is only to be counted ($5).
_NAMES = "EXISTS (SELECT FROM unnest($3::text[]) AS word WHERE position({sought} IN {place}) > 0)"
_OURS = "meta_app_id = ANY(ARRAY(SELECT meta_app_id FROM account WHERE workspace_id = $4::uuid))"
_STEP = """
WITH looked AS (
    SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT $2
), named AS (
    SELECT {table}.id FROM {table} JOIN looked USING (id) WHERE {match}
), gone AS (
    {deed} WHERE id IN (SELECT id FROM named) AND $5::boolean RETURNING 1
)
SELECT (SELECT count(*) FROM looked) AS looked, (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last,
    (SELECT count(*) FROM named) AS named, (SELECT count(*) FROM gone) AS gone
"""
_IN_BYTES = "convert_to(word, 'UTF8')"

_TRACES = {
    # What was answered 200 and is not understood yet is all there is of what it tells.
    "webhooks": _STEP.format(
        table="raw_webhook",
        match=f"digested_at IS NOT NULL AND body IS NOT NULL AND {_OURS} AND "
        + _NAMES.format(sought=_IN_BYTES, place="body"),
        deed="UPDATE raw_webhook SET body = NULL",
    ),
    "quarantined": _STEP.format(
        table="quarantine",
        match=f"(SELECT {_OURS} FROM raw_webhook WHERE raw_webhook.id = raw_id) IS NOT FALSE AND "  # noqa: S608 - as above
        + _NAMES.format(sought=_IN_BYTES, place="item"),
        deed="DELETE FROM quarantine",
    ),
    "notices": _STEP.format(
        table="notice",
        match="workspace_id = $4::uuid AND "
        + _NAMES.format(sought="word", place="concat_ws(' ', value::text, title, detail)"),
        deed="DELETE FROM notice",
    ),
}

# What was answered to a send is ids, and answers a repetition for as long as it may come. Other answers show messages.
_ANSWERS = f"""
WITH named AS (
    SELECT environment, key FROM replay
    WHERE workspace_id = $2 AND answer IS NOT NULL AND NOT answer ? 'phone_number_id'
        AND (answer->>'conversation_id' = ANY($4::text[]) OR answer->>'id' = ANY($4::text[])
            OR {_NAMES.format(sought="word", place="answer::text").replace("$3", "$1")})
), gone AS (
    DELETE FROM replay USING named WHERE replay.workspace_id = $2 AND replay.environment = named.environment
        AND replay.key = named.key AND $3::boolean
)
SELECT count(*) FROM named
"""  # noqa: S608 - constants of this module only
_ANSWERS_S = 60

TRACES = (*_TRACES, "answers")
"""Where else a person is named, outside of messages: in a webhook's body, an item that was put aside, a notice, and in
an answer that an idempotency key keeps."""


async def traces(pool: Pool, one: Known, what: str, *, lets_go: bool) -> int:
    """Count where a person is named in one of `TRACES`, and let go of it if asked to; return how many rows."""
    if what == "answers":
        return await _answers(pool, one, lets_go=lets_go)
    count, after = 0, UUID(int=0)
    while True:
        row = await pool.fetchrow(_TRACES[what], after, _MOST, one.words, one.workspace_id, lets_go)
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        count += int(row["named"])
        if row["looked"] < _MOST:
            return count
        after = row["last"]


async def _answers(pool: Pool, one: Known, *, lets_go: bool) -> int:
    ids = [str(thread) for thread in await own_threads(pool, one)]

    async def work(connection: Connection) -> int:
        await take_longer(connection, _ANSWERS_S)
        count: int = await connection.fetchval(_ANSWERS, one.words, one.workspace_id, lets_go, ids, timeout=_ANSWERS_S)
        return count

    return await in_transaction(pool, work)
