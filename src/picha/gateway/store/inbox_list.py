"""The list of threads as people see it: each with its last message, in one look; and how many there are of a kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.store.pool import Pool
from picha.gateway.store.threads import PAGE, Wanted, page

COUNT_TO = 1000
"""Counting stops here: a person reads "999+" and no more."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thread, and the last that was said in it: nothing where `last_id` is None.

    `file_id` is the newest picture among its last ten messages.
    """

    id: UUID
    sender_id: UUID
    account_id: UUID
    sender: str
    sender_label: str
    phone: str | None
    user_id: str | None
    group_id: str | None
    contact_name: str | None
    unread_count: int
    window_until: datetime | None
    last_message_at: datetime
    last_id: UUID | None
    is_outbound: bool | None
    is_echo: bool | None
    message_type: str | None
    phase: str | None
    status: str | None
    caption: str | None
    text: str | None
    emoji: str | None
    file_id: UUID | None
    image_state: str | None


_LATELY = 10
_KEPT = "conversation_id = c.id AND (c.cleared_upto IS NULL OR message.id > c.cleared_upto)"
# The last messages are looked up thread by thread, by the index that is in their order; more than the last one of them
# only where that has no picture.
_ROWS = f"""
SELECT c.id, c.sender_id, account_id, display_number, label, phone, user_id, group_id, profile_name, unread_count,
    window_until, last_message_at, last.id, last.is_outbound, last.is_echo, message_type, phase, status,
    left(caption, 200), left(facts ->> 'text', 200), facts -> 'reaction' ->> 'emoji',
    coalesce(last.file_id, (
        SELECT file_id FROM (
            SELECT file_id, id FROM message WHERE {_KEPT} ORDER BY id DESC LIMIT {_LATELY}
        ) AS lately WHERE file_id IS NOT NULL ORDER BY id DESC LIMIT 1
    )), image_state
FROM ({PAGE}) AS c JOIN sender ON sender.id = c.sender_id
CROSS JOIN LATERAL (SELECT * FROM contact WHERE contact.id = c.contact_id OFFSET 0) AS contact
LEFT JOIN LATERAL (
    SELECT * FROM message WHERE {_KEPT} ORDER BY id DESC LIMIT 1
) AS last ON true
ORDER BY last_message_at DESC, c.id DESC
"""  # noqa: S608 - constants of the store only


@dataclass(frozen=True, slots=True)
class Counts:
    """How many threads there are of each kind, counted to `COUNT_TO`."""

    all: int
    open: int
    unread: int


_COUNTED = """
(SELECT count(*) FROM (
    SELECT FROM unnest($1::uuid[], $2::timestamptz[]) AS number (id, now) CROSS JOIN LATERAL (
        SELECT FROM conversation WHERE sender_id = number.id AND deleted_at IS NULL AND {which}
        ORDER BY {order} LIMIT $3
    ) AS c LIMIT $3
) AS counted)
"""
_COUNTS = "SELECT " + ", ".join(
    _COUNTED.format(which=which, order=order)
    for which, order in (
        ("last_message_at IS NOT NULL", "last_message_at DESC, id DESC"),
        ("window_until > number.now", "window_until DESC"),
        ("unread_count > 0", "last_message_at DESC, id DESC"),
    )
)


async def rows(pool: Pool, wanted: Wanted) -> list[Row]:
    """List threads in which something was said, the most recently active first."""
    return [Row(*row) for row in await page(pool, wanted, _ROWS)]


async def counts(pool: Pool, numbers: Mapping[UUID, datetime]) -> Counts:
    """Count the threads of these numbers, each with the moment at which a window counts as open."""
    row = await pool.fetchrow(_COUNTS, list(numbers), list(numbers.values()), COUNT_TO)
    assert row is not None  # noqa: S101 - it selects three numbers
    return Counts(*row)
