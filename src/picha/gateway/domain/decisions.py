"""What we conclude about a message by ourselves, without evidence: kept in order, told in its timeline."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was decided."""

    REFUSED = "refused"
    """It fails without having been handed to Meta: expired, its window closed, no picture."""
    GIVEN_UP = "given_up"
    """Nothing told for too long whether Meta took it."""
    CANCELLED = "cancelled"
    """Somebody took it back before it was handed to Meta."""
    RESENT = "resent"
    """Nothing tells that Meta took it, while Meta tells of other messages: it is sent once more, as was asked for."""
    SENT_AGAIN = "sent_again"
    """A person wants it sent once more, although nobody knows whether Meta took it."""
    HEALING = "healing"
    """Meta could not use the uploaded picture: it is uploaded once more, and sent with that."""
    DUPLICATE = "duplicate"
    """Evidence shows that Meta took more than one attempt."""
    DOUBTED = "doubted"
    """It waited when the database was put back to an earlier state, so that it may have been sent since."""
    PUT_OFF = "put_off"
    """Its picture could not be had yet."""


# These call for another attempt: what the newest one failed with is no failure of the message.
ANOTHER = frozenset({Kind.RESENT, Kind.SENT_AGAIN, Kind.HEALING})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided: a sentence, and Meta's number if it gave one."""

    detail: str
    code: str | None = None
