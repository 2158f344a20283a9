"""A small picture of a picture, for lists and pages. Call it where a bomb may burst: in a child process."""

import io

from picha.images.probe import probe

SIDE_MAX = 320
_QUALITY = 80
_HEAD_BYTES = 64 * 1024


def draw(data: bytes) -> bytes:
    """Return an upright JPEG of at most 320 pixels a side, without metadata, of any picture that we read.

    Raises:
        Unusable: the bytes are no picture, are broken, or have too many pixels.
    """
    # Only who decodes needs Pillow.
    from PIL import ImageOps  # noqa: PLC0415 - as said above

    from picha.images.colour import on_white, to_srgb  # noqa: PLC0415 - as above
    from picha.images.decoding import decode, troubles  # noqa: PLC0415 - as above

    with troubles():
        image = decode(data, probe(data[:_HEAD_BYTES]))
        ImageOps.exif_transpose(image, in_place=True)
        image.thumbnail((SIDE_MAX, SIDE_MAX))
        image, _ = to_srgb(image)
        if image.mode != "RGB":
            image = on_white(image)
        image.info.clear()
        out = io.BytesIO()
        image.save(out, "JPEG", quality=_QUALITY)
        return out.getvalue()
