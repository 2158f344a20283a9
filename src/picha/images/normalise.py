"""The whole way from any bytes to bytes that WhatsApp takes."""

from typing import Protocol

import msgspec

from picha.images import redraw
from picha.images.facts import Facts, Note, Unusable
from picha.images.lossless import strip
from picha.images.plan import Policy, plan
from picha.images.probe import inspect
from picha.images.redraw import Redrawn

__all__ = ["Compliant", "Unusable", "normalise"]

# The notes that are still true of a picture whose parts were left alone.
_LEFT = frozenset({"gps", "stray_bytes"})


class Compliant(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes inside WhatsApp's rule, their facts, what was changed to get there, and what is worth knowing."""

    data: bytes
    facts: Facts
    changes: tuple[str, ...]
    notes: tuple[Note, ...]


class Decoder(Protocol):
    """What decodes: the functions of `redraw` do it here, an object with a child process does it elsewhere."""

    def check_pixels(self, data: bytes) -> None:
        """Decode once, or raise Unusable."""

    def redraw(self, data: bytes, *, max_bytes: int) -> Redrawn:
        """Decode and save anew, or raise Unusable."""


def normalise(data: bytes, policy: Policy, *, max_bytes: int, decoder: Decoder = redraw) -> Compliant:
    """Bring a picture inside WhatsApp's rule, `auto` by changing what it must, `strict` by cutting its tail.

    Equal input gives equal bytes. The pixels of a picture that goes as it is are decoded once, to see that they are
    whole. A caller that must survive hostile bytes hands in a decoder that works in a child process.

    Raises:
        Unusable: the bytes cannot go, and why.
    """
    inspection = inspect(data)
    todo = plan(inspection, len(data), policy, max_bytes=max_bytes)
    if todo.step == "refuse":
        raise Unusable(todo.flaws)
    if todo.step == "redraw":
        redrawn = decoder.redraw(data, max_bytes=max_bytes)
        result, changes = redrawn.data, redrawn.changes
    else:
        decoder.check_pixels(data)
        stripped = strip(data, inspection) if todo.step == "strip" else None
        result, changes = stripped or (data[: inspection.end], todo.would_change)
    left = _LEFT if todo.step in {"keep", "trim"} else frozenset()
    return Compliant(
        data=result,
        facts=redraw.confirmed(result, max_bytes=max_bytes),
        changes=changes,
        notes=tuple(note for note in todo.notes if note.code in left),
    )
