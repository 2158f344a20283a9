"""What kinds of answer an error code gives to two questions: what became of the message, and what to do now."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What the caller can do about an error."""

    RETRY = "retry"
    """Send the same again after a short pause."""
    WAIT = "wait"
    """A limit was reached: send the same again once it allows."""
    FIX = "fix"
    """Put something right first; the message can go out then."""
    STOP = "stop"
    """This message will not go out to this person."""


class OutcomeClass(StrEnum):
    """What an error says of the message that it answers."""

    THROTTLED = "throttled"
    """Not processed: it came too fast."""
    NOT_PROCESSED = "not_processed"
    """Not processed: the service was not there."""
    BARRED = "barred"
    """Not processed, as nothing from this number will be until somebody puts something right."""
    AMBIGUOUS = "ambiguous"
    """Perhaps processed, perhaps not."""
    REJECTED = "rejected"
    """Refused; the same message would be refused again."""


class ErrorCode(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the code table.

    `http` is the status of Meta's table (None where it gives none), `title` and `meaning` tell what the code says, and
    `remedy` tells the business what to do next, in our words.
    """

    code: int
    http: int | None
    title: str
    meaning: str
    verdict: Verdict
    outcome: OutcomeClass
    remedy: str


def row(  # noqa: PLR0917 - a row is read by its columns
    code: int,
    http: int | None,
    verdict: Verdict,
    title: str,
    meaning: str,
    remedy: str,
    outcome: OutcomeClass = OutcomeClass.REJECTED,
) -> ErrorCode:
    """Return a row of the table; a code is a rejection unless it is told otherwise."""
    return ErrorCode(
        code=code, http=http, title=title, meaning=meaning, verdict=verdict, outcome=outcome, remedy=remedy
    )
