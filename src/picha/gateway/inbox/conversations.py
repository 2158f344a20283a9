"""The list of conversations: as a page, beside every thread, and in parts as it changes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from picha.gateway.inbox import sieve
from picha.gateway.inbox.glimpse import Glimpse, glimpse
from picha.gateway.inbox.names import initial, own
from picha.gateway.inbox.sieve import Sieve
from picha.gateway.inbox.visit import Visit
from picha.gateway.store import inbox_list, threads
from picha.gateway.store.inbox_list import Counts, Row
from picha.gateway.store.threads import SenderView, Wanted

_HUES = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation as a line of the list.

    `at` and `until`, when it is over, are microseconds since 1970. `ahead_s` is how far the number's time is before
    the real one: a sandbox's clock may have been moved.
    """

    row: Row
    glimpse: Glimpse | None
    name: str
    initial: str
    hue: int
    at: int
    until: int | None
    left: timedelta | None
    ahead_s: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows: its lines, how many there are of each kind, and where it goes on."""

    sieve: Sieve
    senders: Sequence[SenderView]
    lines: Sequence[Line]
    counts: Counts
    more: str
    path: str
    now: datetime


async def show(visit: Visit) -> Response:
    """Show the conversations, and that one of them can be opened beside."""
    mark = await visit.means.changes.mark(visit.workspace)
    return visit.page("conversations.html", title="Conversations", mark=mark, **await listed(visit))


async def part(visit: Visit) -> Response:
    """Draw the list alone, for the script that keeps it: a page of it, or the lines of some threads."""
    return visit.fragment("list.html", **await listed(visit, path="/inbox"))


async def listed(visit: Visit, *, path: str | None = None) -> Mapping[str, Any]:
    """Return the words of the list that stands beside every thread; its links to itself lead to `path`."""
    means, asked = visit.means, sieve.read(visit.request.query_params)
    senders = await threads.senders(means.pool, visit.workspace, visit.environment)
    if asked.sender not in {one.id for one in senders}:
        asked = replace(asked, sender=None)
    chosen = [one for one in senders if asked.sender in {None, one.id}]
    numbers = {one.id: means.times.now(one.account_id) for one in chosen}
    rows, counts = await asyncio.gather(
        inbox_list.rows(means.pool, _wanted(asked, numbers)), inbox_list.counts(means.pool, numbers)
    )
    now = means.clock.now()
    more = sieve.place(rows[sieve.PAGE - 1]) if len(rows) > sieve.PAGE and asked.ids is None else ""
    shown = rows[: sieve.PAGE] if asked.ids is None else rows
    listing = Listing(
        sieve=asked,
        senders=senders,
        lines=[_line(one, numbers[one.sender_id], now) for one in shown],
        counts=counts,
        more=more,
        path=visit.request.url.path if path is None else path,
        now=now,
    )
    return {"listing": listing}


def _wanted(asked: Sieve, numbers: Mapping[UUID, datetime]) -> Wanted:
    return Wanted(
        numbers,
        which=asked.which,
        search=asked.search or None,
        # One more than is shown tells whether there are more.
        limit=sieve.PAGE + 1 if asked.ids is None else sieve.IDS_MAX,
        before=asked.before,
        ids=asked.ids,
    )


def _line(row: Row, moment: datetime, now: datetime) -> Line:
    until, name = row.window_until, own(row.contact_name, row.phone)
    return Line(
        row=row,
        glimpse=glimpse(row),
        name=name,
        initial=initial(name) if name else "",
        hue=row.id.int % _HUES,
        at=sieve.moment(row.last_message_at),
        until=sieve.moment(until) if until else None,
        left=until - moment if until and until > moment else None,
        ahead_s=round((moment - now).total_seconds()),
    )
