"""A message's status is a fold over evidence, never last-write-wins.

Every webhook about a wamid is one piece of evidence. Evidence of one attempt joins component-wise: the highest of
accepted < sent < delivered < read with the earliest time of each, and the earliest failure. Join is commutative,
associative and idempotent, so order, duplication, batching and worker count cannot matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class Reached(IntEnum):
    """How far Meta says a message came."""

    ACCEPTED = 0
    SENT = 1
    DELIVERED = 2
    READ = 3


_REACHED = {"sent": Reached.SENT, "delivered": Reached.DELIVERED, "read": Reached.READ}
# The statuses that the fold understands; another word is kept as evidence and changes nothing.
KNOWN_STATUSES = frozenset({*_REACHED, "failed"})


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """Why Meta gave a message up, as it said it. Ordered by time, then code, so that the earliest one is definite."""

    at: datetime
    code: int
    title: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One status that Meta reported: its word, the provider's own time, and the failure if it is one."""

    status: str
    at: datetime
    code: int = 0
    title: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What all the evidence of one attempt says together."""

    times: Mapping[Reached, datetime] = field(default_factory=dict)
    failure: Failure | None = None

    @property
    def reached(self) -> Reached:
        """The highest stage reported."""
        return max(self.times, default=Reached.ACCEPTED)

    def join(self, other: "Standing") -> "Standing":
        """Return the least standing that holds both."""
        stages = self.times.keys() | other.times.keys()
        times = {stage: min(t for t in (self.times.get(stage), other.times.get(stage)) if t) for stage in stages}
        failures = [failure for failure in (self.failure, other.failure) if failure]
        return Standing(times, min(failures, default=None))


@dataclass(frozen=True, slots=True)
class View:
    """The status the world is shown, with its times: pending, sent, delivered, read or failed."""

    status: str
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failure: Failure | None = None


def standing(evidence: Iterable[Evidence]) -> Standing:
    """Fold one attempt's evidence: the join of what each piece says."""
    times: dict[Reached, datetime] = {}
    failures = []
    for item in evidence:
        if stage := _REACHED.get(item.status):
            times[stage] = min(item.at, times.get(stage, item.at))
        elif item.status == "failed":
            failures.append(Failure(item.at, item.code, item.title, item.detail))
    return Standing(times, min(failures, default=None))


def view(attempts: Sequence[Standing]) -> View:
    """Show a message by its attempts' standings, oldest attempt first.

    Delivered or read of any attempt wins; otherwise the newest attempt speaks, and a superseded one adds no failure.
    Delivered beats failed, failed beats sent, and read implies delivered.
    """
    arrived = [one for one in attempts if one.reached >= Reached.DELIVERED]
    if arrived:
        best = arrived[0]
        for one in arrived[1:]:
            best = best.join(one)
        read = best.times.get(Reached.READ)
        delivered = best.times.get(Reached.DELIVERED, read)
        return View("read" if read else "delivered", best.times.get(Reached.SENT), delivered, read)
    newest = attempts[-1] if attempts else Standing()
    sent = newest.times.get(Reached.SENT)
    if newest.failure:
        return View("failed", sent, failure=newest.failure)
    return View("sent" if sent else "pending", sent)
