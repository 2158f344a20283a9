"""The whole way from any bytes to bytes that WhatsApp takes: looked at, opened once, and looked at again.

    begin ──> a job, done in this process or in a child ──> finish

Whoever has an event loop does the two ends in a thread, and lets a workshop do what is between them.
"""

from collections.abc import Callable

import msgspec

from picha.images.child import Job, Outcome, work
from picha.images.facts import Facts, Inspection, Note, Unusable
from picha.images.lossless import strip
from picha.images.plan import Plan, Policy, plan
from picha.images.probe import inspect
from picha.images.redraw import confirmed

__all__ = ["Begun", "Compliant", "Unusable", "begin", "finish", "normalise"]

# The notes that are still true of a picture whose parts were left alone.
_LEFT = frozenset({"gps", "stray_bytes"})


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that may go once it was opened: what was found, what is to be done, and the job that opens it."""

    job: Job
    inspection: Inspection
    todo: Plan


class Compliant(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes inside WhatsApp's rule, their facts, what was changed to get there, and what is worth knowing."""

    data: bytes
    facts: Facts
    changes: tuple[str, ...]
    notes: tuple[Note, ...]


def begin(data: bytes, policy: Policy, *, max_bytes: int) -> Begun:
    """Look at a picture and say how it is to be opened: to be redrawn, or to see that its pixels are whole.

    Raises:
        Unusable: the bytes cannot go, and why.
    """
    inspection = inspect(data)
    todo = plan(inspection, len(data), policy, max_bytes=max_bytes)
    if todo.step == "refuse":
        raise Unusable(todo.flaws)
    job = Job("redraw" if todo.step == "redraw" else "check", data, max_bytes, inspection.facts.pixels)
    return Begun(job=job, inspection=inspection, todo=todo)


def finish(begun: Begun, outcome: Outcome) -> Compliant:
    """Make of a picture and of what came of its job the bytes that may go.

    Raises:
        Unusable: its pixels are broken, or nothing that may go could be made of it.
    """
    if outcome.flaws:
        raise Unusable(outcome.flaws)
    data, inspection, todo = begun.job.data, begun.inspection, begun.todo
    match todo.step:
        case "redraw":
            made, changes = outcome.data, outcome.changes
        case "strip":
            made, changes = strip(data, inspection)
        case _:
            made, changes = data[: inspection.end], todo.would_change
    left = _LEFT if todo.step in {"keep", "trim"} else frozenset()
    return Compliant(
        data=made,
        facts=confirmed(made, max_bytes=begun.job.max_bytes),
        changes=changes,
        notes=tuple(note for note in todo.notes if note.code in left),
    )


def normalise(data: bytes, policy: Policy, *, max_bytes: int, do: Callable[[Job], Outcome] = work) -> Compliant:
    """Bring a picture inside WhatsApp's rule, `auto` by changing what it must, `strict` by cutting its tail.

    Equal input gives equal bytes. A caller that must survive hostile bytes hands in a `do` that opens them in a child.

    Raises:
        Unusable: the bytes cannot go, and why.
    """
    begun = begin(data, policy, max_bytes=max_bytes)
    return finish(begun, do(begun.job))
