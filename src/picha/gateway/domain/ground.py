"""Where a message stands as long as no evidence speaks: what its newest attempt was answered, or what we decided since.

Evidence that comes overrides it. Should that evidence turn out to tell of a failure that does not count, because
another attempt supersedes it, the message comes back to this ground.
"""

from dataclasses import dataclass
from datetime import datetime

from picha.gateway.domain.decisions import ANOTHER, Kind
from picha.gateway.domain.outcomes import GIVE_UP_AFTER

# Codes of Meta's that say that it could not use the picture: it may do so when it is uploaded anew.
_HEALABLE = frozenset({131052, 131053})


@dataclass(frozen=True, slots=True)
class Answered:
    """What an attempt was answered, or what was decided: by name, when, and why."""

    name: str | None
    at: datetime | None
    code: str | None = None
    title: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """A phase with what belongs to it: when its lane or the sweep looks again (None: at once), and the failure."""

    phase: str
    due_at: datetime | None = None
    failure: Answered | None = None


def ground(answer: Answered, decision: Answered | None) -> Ground:
    """Return the ground under a message whose newest attempt got `answer`, and about which `decision` came last."""
    if decision is not None:
        return _decided(decision)
    match answer.name:
        case None:
            return Ground("sending")
        case "rejected":
            return Ground("failed", failure=answer)
        case "ambiguous":
            return _unknown(answer)
        case _:
            return Ground("queued")


def _decided(decision: Answered) -> Ground:
    if decision.name in ANOTHER:
        return Ground("queued")
    if decision.name == Kind.DOUBTED:
        return _unknown(decision)
    return Ground("cancelled" if decision.name == Kind.CANCELLED else "failed", failure=decision)


def _unknown(since: Answered) -> Ground:
    return Ground("unknown", since.at + GIVE_UP_AFTER if since.at else None)


def is_healable(code: int, media_id: str | None, *, was_healed: bool) -> bool:
    """Tell whether a failure with `code` is answered by one new upload: `media_id` is None where Meta got a link."""
    return code in _HEALABLE and media_id is not None and not was_healed
