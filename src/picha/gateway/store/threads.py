"""Reads of senders and conversations, as the API shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from picha.gateway.store.pool import Pool
from picha.gateway.store.views import COUNT_TO


@dataclass(frozen=True, slots=True)
class SenderView:
    """A business number as it is shown."""

    id: UUID
    account_id: UUID
    phone_number_id: str
    display_number: str
    label: str
    is_default: bool
    is_active: bool
    image_policy: str
    per_second: float
    paused_for: str | None


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A thread as it is shown."""

    id: UUID
    sender_id: UUID
    account_id: UUID
    phone: str | None
    user_id: str | None
    group_id: str | None
    contact_name: str | None
    identity_key_hash: str | None
    unread_count: int
    window_until: datetime | None
    last_message_at: datetime | None
    created_at: datetime
    updated_at: datetime


_SENDERS = """
SELECT id, account_id, phone_number_id, display_number, label, is_default, is_active, image_policy,
    per_second, paused_for FROM sender
WHERE workspace_id = $1 AND environment = $2 ORDER BY is_default DESC, id
"""

_SHOWN = """
SELECT c.id, sender_id, account_id, phone, user_id, group_id, profile_name, identity_key_hash, unread_count,
    window_until, last_message_at, c.created_at, c.updated_at
"""
_CONVERSATION = f"""
{_SHOWN} FROM conversation AS c JOIN sender ON sender.id = sender_id JOIN contact ON contact.id = contact_id
WHERE c.workspace_id = $1 AND environment = $2 AND deleted_at IS NULL
    AND c.id = coalesce((SELECT conversation_id FROM conversation_alias WHERE id = $3), $3)
"""  # noqa: S608 - constants of this module only

Which = Literal["all", "open", "unread"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which threads to list; None leaves a field open.

    `numbers` are the senders whose threads they are, each with the moment at which a window counts as open. `search` is
    a part of a contact's name, in any case, or of their number. `before` is the place of a thread, behind which the
    list begins: when something was said in it last, and its id.
    """

    numbers: Mapping[UUID, datetime]
    which: Which = "all"
    recipient: str | None = None
    search: str | None = None
    since: datetime | None = None
    limit: int = 50
    offset: int = 0
    before: tuple[datetime, UUID] | None = None

    @property
    def look(self) -> int:
        """How many threads of each number to look at."""
        is_in_order = self.search is None and self.which != "open"
        return self.limit + self.offset if is_in_order else COUNT_TO + 1


@dataclass(frozen=True, slots=True)
class Count:
    """How many threads there are, counted to `COUNT_TO`, and whether that is all."""

    total: int
    is_exact: bool


# Each number's threads are looked at in the order of an index, and no more of them than the page or the count needs.
# So that this holds whatever the planner believes of the tables, the moment is a query of its own (a value that it sees
# may mislead it), people are looked up one by one, and OFFSET 0 has the few threads of one recipient looked up first.
_WHICH: dict[Which, tuple[str, str]] = {
    "all": ("true", "last_message_at DESC, id DESC"),
    "open": ("window_until > number.now", "window_until DESC"),
    "unread": ("unread_count > 0", "last_message_at DESC, id DESC"),
}
_OF_ANYBODY = "(SELECT * FROM conversation WHERE $4::uuid[] IS NULL) AS one"
_OF_PEOPLE = "(SELECT * FROM conversation WHERE sender_id = number.id AND contact_id = ANY($4::uuid[]) OFFSET 0) AS one"
_LOOK = """
FROM unnest($1::uuid[], $2::timestamptz[]) AS number (id, now) CROSS JOIN LATERAL (
    SELECT * FROM {whose} WHERE sender_id = number.id AND deleted_at IS NULL AND {which}
        AND last_message_at >= (SELECT coalesce($3::timestamptz, '-infinity')) {behind}
    ORDER BY {order} LIMIT $5
) AS c
"""
_BEHIND = "AND (last_message_at, id) < ((SELECT $10::timestamptz), (SELECT $11::uuid))"
_MATCHES = """
(SELECT strpos(lower(profile_name), lower($6)) > 0 OR strpos(phone, $7) > 0
    FROM contact WHERE contact.id = c.contact_id)
"""
_PAGE = f"""
SELECT c.* {{look}} WHERE $6::text IS NULL OR {_MATCHES} ORDER BY last_message_at DESC, c.id DESC LIMIT $8 OFFSET $9
"""
_LIST = f"""
{_SHOWN} FROM ({_PAGE}) AS c JOIN sender ON sender.id = sender_id
CROSS JOIN LATERAL (SELECT * FROM contact WHERE contact.id = contact_id OFFSET 0) AS contact
ORDER BY last_message_at DESC, c.id DESC
"""  # noqa: S608 - constants of this module only
_COUNT = "SELECT count(*) AS looked, count(*) AS found {look} GROUP BY number.id"
_COUNT_FOUND = f"SELECT count(*) AS looked, count(*) FILTER (WHERE {_MATCHES}) AS found {{look}} GROUP BY number.id"

_PEOPLE = """
SELECT DISTINCT address.contact_id FROM sender
JOIN contact_address AS address USING (workspace_id)
WHERE sender.id = ANY($1::uuid[]) AND kind IN ('phone', 'wa_id') AND value = $2
"""


async def senders(pool: Pool, workspace: UUID, environment: str) -> list[SenderView]:
    """Return a workspace's numbers of one environment, the default one first."""
    return [SenderView(*row) for row in await pool.fetch(_SENDERS, workspace, environment)]


async def conversation(pool: Pool, workspace: UUID, environment: str, conversation_id: UUID) -> ConversationView | None:
    """Look one thread up by (workspace, environment, id), or an id that it had before two became one."""
    row = await pool.fetchrow(_CONVERSATION, workspace, environment, conversation_id)
    return ConversationView(*row) if row else None


async def conversations(pool: Pool, wanted: Wanted) -> list[ConversationView]:
    """List threads in which something was said, the most recently active first."""
    statement, asked = await _look(pool, wanted, _LIST, wanted.look, behind=_BEHIND if wanted.before else "")
    page = wanted.search, _part_of_number(wanted), wanted.limit, wanted.offset
    rows = await pool.fetch(statement, *asked, *page, *(wanted.before or ()))
    return [ConversationView(*row) for row in rows]


async def count(pool: Pool, wanted: Wanted) -> Count:
    """Count the threads that `conversations` lists, on all pages.

    With `search`, each number's `COUNT_TO` most recently active threads are looked at.
    """
    searched = () if wanted.search is None else (wanted.search, _part_of_number(wanted))
    statement, asked = await _look(pool, wanted, _COUNT_FOUND if searched else _COUNT, COUNT_TO + 1)
    rows = await pool.fetch(statement, *asked, *searched)
    total = sum(row["found"] for row in rows)
    is_exact = total <= COUNT_TO and all(row["looked"] <= COUNT_TO for row in rows)
    return Count(min(total, COUNT_TO), is_exact)


async def _look(
    pool: Pool, wanted: Wanted, statement: str, most: int, *, behind: str = ""
) -> tuple[str, Sequence[object]]:
    """Return a statement that looks at threads, and its first arguments."""
    numbers = list(wanted.numbers)
    people = None
    if wanted.recipient is not None:
        people = [row[0] for row in await pool.fetch(_PEOPLE, numbers, wanted.recipient)]
    which, order = _WHICH[wanted.which]
    look = _LOOK.format(whose=_OF_ANYBODY if people is None else _OF_PEOPLE, which=which, order=order, behind=behind)
    return statement.format(look=look), (numbers, list(wanted.numbers.values()), wanted.since, people, most)


def _part_of_number(wanted: Wanted) -> str | None:
    """Return the digits of a search that is written like a number."""
    written = (wanted.search or "").translate(str.maketrans("", "", " +-()."))
    return written if written.isascii() and written.isdigit() else None
