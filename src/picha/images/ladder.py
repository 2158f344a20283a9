"""The size ladder: the best JPEG that fits, first by quality down to a floor, then by fewer pixels; or a PNG."""

import io
import math

from PIL import Image

from picha.images.colour import on_white
from picha.images.facts import Flaw, Unusable

# Each quality with the share of the first one's bytes that it is likely to need: what will not fit is not tried.
_QUALITIES = ((90, 1.0), (85, 0.80), (80, 0.68), (75, 0.60))
_FLOOR = 75
_HOPE = 1.15
_SMALL_PIXELS = 2_000_000
# From how few pixels a side the picture is not worth sending.
_SIDE_MIN = 32


def fit(image: Image.Image, max_bytes: int, *, crisp: bool) -> tuple[bytes, str, tuple[str, ...]]:
    """Return the bytes of an RGB or RGBA picture, their kind (jpeg or png), and what had to be given up.

    A transparent picture is a PNG if that fits, else a JPEG on white. `crisp` keeps full colour resolution at the
    highest quality, for drawings and screenshots.

    Raises:
        Unusable: not even a tiny picture fits into `max_bytes`.
    """
    if image.mode == "RGB":
        return _jpeg(image, max_bytes, crisp=crisp)
    png = _png(image, max_bytes)
    if png is not None:
        return png, "png", ()
    data, kind, changes = _jpeg(on_white(image), max_bytes, crisp=crisp)
    return data, kind, ("transparency→white", *changes)


def _png(image: Image.Image, max_bytes: int) -> bytes | None:
    """Return a PNG if it fits. A large picture is tried in eight bands first, as packing all of it may take seconds."""
    if image.width * image.height > _SMALL_PIXELS:
        rows = image.height // 128 + 1
        bands = Image.new("RGBA", (image.width, 8 * rows))
        for band in range(8):
            top = band * (image.height - rows) // 7
            bands.paste(image.crop((0, top, image.width, top + rows)), (0, band * rows))
        if len(_saved(bands, "PNG")) * image.height / bands.height > 2 * max_bytes:
            return None
    png = _saved(image, "PNG")
    return png if len(png) <= max_bytes else None


def _jpeg(image: Image.Image, max_bytes: int, *, crisp: bool) -> tuple[bytes, str, tuple[str, ...]]:
    size = image.size
    data = _by_quality(image, max_bytes, crisp=crisp)
    while len(data) > max_bytes:
        factor = min(0.9, math.sqrt(max_bytes / len(data)) * 0.98)
        width, height = (max(1, round(side * factor)) for side in size)
        if max(width, height) < _SIDE_MIN:
            message = f"The picture does not fit into {max_bytes:,} bytes at any size."
            raise Unusable((Flaw("too_large", message, "Send another picture."),))
        size = width, height
        data = _saved(image.resize(size, Image.Resampling.LANCZOS), "JPEG", quality=_FLOOR)
    if size == image.size:
        return data, "jpeg", ()
    return data, "jpeg", (f"{image.width}x{image.height}→{size[0]}x{size[1]} pixels",)


def _by_quality(image: Image.Image, max_bytes: int, *, crisp: bool) -> bytes:
    """Return the first quality that fits, or the floor's bytes, which do not."""
    data = first = _saved(image, "JPEG", quality=_QUALITIES[0][0], subsampling="4:4:4" if crisp else "4:2:0")
    for quality, share in _QUALITIES[1:]:
        if len(data) <= max_bytes:
            break
        if quality == _FLOOR or len(first) * share <= max_bytes * _HOPE:
            data = _saved(image, "JPEG", quality=quality)
    return data


def _saved(image: Image.Image, form: str, **options: int | str) -> bytes:
    # What a decoder left in `info` (profile, EXIF, comments) is not to be written again.
    image.info.clear()
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()
