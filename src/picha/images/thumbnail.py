"""A small picture of a picture, for lists and pages. Call it where a bomb may burst: in a child process."""

import io

from picha.images.probe import inspect

SIDE_MAX = 320
BYTES_MAX = 20_000
# What is tried until it is small enough; a picture of sheer noise ends at the last.
_TRIES = ((SIDE_MAX, 80), (SIDE_MAX, 60), (240, 60), (240, 40), (160, 40))


def draw(data: bytes) -> bytes:
    """Return an upright JPEG of at most 320 pixels a side and 20 KB, without metadata, of any picture that we read.

    Raises:
        Unusable: the bytes are no picture, are broken, or have too many pixels.
    """
    # Only who decodes needs Pillow.
    from picha.images.colour import on_white, to_srgb  # noqa: PLC0415 - as said above
    from picha.images.decoding import troubles, upright  # noqa: PLC0415 - as above

    with troubles():
        image = upright(data, inspect(data))
        image.thumbnail((SIDE_MAX, SIDE_MAX))
        image, _ = to_srgb(image)
        if image.mode != "RGB":
            image = on_white(image)
        image.info.clear()
        for side, quality in _TRIES:
            image.thumbnail((side, side))
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= BYTES_MAX:
                break
        return out.getvalue()
