"""A message's story: all that happened to it in plain words, what comes next, and what may be done about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from picha.gateway.domain.outcomes import GIVE_UP_AFTER, SOFT_WAIT
from picha.gateway.inbox.bubbles import Bubble, drawn
from picha.gateway.inbox.visit import NOT_THERE, RefusedError, Visit
from picha.gateway.sending import afterwards
from picha.gateway.sending.afterwards import CannotError
from picha.gateway.store import inbox_thread, views
from picha.gateway.store.inbox_thread import Entry
from picha.gateway.store.views import MessageView
from picha.gateway.telling.story import Line, story

# What is left of the time until a message is given up when nobody need wait for WhatsApp's word any more.
_SILENT_FOR = GIVE_UP_AFTER - SOFT_WAIT
_TONES = {
    "accepted": "good",
    "delivered": "good",
    "read": "good",
    "sent": "good",
    "rejected": "bad",
    "failed": "bad",
    "refused": "bad",
    "given_up": "bad",
    "barred": "bad",
    "ambiguous": "warn",
    "doubted": "warn",
    "throttled": "warn",
    "not_sent": "warn",
    "put_off": "warn",
    "duplicate": "warn",
}
_KINDS = {"decision": "Picha", "attempt": "Attempt", "evidence": "WhatsApp"}
_TITLES = {"NOT_CANCELLABLE": "It cannot be cancelled", "NOT_RESENDABLE": "It cannot be sent again"}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One line of a story as it is drawn."""

    at: datetime
    who: str
    text: str
    code: str
    tone: str


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a message of which nothing is known yet.

    At `until` it is given up. With `resends` it is sent once more from `again_at` on if WhatsApp shows not to have it;
    a person may have it sent again from then on, too: `may_again`.
    """

    until: datetime
    again_at: datetime
    resends: bool
    may_again: bool


async def show(visit: Visit) -> Response:
    """Show a message's story as a page of its own."""
    return visit.page("story.html", title="What happened to this message", **await _told(visit))


async def part(visit: Visit) -> Response:
    """Draw a message's story, for a script to show above its thread, or anew after something was done."""
    return visit.fragment("story_body.html", **await _told(visit))


async def cancel(visit: Visit) -> Response:
    """Take a send back that was not handed to WhatsApp yet."""
    view = await _find(visit)
    try:
        await afterwards.cancel(visit.means.pool, visit.workspace, visit.environment, view, who=visit.who.id.hex)
    except CannotError as error:
        raise _refused(error) from None
    return await part(visit)


async def send_again(visit: Visit) -> Response:
    """Have a message sent once more of which nobody knows whether WhatsApp took it."""
    view, means = await _find(visit), visit.means
    try:
        where = means.pool, means.times, visit.workspace, visit.environment
        await afterwards.send_again(*where, view, who=visit.who.id.hex)
    except CannotError as error:
        raise _refused(error) from None
    return await part(visit)


async def _find(visit: Visit) -> MessageView:
    view = await views.message(visit.means.pool, visit.workspace, visit.environment, visit.path_id("id"))
    if view is None:
        raise NOT_THERE
    return view


def _refused(error: CannotError) -> RefusedError:
    return RefusedError(409, _TITLES.get(error.why, "The window is closed"), error.message)


async def _told(visit: Visit) -> dict[str, Any]:
    view = await _find(visit)
    lines = await story(visit.means.pool, view)
    found = await inbox_thread.some(visit.means.pool, view.conversation_id, [view.id])
    if not found:
        raise NOT_THERE
    [entry] = found
    bubble: Bubble | None = next(iter(drawn(found)), None)
    return {
        "message": view,
        "bubble": bubble,
        "chapters": [_chapter(line) for line in lines],
        "next": _next(entry, visit.means.clock.now()),
        "may_cancel": view.is_outbound and view.phase in {"image_wait", "queued"},
        "may_again": view.is_outbound and afterwards.is_doubtful(view) and view.phase != "unknown",
    }


def _chapter(line: Line) -> Chapter:
    who = f"Attempt {line.attempt}" if line.kind == "attempt" and line.attempt else _KINDS.get(line.kind, line.kind)
    return Chapter(line.at, who, line.text, line.code or "", _TONES.get(line.what, ""))


def _next(entry: Entry, now: datetime) -> Next | None:
    if entry.phase != "unknown" or entry.due_at is None:
        return None
    again_at = entry.due_at - _SILENT_FOR
    return Next(entry.due_at, again_at, entry.on_unknown == "resend", may_again=now >= again_at)
