"""The five outcomes of handing a message to Meta. Outcomes are values that must be matched on."""

from dataclasses import dataclass
from datetime import timedelta


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

# An ambiguous send shows as unknown; without evidence it is given up after this long (policy `hold`).
GIVE_UP_AFTER = timedelta(minutes=15)
UNKNOWN = "SEND_OUTCOME_UNKNOWN"
