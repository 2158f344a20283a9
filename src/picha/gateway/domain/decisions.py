"""What we conclude about a message by ourselves, without evidence: kept in order, told in its timeline."""

from enum import StrEnum


class Kind(StrEnum):
    """What was decided."""

    REFUSED = "refused"
    """It fails without having been handed to Meta: expired, its window closed, no picture."""
    CANCELLED = "cancelled"
    """Somebody took it back before it was handed to Meta."""
    GIVEN_UP = "given_up"
    """Nothing told for too long whether Meta took it."""
    DOUBTED = "doubted"
    """It waited when the database was put back to an earlier state, so that it may have been sent since."""
