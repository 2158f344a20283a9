"""The six outcomes of handing a message to Meta. Outcomes are values that must be matched on."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Literal


@dataclass(frozen=True, slots=True)
class Accepted:
    """Meta took the message and named it; `wa_id` is what the recipient is known by there, if that was told."""

    wamid: str
    wa_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Meta refused the message for good; `code` is Meta's number as text, or a word of ours."""

    code: str
    title: str
    detail: str


class Scope(Enum):
    """What Meta wants less of, when it wants a message later."""

    MESSAGE = auto()
    PAIR = auto()
    NUMBER = auto()


@dataclass(frozen=True, slots=True)
class Throttled:
    """Meta did not process the message and wants it later; `scope` tells what rests until then."""

    code: str
    detail: str
    scope: Scope = Scope.MESSAGE


@dataclass(frozen=True, slots=True)
class Barred:
    """Meta did not process the message, nor will it any other of this number until somebody puts something right."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly nothing left us: no request byte was on the wire."""

    detail: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Something may have left us, and no answer tells what became of it."""

    detail: str
    code: str | None = None


STALE_MEDIA = Throttled("100", "WhatsApp does not know the picture's media id any more; uploading it anew.")
"""What a refusal for the media id alone is taken for, as long as another id may do."""

Outcome = Accepted | Rejected | Throttled | Barred | NotSent | Ambiguous

# What an outcome is called where it is stored and shown.
NAMES: dict[type[Outcome], str] = {
    Accepted: "accepted",
    Rejected: "rejected",
    Throttled: "throttled",
    Barred: "barred",
    NotSent: "not_sent",
    Ambiguous: "ambiguous",
}

# What becomes of a message whose outcome stays unknown: it is held (at most once) or sent once more (at least once).
OnUnknown = Literal["hold", "resend"]

# An ambiguous send shows as unknown; without evidence it is given up after this long. Before the soft wait is over
# nobody may conclude anything from the silence: evidence comes within seconds, but Meta's webhooks may be late.
GIVE_UP_AFTER = timedelta(minutes=15)
SOFT_WAIT = timedelta(seconds=120)
UNKNOWN = "SEND_OUTCOME_UNKNOWN"
CANCELLED = "CANCELLED"

# A message that was begun, or waits for its picture, holds what follows it in its conversation for this long at most,
# and one whose outcome is unknown no longer than that.
HOLD = timedelta(seconds=30)
HOLD_UNKNOWN = timedelta(seconds=10)
