"""A picture decoded and saved anew as WhatsApp takes it. Call it where a bomb may burst: in a child process."""

from picha.images.facts import Facts, Unusable
from picha.images.probe import inspect
from picha.images.rules import verdict

__all__ = ["Unusable", "check_pixels", "confirmed", "redraw"]


def redraw(data: bytes, *, max_bytes: int) -> tuple[bytes, tuple[str, ...]]:
    """Decode a picture of any kind we read and save it as JPEG, or as PNG where it is transparent.

    Returned are bytes inside WhatsApp's rule, upright and without metadata, and what was changed on the way.

    Raises:
        Unusable: the bytes are no picture, are broken, have too many pixels or cannot be made small enough.
    """
    from picha.images import painting  # noqa: PLC0415 - only who decodes needs Pillow

    made, changes = painting.paint(data, max_bytes=max_bytes)
    confirmed(made, max_bytes=max_bytes)
    return made, changes


def check_pixels(data: bytes) -> None:
    """Decode a picture once and throw the pixels away.

    Raises:
        Unusable: with a flaw of code `corrupt` when the pixel data are broken, `too_many_pixels` beyond our guard.
    """
    from picha.images import decoding  # noqa: PLC0415 - only who decodes needs Pillow

    decoding.check(data)


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
