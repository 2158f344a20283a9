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
class Told:
    """One attempt as Meta told of it: the id that it gave, once that is known, and what its statuses say."""

    wamid: str | None = None
    standing: Standing = field(default_factory=Standing)

    @property
    def has_arrived(self) -> bool:
        """Whether the customer has what it sent."""
        return self.standing.reached >= Reached.DELIVERED

    @property
    def is_dead(self) -> bool:
        """Whether Meta gave it up before it arrived."""
        return self.standing.failure is not None and not self.has_arrived

    @property
    def is_alive(self) -> bool:
        """Whether Meta has it and did not give it up."""
        return self.wamid is not None and not self.is_dead


@dataclass(frozen=True, slots=True)
class View:
    """The status the world is shown, with its times: pending, sent, delivered, read or failed.

    `wamid` is that of the attempt that speaks. `warning` is a failure that Meta told although the message arrived, and
    `duplicates` counts the attempts beyond one that Meta took and did not give up.
    """

    status: str
    wamid: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failure: Failure | None = None
    warning: Failure | None = None
    duplicates: int = 0


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


def view(attempts: Sequence[Told], *, is_superseded: bool = False) -> View | None:
    """Show a message by its attempts, oldest first; None where the evidence is silent and what we know ourselves shows.

    Delivered or read of any attempt wins; otherwise the newest attempt speaks. One that is superseded, by another
    attempt or (the newest) by the decision to make another, adds no failure, but still tells that Meta has the message.
    Delivered beats failed, failed beats sent, and read implies delivered at that moment at the latest.
    """
    alive = [one for one in attempts if one.is_alive]
    duplicates = max(0, len(alive) - 1)
    if arrived := [one for one in attempts if one.has_arrived]:
        return _arrived(arrived, duplicates)
    newest = attempts[-1] if attempts else Told()
    if newest.is_dead and not is_superseded:
        return View("failed", newest.wamid, _sent_at(newest), failure=newest.standing.failure, duplicates=duplicates)
    if not alive:
        return None
    sent = _sent_at(alive[-1])
    return View("sent" if sent else "pending", alive[-1].wamid, sent, duplicates=duplicates)


def _arrived(attempts: Sequence[Told], duplicates: int) -> View:
    best = attempts[0].standing
    for one in attempts[1:]:
        best = best.join(one.standing)
    read = best.times.get(Reached.READ)
    return View(
        "read" if read else "delivered",
        attempts[0].wamid,
        best.times.get(Reached.SENT),
        min(best.times[stage] for stage in (Reached.DELIVERED, Reached.READ) if stage in best.times),
        read,
        warning=best.failure,
        duplicates=duplicates,
    )


def _sent_at(attempt: Told) -> datetime | None:
    return attempt.standing.times.get(Reached.SENT)
