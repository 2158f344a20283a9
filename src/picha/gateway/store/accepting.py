"""What accepting a batch of sends needs to know, read in one round a question for the whole batch."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from picha.gateway.domain.admission import Known, Refusal, Send, Sender, Thread, sender_of
from picha.gateway.domain.filling import Form
from picha.gateway.store import tenants
from picha.gateway.store.pool import Connection, Pool

# The last message of a conversation, by their ids.
NEWEST = "(SELECT id FROM message WHERE conversation_id = conversation.id ORDER BY id DESC LIMIT 1)"

# A conversation answers to the ids of those that became part of it, too.
_THREADS_BY_ID = f"""
SELECT asked.place, conversation.id, sender_id, contact_id, window_until, {NEWEST}, group_id IS NOT NULL, asked.id
FROM unnest($1::int[], $2::uuid[], $3::uuid[]) AS asked (place, workspace_id, id)
JOIN conversation ON conversation.workspace_id = asked.workspace_id AND conversation.id =
    coalesce((SELECT conversation_id FROM conversation_alias WHERE conversation_alias.id = asked.id), asked.id)
JOIN contact ON contact.id = contact_id WHERE deleted_at IS NULL
"""  # noqa: S608 - a constant of this module only

# One that was deleted has its window all the same, and lives again with what is sent to its customer.
_THREADS_BY_PHONE = f"""
SELECT asked.place, conversation.id, sender_id, contact_id, window_until, {NEWEST}
FROM unnest($1::int[], $2::uuid[], $3::text[], $4::uuid[]) AS asked (place, workspace_id, phone, sender_id)
JOIN contact_address AS address
    ON address.workspace_id = asked.workspace_id AND address.value = asked.phone AND kind IN ('wa_id', 'phone')
JOIN conversation USING (contact_id, sender_id)
"""  # noqa: S608 - a constant of this module only

_FILES = """
SELECT asked.place, is_fit FROM file
JOIN unnest($1::int[], $2::uuid[], $3::uuid[], $4::text[]) AS asked (place, workspace_id, id, environment)
    USING (workspace_id, id, environment)
WHERE expires_at IS NULL OR expires_at > now()
"""

_REPLIES = """
SELECT asked.place, provider_message_id FROM message
JOIN unnest($1::int[], $2::uuid[], $3::uuid[], $4::text[]) AS asked (place, workspace_id, id, environment)
    USING (workspace_id, id)
JOIN sender ON sender.id = sender_id AND sender.environment = asked.environment
WHERE provider_message_id IS NOT NULL
"""

_FORMS = """
SELECT asked.place, template.id, account_id, template.name, language,
    CASE WHEN is_deleted THEN 'DELETED' ELSE status END, body, is_named, header, others
FROM template JOIN unnest($1::int[], $2::uuid[], $3::text[]) AS asked (place, workspace_id, name)
    ON template.workspace_id = asked.workspace_id AND template.name = asked.name
"""


def _asked(commands: Sequence[Send], field: str) -> tuple[list[int], list[UUID], list[object], list[str]]:
    """Return places, workspaces, values and environments of the commands that name `field`."""
    named = [(place, one, value) for place, one in enumerate(commands) if (value := getattr(one, field))]
    return (
        [place for place, _, _ in named],
        [one.workspace_id for _, one, _ in named],
        [value for _, _, value in named],
        [one.environment for _, one, _ in named],
    )


async def _threads(
    connection: Connection, commands: Sequence[Send], leaving_from: Sequence[Sender | Refusal]
) -> dict[int, list[Thread]]:
    places, workspaces, named, _ = _asked(commands, "conversation_id")
    rows = await connection.fetch(_THREADS_BY_ID, places, workspaces, named) if places else []
    people = [
        (place, one.workspace_id, one.to, sender.id)
        for place, (one, sender) in enumerate(zip(commands, leaving_from, strict=True))
        if one.to and not one.conversation_id and isinstance(sender, Sender)
    ]
    rows += await connection.fetch(_THREADS_BY_PHONE, *zip(*people, strict=True)) if people else []
    found: dict[int, list[Thread]] = defaultdict(list)
    for row in rows:
        # Whose numbers they are with is seen to by whoever admits.
        thread = Thread(*list(row)[1:])
        if thread not in found[row["place"]]:
            found[row["place"]].append(thread)
    return found


async def _forms(connection: Connection, commands: Sequence[Send]) -> dict[int, list[Form]]:
    found: dict[int, list[Form]] = defaultdict(list)
    named = [(place, one.workspace_id, one.filling.name) for place, one in enumerate(commands) if one.filling]
    for row in await connection.fetch(_FORMS, *zip(*named, strict=True)) if named else ():
        found[row["place"]].append(Form(*list(row)[1:]))
    return found


async def known(pool: Pool, commands: Sequence[Send], *, falls_back: bool = False) -> list[Known]:
    """Return what the store knows about each command, in order; `falls_back` is as in `Known`."""
    everyone = await tenants.senders(pool, list({one.workspace_id for one in commands}))
    rosters = {
        (workspace, environment): [one for one in everyone[workspace] if one.environment == environment]
        for workspace, environment in {(one.workspace_id, one.environment) for one in commands}
    }
    senders = [rosters[one.workspace_id, one.environment] for one in commands]
    leaving_from = [sender_of(one, of, falls_back=falls_back) for one, of in zip(commands, senders, strict=True)]
    async with pool.acquire() as connection:
        threads, forms = await _threads(connection, commands, leaving_from), await _forms(connection, commands)
        files_asked, replies_asked = _asked(commands, "file_id"), _asked(commands, "reply_to")
        filed = await connection.fetch(_FILES, *files_asked) if files_asked[0] else []
        replied = await connection.fetch(_REPLIES, *replies_asked) if replies_asked[0] else []
    files: dict[int, bool] = {row[0]: row[1] for row in filed}
    replies: dict[int, str] = {row[0]: row[1] for row in replied}
    return [
        Known(
            senders=senders[place],
            threads=threads.get(place, []),
            has_file=place in files,
            is_file_fit=files.get(place, False),
            replied_to=replies.get(place),
            forms=forms.get(place, ()),
            falls_back=falls_back,
        )
        for place in range(len(commands))
    ]
