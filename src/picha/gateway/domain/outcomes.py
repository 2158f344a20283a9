"""The five outcomes of handing a message to Meta. Outcomes are values that must be matched on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Accepted:
    """Meta took the message and named it."""

    wamid: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Meta refused the message for good; `code` is Meta's number as text, or a word of ours."""

    code: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Meta did not process the message and wants it later."""

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


Outcome = Accepted | Rejected | Throttled | NotSent | Ambiguous

# What an outcome is called where it is stored and shown.
NAMES: dict[type[Outcome], str] = {
    Accepted: "accepted",
    Rejected: "rejected",
    Throttled: "throttled",
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
