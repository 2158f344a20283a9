"""A message's story in words: what we decided, each attempt, and what WhatsApp reported, in order of time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from picha.gateway.domain.decisions import Kind
from picha.gateway.store import views
from picha.gateway.store.pool import Pool
from picha.gateway.store.views import MessageView, Moment

# What each moment of a message's story is called in words.
WORDS = {
    "started": "Handing it to WhatsApp",
    "accepted": "WhatsApp took it",
    "rejected": "WhatsApp refused it",
    "throttled": "WhatsApp asked for it later",
    "not_sent": "WhatsApp could not be reached; nothing was sent",
    "ambiguous": "No answer tells whether WhatsApp took it; confirming, by what it reports next",
    "sent": "WhatsApp sent it",
    "delivered": "It reached the customer's phone",
    "read": "The customer read it",
    "failed": "WhatsApp gave it up",
    "barred": "WhatsApp refused the number's token; the number is paused and the message waits",
    Kind.REFUSED: "Failed",
    Kind.GIVEN_UP: "Given up",
    Kind.CANCELLED: "Cancelled",
    Kind.RESENT: "To be sent once more, as on_unknown asks",
    Kind.SENT_AGAIN: "To be sent once more, as a person asks",
    Kind.HEALING: "To be sent once more with a new upload, because WhatsApp could not use the picture",
    Kind.DUPLICATE: "Confirmed: WhatsApp took it more than once",
    Kind.DOUBTED: "Nobody knows whether it was sent",
    Kind.PUT_OFF: "Put off until its picture can be had",
}
_LATE_FAILURE = "WhatsApp also reported a failure, although it had arrived"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a story; `kind` is decision, attempt or evidence, and `what` is the moment's own word."""

    at: datetime
    kind: str
    what: str
    text: str
    attempt: int | None = None
    code: str | None = None


async def story(pool: Pool, view: MessageView) -> list[Line]:
    """Return one message's story, oldest first."""
    moments = await views.story(pool, view.id)
    if view.is_echo:
        moments = [moment for moment in moments if moment.kind != "attempt"]
    return sorted([*_beginnings(view), *_told(moments)], key=lambda line: line.at)


def _beginnings(view: MessageView) -> list[Line]:
    """Tell what no row of its own tells: that the message was stored, and what was done to its picture."""
    lines = [Line(view.created_at, "decision", "stored", _first(view))]
    done = ["fetched"] if view.media_url else []
    if view.changes:
        done.append(f"made fit: {', '.join(view.changes)}")
    if view.is_outbound and view.filed_at and done:
        at = max(view.created_at, view.filed_at)
        lines.append(Line(at, "decision", "prepared", f"Picture {' and '.join(done)}"))
    return lines


def _first(view: MessageView) -> str:
    if view.is_echo:
        return "Heard that the business sent it from its own phone, and stored"
    return "Accepted and stored" if view.is_outbound else "Received and stored"


def _told(moments: Sequence[Moment]) -> list[Line]:
    arrived = {moment.attempt for moment in moments if moment.what in {"delivered", "read"}}
    return [_moment(moment, arrived) for moment in moments]


def _moment(moment: Moment, arrived: Collection[int | None]) -> Line:
    """Put one moment into words; `arrived` are the attempts whose picture the customer got."""
    text = WORDS.get(moment.what, f"WhatsApp said: {moment.what}")
    if moment.what == "failed" and moment.attempt in arrived:
        text = _LATE_FAILURE
    if moment.detail:
        text = f"{text}: {moment.detail}"
    return Line(moment.at, moment.kind, moment.what, text, moment.attempt, moment.code)
