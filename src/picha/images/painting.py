"""One picture decoded, turned upright, brought to RGB and saved so that it fits, with everything told that changed."""

import msgspec
from PIL import Image

from picha.images.colour import to_srgb
from picha.images.decoding import decode, lying, troubles, turned
from picha.images.facts import Facts, Unusable
from picha.images.foreign import count_frames
from picha.images.ladder import fit
from picha.images.plan import conversions, cut, plan, sizes
from picha.images.probe import inspect

_CRISP = frozenset({"png", "gif", "bmp", "tiff"})


def paint(data: bytes, *, max_bytes: int) -> tuple[bytes, tuple[str, ...]]:
    """Return a picture inside WhatsApp's rule and what was changed.

    Raises:
        Unusable: the bytes are no picture, are broken, have too many pixels or cannot be made small enough.
    """
    inspection = inspect(data)
    todo = plan(inspection, len(data), "auto", max_bytes=max_bytes)
    if todo.step == "refuse":
        raise Unusable(todo.flaws)
    with troubles():
        image = decode(data, inspection)
        facts = msgspec.structs.replace(inspection.facts, orientation=lying(image, inspection.facts))
        frames = _frames(image, data, facts)
        is_told_more = inspection.metadata_bytes or image.info.get("exif") or image.info.get("xmp")
        image, profile = to_srgb(turned(image, facts.orientation))
    made, kind, given_up = fit(image, max_bytes, crisp=facts.kind in _CRISP)
    changes = (
        *((f"{facts.kind}→{kind}",) if facts.kind != kind else ()),
        *frames,
        *(("recoded",) if any(flaw.code == "coding" for flaw in todo.flaws) else ()),
        *conversions(facts),
        *profile,
        *given_up,
        *((sizes(len(data), len(made)),) if len(data) > max_bytes else ()),
        *(("metadata removed",) if is_told_more else ()),
        *cut(len(data) - inspection.end),
    )
    return made, changes


def _frames(image: Image.Image, data: bytes, facts: Facts) -> tuple[str, ...]:
    match facts.kind:
        case "gif":
            count = count_frames(data)
        case "tiff":  # its pages are not counted, as the chain of them may be endless
            return ("first page only",) if getattr(image, "is_animated", False) else ()
        case "jpeg":
            return ()
        case _:
            count = int(getattr(image, "n_frames", 1))
    if count > 1:
        return (f"main picture of {count}" if facts.kind == "heic" else f"first frame of {count}",)
    return ("first frame only",) if facts.animated else ()
