"""What to do with a picture, decided from its header and its walk alone: quick, without a decoder, on any thread."""

from typing import Literal

import msgspec

from picha.images.facts import Facts, Flaw, Inspection, Note
from picha.images.rules import verdict

Policy = Literal["auto", "strict"]
Step = Literal["keep", "trim", "strip", "redraw", "refuse"]

# Bytes that are looked at under each policy; who receives a body stops reading there.
AUTO_MAX_BYTES = 32 * 1024 * 1024
# What we are willing to decode. WhatsApp publishes no such limit; a file of 0.7 MB can hold 177 million pixels.
SIDE_MAX = 30_000
PIXELS_MAX = 50_000_000

_REPAIRABLE = frozenset({"wrong_kind", "too_large", "animated", "bit_depth", "colour", "coding"})
_DEPTH = 8
_JPEG_CHANNELS = frozenset({1, 3, 4})
_UPRIGHT = frozenset({None, 1})
_TURNS = {
    2: "mirrored",
    3: "rotated 180°",
    4: "flipped",
    5: "mirrored and rotated 270°",
    6: "rotated 90°",
    7: "mirrored and rotated 90°",
    8: "rotated 270°",
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The next step for a picture.

    keep: it goes untouched. trim: the bytes behind its end are cut. strip: its metadata are dropped without decoding
    it, and the bytes behind its end too. redraw: it is decoded and saved anew, in a child process. refuse: it cannot
    go. `flaws` are what speaks against the bytes as they are: why a picture is refused, or what redrawing mends.
    `would_change` says what the step changes: exactly for trim and strip, as far as the header tells for redraw.
    """

    step: Step
    flaws: tuple[Flaw, ...] = ()
    notes: tuple[Note, ...] = ()
    would_change: tuple[str, ...] = ()


def plan(inspection: Inspection, size_bytes: int, policy: Policy, *, max_bytes: int) -> Plan:
    """Return what to do with the picture of `size_bytes` that `inspection` describes.

    `max_bytes` is the most that WhatsApp takes. Under strict it is the most that may come too, a tail included, and
    nothing but the tail is ever changed.
    """
    lean = min(size_bytes, inspection.end) - inspection.metadata_bytes
    size = lean if policy == "auto" else size_bytes
    flaws = (*verdict(inspection, size, max_bytes=max_bytes), *guard(inspection.facts))
    if policy == "auto" and size_bytes > AUTO_MAX_BYTES:
        return Plan(step="refuse", flaws=(beyond_cap(size_bytes), *flaws), notes=inspection.notes)
    hopeless = [flaw for flaw in flaws if policy == "strict" or not _is_repairable(flaw, inspection.facts)]
    if hopeless:
        # What cannot be mended comes first: it is the reason.
        others = (flaw for flaw in flaws if flaw not in hopeless)
        return Plan(step="refuse", flaws=(*hopeless, *others), notes=inspection.notes)
    if flaws or (policy == "auto" and inspection.facts.orientation not in _UPRIGHT):
        changes = _redrawn(inspection, size_bytes, max_bytes)
        return Plan(step="redraw", flaws=flaws, notes=inspection.notes, would_change=changes)
    tail = size_bytes - inspection.end
    if policy == "auto" and inspection.metadata_bytes:
        return Plan(step="strip", notes=inspection.notes, would_change=("metadata removed", *cut(tail)))
    return Plan(step="trim" if tail > 0 else "keep", notes=inspection.notes, would_change=cut(tail))


def guard(facts: Facts) -> tuple[Flaw, ...]:
    """Return a flaw if a picture has more pixels than we are willing to decode, or nothing."""
    width, height = facts.width or 0, facts.height or 0
    if max(width, height) <= SIDE_MAX and facts.pixels <= PIXELS_MAX:
        return ()
    message = (
        f"The picture has {width:,} x {height:,} pixels; {SIDE_MAX:,} a side and {PIXELS_MAX:,} in all are the most."
    )
    return (Flaw("too_many_pixels", message, "Save it with fewer pixels."),)


def conversions(facts: Facts) -> tuple[str, ...]:
    """Return what redrawing does to a picture's orientation, depth and colours, as far as they are known."""
    changes = [_TURNS[facts.orientation]] if facts.orientation in _TURNS else []
    if facts.bit_depth is not None and facts.bit_depth > _DEPTH:
        changes.append(f"{facts.bit_depth}→{_DEPTH} bits")
    if facts.colour not in {"rgb", "rgba", None}:
        changes.append(f"{facts.colour}→rgb")
    return tuple(changes)


def cut(tail: int) -> tuple[str, ...]:
    """Return the words for a tail of so many bytes that is cut."""
    return (f"tail of {tail:,} {'byte' if tail == 1 else 'bytes'} cut",) if tail > 0 else ()


def sizes(before: int, after: int) -> str:
    """Return two sizes in bytes as they are shown: `9.1 MB→1.8 MB`."""
    return f"{_size(before)}→{_size(after)}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"  # noqa: PLR2004 - where 0.1 MB begins


def beyond_cap(size: int) -> Flaw:
    """Return the flaw of a file of so many bytes that it is not looked at."""
    message = f"The file has {size:,} bytes; {AUTO_MAX_BYTES:,} are the most that are looked at."
    return Flaw("too_large", message, "Save it with fewer pixels or at a lower quality.")


def _is_repairable(flaw: Flaw, facts: Facts) -> bool:
    if facts.kind == "jpeg" and (facts.bit_depth != _DEPTH or facts.channels not in _JPEG_CHANNELS):
        return False  # no decoder that we have reads it
    return flaw.code in _REPAIRABLE and facts.kind != "svg"


def _redrawn(inspection: Inspection, size: int, max_bytes: int) -> tuple[str, ...]:
    facts = inspection.facts
    changes: list[str] = []
    is_opaque = facts.colour in {"rgb", "grey", "cmyk", "ycck"}
    if is_opaque and facts.kind != "jpeg":
        changes.append(f"{facts.kind}→jpeg")
    elif facts.kind not in {"jpeg", "png"}:
        changes.append(f"{facts.kind}→jpeg or png")
    if facts.animated:
        changes.append("first frame only")
    changes += conversions(facts)
    if size > max_bytes:
        changes.append(f"{_size(size)}→at most {_size(max_bytes)}")
    if inspection.metadata_bytes:
        changes.append("metadata removed")
    return (*changes, *cut(size - inspection.end))
