"""Take a person out of what is kept: words, pictures, addresses. That and when something was sent stays, for the books.

Messages keep what no person is in: kind, direction, number, status, times, codes. A wamid contains the phone number of
its peer, so a digest takes its place, by which a late status finds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from picha.gateway.domain.outcomes import CANCELLED
from picha.gateway.store import audit, retention
from picha.gateway.store.ledger import turns, withdraw
from picha.gateway.store.pool import Connection, Pool, in_transaction, take_longer

_MOST = 200

# Only what cannot be undone any more may be emptied: what is on its way is still read.
_THEIRS = "conversation_id = ANY($2) AND contact_id = ANY($1)"
_OPEN = f"SELECT count(*) FROM message WHERE {_THEIRS} AND phase = 'sending'"  # noqa: S608 - constants

_HAS_WORDS = """
num_nonnulls(caption, media_url, file_id, reply_to, client_reference, recipient_identity_key_hash, error_detail,
    warning_detail, spoilt_media_id) > 0
OR facts IS NOT NULL AND facts <> '{"let_go": true}' OR provider_message_id NOT LIKE 'erased.%'
"""
_NEXT = f"""
SELECT id, conversation_id, file_id, provider_message_id FROM message
WHERE {_THEIRS} AND phase <> 'sending' AND ({_HAS_WORDS}) ORDER BY id LIMIT $3 FOR UPDATE
"""  # noqa: S608 - a constant of this module only

_GONE = "'erased.' || encode(sha256(convert_to({column}, 'UTF8')), 'hex')"

# An uncertain send may not go out once more, and nobody may send again what is left of it.
_MESSAGES = f"""
UPDATE message SET caption = NULL, media_url = NULL, file_id = NULL, reply_to = NULL, client_reference = NULL,
    recipient_identity_key_hash = NULL, error_detail = NULL, warning_detail = NULL, spoilt_media_id = NULL,
    on_unknown = 'hold', image_state = CASE WHEN image_state IS NOT NULL THEN 'unavailable' END,
    due_at = CASE WHEN phase = 'received' THEN NULL ELSE due_at END,
    facts = CASE WHEN is_outbound AND NOT is_echo THEN '{{"let_go": true}}'::jsonb END,
    provider_message_id = CASE WHEN provider_message_id LIKE 'erased.%' THEN provider_message_id
        ELSE {_GONE.format(column="provider_message_id")} END
WHERE id = ANY($1)
"""  # noqa: S608 - as above
_ATTEMPTS = f"""
UPDATE attempt SET media_id = NULL, detail = NULL, title = NULL, wamid = CASE WHEN wamid LIKE 'erased.%' THEN wamid
    ELSE {_GONE.format(column="wamid")} END
WHERE message_id = ANY($1)
"""  # noqa: S608 - as above
_EVIDENCE = f"""
UPDATE evidence SET detail = NULL, title = NULL, wamid = CASE WHEN wamid LIKE 'erased.%' THEN wamid
    ELSE {_GONE.format(column="wamid")} END
WHERE attempt_id = ANY(ARRAY(SELECT id FROM attempt WHERE message_id = ANY($1)))
"""  # noqa: S608 - as above
_DECISIONS = "UPDATE decision SET detail = NULL WHERE message_id = ANY($1) AND detail IS NOT NULL"
_EVENTS = "UPDATE event SET provider_message_id = NULL, error_detail = NULL WHERE message_id = ANY($1)"
# What a receiver answered may repeat what it was told.
_DELIVERIES = """
UPDATE delivery SET answer_body = NULL, error = NULL
WHERE event_seq = ANY(ARRAY(SELECT seq FROM event WHERE message_id = ANY($1)))
    AND num_nonnulls(answer_body, error) > 0
"""
# Others in a group quote them.
_QUOTES = "UPDATE message SET reply_to = NULL WHERE conversation_id = ANY($1) AND reply_to = ANY($2)"

# A picture that others got, too, stays; one that nobody else refers to goes now, with the original it was made from.
_FILES = """
WITH named AS (
    SELECT id, digest FROM file WHERE (id = ANY($1) OR id IN (SELECT original_id FROM file WHERE id = ANY($1)))
        AND (SELECT true FROM message WHERE file_id = file.id LIMIT 1) IS NULL
    ORDER BY id FOR UPDATE
), gone AS (
    UPDATE file SET expires_at = least(file.expires_at, now()), sweep_at = now() FROM named WHERE file.id = named.id
), unmade AS (
    DELETE FROM uploaded_media USING named
    WHERE uploaded_media.digest = named.digest AND uploaded_media.workspace_id = $2
        AND NOT EXISTS (SELECT FROM file WHERE file.digest = named.digest AND file.workspace_id = $2
            AND file.id NOT IN (SELECT id FROM named) AND (expires_at IS NULL OR expires_at > now()))
)
SELECT count(*) FROM named
"""

# Recipients of batches, as they were asked for. One that is not looked at yet is refused, and counted so. The batches
# are locked before, so that a worker which goes on with one waits, or is waited for.
_LISTED = """
SELECT batch_id, place, message_id IS NULL AND code IS NULL AS is_open,
    num_nonnulls(recipient, one.caption, client_reference) > 0 AS is_telling
FROM batch_recipient AS one JOIN batch ON batch.id = batch_id
WHERE workspace_id = $1 AND (recipient = ANY($2::text[])
    OR conversation_id = ANY(ARRAY(SELECT id FROM conversation WHERE contact_id = ANY($4)))
    OR message_id = ANY(ARRAY(SELECT id FROM message WHERE message.conversation_id = ANY($3) AND contact_id = ANY($4))))
"""
_LOCK_BATCHES = "SELECT FROM batch WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
_UNLIST = """
WITH told AS (SELECT * FROM unnest($1::uuid[], $2::int[]) AS told (batch_id, place)), gone AS (
    UPDATE batch_recipient AS one SET recipient = NULL, caption = NULL, client_reference = NULL, detail = NULL,
        code = CASE WHEN one.message_id IS NULL THEN coalesce(one.code, $3) END
    FROM told WHERE one.batch_id = told.batch_id AND one.place = told.place
), refused AS (
    SELECT batch_id, count(*) AS number FROM batch_recipient AS one JOIN told USING (batch_id, place)
    WHERE one.message_id IS NULL AND one.code IS NULL GROUP BY batch_id
)
UPDATE batch SET refused = refused + number FROM refused WHERE id = refused.batch_id
"""
_UNLIST_S = 60

_OWN = "SELECT id FROM conversation WHERE contact_id = ANY($1) ORDER BY id FOR UPDATE"
_WITHDRAW = withdraw.of_chosen(
    "SELECT id FROM message WHERE conversation_id = ANY($5) AND contact_id = ANY($4) AND is_outbound AND"  # noqa: S608
    f" {withdraw.IS_OURS} ORDER BY id LIMIT 1000"
)
_CLOSE = """
UPDATE conversation SET deleted_at = coalesce(deleted_at, now()), unread_count = 0, window_until = NULL,
    cleared_upto = (SELECT id FROM message WHERE conversation_id = conversation.id ORDER BY id DESC LIMIT 1),
    updated_at = now()
WHERE contact_id = ANY($1)
"""
_ADDRESSES = "DELETE FROM contact_address WHERE contact_id = ANY($1)"
_CONTACT = """
UPDATE contact SET phone = NULL, user_id = NULL, addressed_at = NULL, profile_name = NULL, identity_key_hash = NULL,
    updated_at = now()
WHERE id = ANY($1)
"""


class StillSendingError(Exception):
    """Something is on its way to the person; in a moment it is not."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step emptied, and how many pictures it let go of; `is_last` tells that nothing is left."""

    messages: int
    pictures: int
    is_last: bool


async def cancel(pool: Pool, contacts: Sequence[UUID], threads: Sequence[UUID]) -> int:
    """Take back all that waits for these people and was certainly not handed to Meta; return how many messages."""
    count = 0
    while gone := await withdraw.chosen(pool, _WITHDRAW, *_ERASED, contacts, threads):
        count += gone
    return count


_ERASED = (CANCELLED, "Cancelled", "It was taken back because the recipient was erased.")


async def recipients(
    pool: Pool,
    workspace: UUID,
    contacts: Sequence[UUID],
    threads: Sequence[UUID],
    *,
    words: Sequence[str],
    lets_go: bool,
) -> int:
    """Count where these people are recipients of batches, and take them out if asked to; return how many places."""
    asked = workspace, words, threads, contacts

    async def work(connection: Connection) -> int:
        await take_longer(connection, _UNLIST_S)
        rows = await connection.fetch(_LISTED, *asked, timeout=_UNLIST_S)
        if lets_go and rows:
            await connection.execute(_LOCK_BATCHES, list({row["batch_id"] for row in rows}))
            places = [row["batch_id"] for row in rows], [row["place"] for row in rows]
            await connection.execute(_UNLIST, *places, CANCELLED)
        return sum(row["is_telling"] or row["is_open"] for row in rows)

    return await in_transaction(pool, work)


async def sending(pool: Pool, contacts: Sequence[UUID], threads: Sequence[UUID]) -> int:
    """Return how many messages are on their way to these people this moment."""
    count: int = await pool.fetchval(_OPEN, contacts, threads)
    return count


async def messages(
    pool: Pool, workspace: UUID, contacts: Sequence[UUID], threads: Sequence[UUID], *, most: int = _MOST
) -> Batch:
    """Take these people out of up to `most` messages, with their attempts, evidence, decisions and events."""

    async def work(connection: Connection) -> Batch:
        return await _empty(connection, workspace, contacts, threads, most)

    return await in_transaction(pool, work)


async def _empty(
    connection: Connection, workspace: UUID, contacts: Sequence[UUID], threads: Sequence[UUID], most: int
) -> Batch:
    rows = await connection.fetch(_NEXT, contacts, threads, most)
    ids = [row["id"] for row in rows]
    wamids = [row["provider_message_id"] for row in rows if row["provider_message_id"]]
    await connection.execute(_QUOTES, list({row["conversation_id"] for row in rows}), wamids)
    for statement in (_MESSAGES, _ATTEMPTS, _EVIDENCE, _DECISIONS, _EVENTS, _DELIVERIES):
        await connection.execute(statement, ids)
    pictures = 0
    if named := {row["file_id"] for row in rows if row["file_id"]}:
        await retention.let_go(connection, named)
        pictures = await connection.fetchval(_FILES, list(named), workspace)
    return Batch(len(rows), pictures, is_last=len(rows) < most)


async def people(
    pool: Pool,
    workspace: UUID,
    contacts: Sequence[UUID],
    threads: Sequence[UUID],
    *,
    who: str,
    counts: Mapping[str, int],
) -> None:
    """Take away by which addresses these people were found, close their threads, and note the deed.

    What came since the last step goes in the same transaction; whoever sends to them waits for it, and then finds
    nobody.

    Raises:
        StillSendingError: something is on its way to them.
    """

    async def work(connection: Connection) -> None:
        own = [row[0] for row in await connection.fetch(_OWN, contacts)]
        while woken := await connection.fetch(_WITHDRAW, *_ERASED, contacts, threads):
            for thread in sorted({row[0] for row in woken}):
                await turns.wake(connection, thread)
        if await connection.fetchval(_OPEN, contacts, threads):
            raise StillSendingError
        while not (await _empty(connection, workspace, contacts, threads, _MOST)).is_last:
            pass
        for statement in (_CLOSE, _ADDRESSES, _CONTACT):
            await connection.execute(statement, contacts)
        about = {"contacts": contacts, "conversations": len(own), **counts}
        await audit.note(connection, who, "person.erased", workspace=workspace, about=about)

    await in_transaction(pool, work)
