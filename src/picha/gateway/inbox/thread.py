"""A thread: its page, the parts of it that change while it is open, and what is done with it as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from starlette.responses import Response

from picha.gateway.domain import window
from picha.gateway.inbox import composer, conversations
from picha.gateway.inbox.bubbles import Bubble, drawn
from picha.gateway.inbox.names import initial, named
from picha.gateway.inbox.numerals import masked, spaced
from picha.gateway.inbox.visit import NOT_THERE, RefusedError, Visit
from picha.gateway.store import inbox_thread, threads
from picha.gateway.store.inbox_thread import PAGE, SAID_ABOUT, Entry
from picha.gateway.store.ledger import attend
from picha.gateway.store.threads import ConversationView

HOME = "/inbox"
_HUES = 6
# How little is left of a window when it is told as a warning.
_SOON = timedelta(hours=2)
_NOT_READ = RefusedError(400, "That cannot be read", "The page is not whole. Load it again.")


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above a thread: with whom it is, at which of our numbers, and how long one may answer freely."""

    id: UUID
    name: str
    initial: str
    hue: int
    number: str
    ours: str
    has_several: bool
    is_group: bool
    left: timedelta | None
    is_short: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of a thread's messages: `older` is the message before which it goes on, None at its beginning.

    `unread` is the first message that nobody has read, where it is on this page.
    """

    bubbles: Sequence[Bubble]
    older: UUID | None
    unread: UUID | None = None
    unread_count: int = 0
    read_upto: datetime | None = None


async def show(visit: Visit) -> Response:
    """Show a thread with its last messages, or with those before the message that `older` names."""
    mark = await visit.means.changes.mark(visit.workspace)
    thread = await _find(visit)
    if str(thread.id) != visit.request.path_params["id"]:
        return visit.elsewhere(visit.at("conversations", thread.id))
    older = _id(visit.request.query_params.get("older"))
    entries = await inbox_thread.page(visit.means.pool, thread.id, before=older)
    head = await _head(visit, thread)
    return visit.page(
        "thread.html",
        title=head.name,
        mark=mark,
        head=head,
        leaf=_leaf(thread, entries, is_newest=older is None),
        is_newest=older is None,
        **await conversations.listed(visit),
        **await composer.composed(visit, thread),
    )


async def head(visit: Visit) -> Response:
    """Draw what stands above a thread, for a script to put in place."""
    return visit.fragment("thread_head.html", head=await _head(visit, await _find(visit)))


async def newest(visit: Visit) -> Response:
    """Draw what stands above a thread, and its last messages, for a script that may have missed something."""
    thread = await _find(visit)
    leaf = _leaf(thread, await inbox_thread.page(visit.means.pool, thread.id))
    return visit.fragment("newest.html", head=await _head(visit, thread), leaf=leaf)


async def messages(visit: Visit) -> Response:
    """Draw messages for a script to put in place: those before the message `before`, or those of `ids`.

    With the latter, which just changed, comes what stands above the thread. What only says something about another
    message stands for that one.
    """
    thread, query, pool = await _find(visit), visit.request.query_params, visit.means.pool
    if "ids" not in query:
        leaf = _leaf(thread, await inbox_thread.page(pool, thread.id, before=_id(query.get("before"))))
        return visit.fragment("messages.html", leaf=leaf)
    ids = {one for text in query["ids"].split(",")[:PAGE] if (one := _id(text))}
    found = await inbox_thread.some(pool, thread.id, list(ids))
    meant = {one.quoted.id for one in found if one.message_type in SAID_ABOUT and one.quoted} - ids
    found += await inbox_thread.some(pool, thread.id, list(meant))
    leaf = Leaf(_bubbles(thread, found), None, read_upto=_upto(found))
    return visit.fragment("newest.html", head=await _head(visit, thread), leaf=leaf)


async def number(visit: Visit) -> Response:
    """Tell the whole number of a thread's customer, to whoever asked to see it."""
    thread = await _find(visit)
    return visit.document({"number": spaced(thread.phone) if thread.phone else ""})


async def read(visit: Visit) -> Response:
    """Count a thread's messages as read, all of them or those that came by `up_to`; the customer is told nothing."""
    told = (await visit.form()).get("up_to")
    try:
        up_to = datetime.fromisoformat(told) if told else None
        if up_to is not None and up_to.tzinfo is None:
            raise _NOT_READ
        up_to = up_to.astimezone(UTC) if up_to else None
    except (ValueError, OverflowError):
        raise _NOT_READ from None
    where = visit.means.pool, visit.workspace, visit.environment, visit.path_id("id")
    if await attend.read(*where, up_to=up_to) is None:
        raise NOT_THERE
    return Response(status_code=204)


async def unread(visit: Visit) -> Response:
    """Count a thread as unread, and go back to the list."""
    where = visit.means.pool, visit.workspace, visit.environment, visit.path_id("id")
    if await attend.unread(*where) is None:
        raise NOT_THERE
    return visit.elsewhere(HOME)


async def delete(visit: Visit) -> Response:
    """Take a thread out of the list with all that was said in it."""
    where = visit.means.pool, visit.workspace, visit.environment, visit.path_id("id")
    if await attend.delete(*where, who=visit.who.id.hex) is None:
        raise NOT_THERE
    return Response(status_code=204)


async def _find(visit: Visit) -> ConversationView:
    """Return the thread that the path names; raises `NOT_THERE`."""
    found = await threads.conversation(visit.means.pool, visit.workspace, visit.environment, visit.path_id("id"))
    if found is None:
        raise NOT_THERE
    return found


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NOT_THERE from None


async def _head(visit: Visit, thread: ConversationView) -> Head:
    means = visit.means
    numbers = await threads.senders(means.pool, visit.workspace, visit.environment)
    ours = next((one for one in numbers if one.id == thread.sender_id), None)
    now = means.times.now(thread.account_id)
    is_open = window.is_open(thread.window_until, now)
    left = thread.window_until - now if thread.window_until and is_open else None
    name = named(thread.contact_name, thread.phone) if not thread.group_id else thread.contact_name or "A group"
    return Head(
        id=thread.id,
        name=name,
        initial=initial(name) if thread.contact_name else "",
        hue=thread.id.int % _HUES,
        number=masked(thread.phone) if thread.phone else "",
        ours=(ours.label or spaced(ours.display_number)) if ours else "",
        has_several=len(numbers) > 1,
        is_group=thread.group_id is not None,
        left=left,
        is_short=left is not None and left < _SOON,
    )


def _bubbles(thread: ConversationView, entries: Sequence[Entry]) -> list[Bubble]:
    return drawn(entries, is_group=thread.group_id is not None)


def _leaf(thread: ConversationView, entries: Sequence[Entry], *, is_newest: bool = False) -> Leaf:
    older = entries[0].id if len(entries) == PAGE else None
    first = _first_unread(entries, thread.unread_count) if is_newest else None
    bubbles = _bubbles(thread, entries)
    unread = next((one.id for one in bubbles if first and one.id >= first), None)
    return Leaf(bubbles, older, unread, thread.unread_count, _upto(entries))


def _upto(entries: Sequence[Entry]) -> datetime | None:
    return max((one.created_at for one in entries), default=None)


def _first_unread(entries: Sequence[Entry], count: int) -> UUID | None:
    """Return the first of the last `count` messages that came in, where that many are at hand."""
    came = [one.id for one in entries if not one.is_outbound]
    return came[-count] if 0 < count <= len(came) else None
