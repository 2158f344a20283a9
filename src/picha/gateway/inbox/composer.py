"""The composer at the bottom of a thread: whether one may answer there, and why not, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from picha.gateway.domain import window
from picha.gateway.inbox.names import named
from picha.gateway.inbox.visit import NOT_THERE, Visit
from picha.gateway.meta.limits import CAPTION_MAX_CHARS, SERVICE_WINDOW, TEXT_MAX_CHARS
from picha.gateway.store import epochs, threads
from picha.gateway.store.threads import ConversationView, SenderView

_PAUSED = {
    "operator": "This number is paused. What you send waits, and goes out when an admin resumes it.",
    "token": (
        "WhatsApp refuses this number's access token. What you send waits, and goes out when an admin has put a new "
        "one in (picha senders add)."
    ),
}
_HELD = (
    "Nothing goes out for now: the database was put back from a backup. What you send waits until whoever runs Picha "
    "says go (picha restore confirm)."
)
_FULL = "More waits for this number than it can send in time. Nothing more is taken for now; try again in {}."
_GROUP = "This is a group. You see what is said in it, and cannot write to it from here."
_OFF = "The number of this conversation is switched off, so nothing can be sent. An admin can switch it on again."
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one may answer in a thread at `now`, by the account's clock.

    With `blocked` nothing can be sent, and it says why; `warnings` are worth knowing before one writes. `why` says why
    the window is shut, if it is; otherwise it is open until `until`.
    """

    now: datetime
    until: datetime | None
    is_open: bool
    why: str
    blocked: str
    warnings: list[str]


async def composed(visit: Visit, thread: ConversationView) -> Mapping[str, Any]:
    """Return the words that composer.html is drawn from, for the handler of a thread's page to pass on."""
    words = {
        "thread": thread.id,
        "name": _name(thread),
        "standing": await _standing(visit, thread),
        "caption_max": CAPTION_MAX_CHARS,
        "text_max": TEXT_MAX_CHARS,
        "bytes_max": visit.means.album.most_bytes("auto"),
    }
    return {"composer": words}


async def standing(visit: Visit) -> Response:
    """Tell a script how one may answer in a thread now."""
    thread = await found(visit)
    return visit.document(await _standing(visit, thread))


async def found(visit: Visit) -> ConversationView:
    """Return the thread that the path names; raises `NOT_THERE`."""
    thread = await threads.conversation(visit.means.pool, visit.workspace, visit.environment, visit.path_id("id"))
    if thread is None:
        raise NOT_THERE
    return thread


async def _standing(visit: Visit, thread: ConversationView) -> Standing:
    means = visit.means
    now = means.times.now(thread.account_id)
    is_open = window.is_open(thread.window_until, now)
    numbers = await threads.senders(means.pool, visit.workspace, visit.environment)
    number = next((one for one in numbers if one.id == thread.sender_id), None)
    is_held = (await epochs.read(means.pool)).restored_at is not None
    return Standing(
        now=now,
        until=thread.window_until,
        is_open=is_open,
        why="" if is_open else _why(thread, now),
        blocked=_blocked(thread, number) or await _full(visit, thread.sender_id),
        warnings=[one for one in (_HELD if is_held else "", _paused(number)) if one],
    )


def _blocked(thread: ConversationView, number: SenderView | None) -> str:
    if thread.group_id is not None:
        return _GROUP
    return "" if number is not None and number.is_active else _OFF


async def _full(visit: Visit, sender: UUID) -> str:
    refusal = (await visit.means.backlog.full([sender])).get(sender)
    return _FULL.format(spelt(timedelta(seconds=refusal.retry_after_s or 1))) if refusal else ""


def _paused(number: SenderView | None) -> str:
    return _PAUSED.get(number.paused_for or "", "") if number else ""


def _why(thread: ConversationView, now: datetime) -> str:
    name = _name(thread)
    if thread.window_until is None:
        return f"{name} has not written to this number yet. WhatsApp lets you begin with a template."
    ago = spelt(now - thread.window_until + SERVICE_WINDOW)
    return f"{name} last wrote {ago} ago. WhatsApp lets you answer with a template until they write again."


def _name(thread: ConversationView) -> str:
    return named(thread.contact_name, thread.phone)


def spelt(length: timedelta) -> str:
    """Return a length of time as people say it, in its largest unit that is right enough."""
    if length >= 2 * _DAY:
        return f"{length.days} days"
    minutes = max(1, round(length.total_seconds() / 60))
    if minutes >= 90:  # noqa: PLR2004 - an hour and a half
        hours = round(minutes / 60)
        return f"{hours} hours"
    return f"{minutes} minutes" if minutes > 1 else "a minute"
