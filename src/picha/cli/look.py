"""What `picha check` says of one file, and the bytes that `picha fix` makes of it."""

from collections.abc import Callable
from typing import Literal

import msgspec

from picha.cloudapi.limits import IMAGE_MAX_BYTES
from picha.images.child import Job, Outcome
from picha.images.claims import belied
from picha.images.facts import Flaw, Note
from picha.images.normalise import Compliant, normalise
from picha.images.plan import AUTO_MAX_BYTES, Plan, plan
from picha.images.probe import inspect

Do = Callable[[Job], Outcome]
Verdict = Literal["ok", "repairable", "hopeless"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one file: sizes in pixels and bytes, what speaks against it, and what `picha fix` would change.

    verdict: ok, it may go as it is; repairable, `picha fix` makes it so; hopeless, nothing can be done.
    """

    file: str
    verdict: Verdict
    kind: str
    width: int | None
    height: int | None
    bit_depth: int | None
    channels: int | None
    size_bytes: int
    orientation: int | None
    flaws: tuple[Flaw, ...]
    notes: tuple[Note, ...]
    would_change: tuple[str, ...]


def look(name: str, data: bytes, size_bytes: int, do: Do) -> Report:
    """Look at the bytes of a file, `data`, of which there may be more than were read: `size_bytes` tells."""
    inspection = inspect(data)
    strict, auto = (plan(inspection, size_bytes, way, max_bytes=IMAGE_MAX_BYTES) for way in ("strict", "auto"))
    facts = inspection.facts
    verdict, flaws = _judged(Job("check", data, pixels=facts.pixels), strict, auto, do)
    return Report(
        file=readable(name),
        verdict=verdict,
        kind=facts.kind,
        width=facts.width,
        height=facts.height,
        bit_depth=facts.bit_depth,
        channels=facts.channels,
        size_bytes=size_bytes,
        orientation=facts.orientation,
        flaws=flaws,
        notes=(*inspection.notes, *belied(facts.kind, name=name)),
        would_change=() if verdict == "hopeless" else auto.would_change,
    )


def make(data: bytes, do: Do, *, strict: bool) -> Compliant:
    """Return the picture as it may go.

    Raises:
        Unusable: it cannot, and why.
    """
    return normalise(data, "strict" if strict else "auto", max_bytes=IMAGE_MAX_BYTES, do=do)


def readable(name: str) -> str:
    """Return a file's name as it can be printed, whatever bytes the file system has for it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def _judged(job: Job, strict: Plan, auto: Plan, do: Do) -> tuple[Verdict, tuple[Flaw, ...]]:
    if len(job.data) > AUTO_MAX_BYTES:
        return "hopeless", auto.flaws[:1]  # it was not read to its end, so nothing else is certain
    if auto.step == "refuse":
        return "hopeless", auto.flaws
    if broken := do(job).flaws:
        return "hopeless", broken
    return ("repairable", strict.flaws) if strict.step == "refuse" else ("ok", ())
