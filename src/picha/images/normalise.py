"""The whole way from any bytes to bytes that WhatsApp takes, in one process."""

import msgspec

from picha.images.facts import Facts, Note, Unusable
from picha.images.lossless import strip
from picha.images.plan import Policy, plan
from picha.images.probe import inspect
from picha.images.redraw import check_pixels, redraw
from picha.images.rules import verdict

__all__ = ["Compliant", "Unusable", "normalise"]

# The notes that are still true of the picture after each step.
_LEFT = {
    "keep": {"gps", "stray_bytes"},
    "trim": {"gps", "stray_bytes"},
    "strip": frozenset[str](),
    "redraw": frozenset[str](),
}


class Compliant(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes inside WhatsApp's rule, their facts, what was changed to get there, and what is worth knowing."""

    data: bytes
    facts: Facts
    changes: tuple[str, ...]
    notes: tuple[Note, ...]


def normalise(data: bytes, policy: Policy, *, max_bytes: int) -> Compliant:
    """Bring a picture inside WhatsApp's rule, `auto` by changing what it must, `strict` by cutting its tail.

    Equal input gives equal bytes. The pixels of a picture that goes as it is are decoded once, to see that they are
    whole. It decodes in this process: a caller that must survive hostile bytes runs it in a child.

    Raises:
        Unusable: the bytes cannot go, and why.
    """
    inspection = inspect(data)
    todo = plan(inspection, len(data), policy, max_bytes=max_bytes)
    match todo.step:
        case "refuse":
            raise Unusable(todo.flaws)
        case "redraw":
            redrawn = redraw(data, max_bytes=max_bytes)
            result, changes = redrawn.data, redrawn.changes
        case "strip":
            # A decoder need not see, and may not like, what is dropped.
            result, changes = strip(data, inspection)
            check_pixels(result)
        case "trim" | "keep":
            check_pixels(data)
            result, changes = data[: inspection.end], todo.would_change
    left = _LEFT[todo.step]
    return Compliant(
        data=result,
        facts=confirmed(result, max_bytes=max_bytes),
        changes=changes,
        notes=tuple(note for note in todo.notes if note.code in left),
    )


def confirmed(data: bytes, *, max_bytes: int) -> Facts:
    """Return the facts of bytes that we made or kept, after our own look has found nothing against them.

    Raises:
        RuntimeError: we contradict ourselves; such bytes are never sent.
    """
    inspection = inspect(data)
    flaws = verdict(inspection, len(data), max_bytes=max_bytes)
    if flaws:
        raise RuntimeError(f"A picture that was made to be sent is outside the rule: {flaws[0].message}")
    return inspection.facts
