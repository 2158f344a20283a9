"""Pixels read from hostile bytes by Pillow and libheif: the only module that opens a decoder."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pi_heif
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from picha.images.facts import Facts, Flaw, Inspection, Unusable
from picha.images.lossless import bare
from picha.images.plan import guard
from picha.images.probe import inspect

# One decoder for each kind, so that no other is ever tried on the bytes.
_FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "heic": "HEIF",
    "avif": "AVIF",
    "bmp": "BMP",
    "tiff": "TIFF",
}

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OWN_READING = frozenset({"jpeg", "png", "tiff", "heic"})

# The parallel work is done by several processes, each with its own limit of memory.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


@contextmanager
def troubles() -> Iterator[None]:
    """Turn whatever a decoder does on broken bytes into the one outcome that it means."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except Unusable:
        raise
    except MemoryError:
        message = "The picture needs more memory than decoding is given."
        raise Unusable((Flaw("too_many_pixels", message, "Save it with fewer pixels."),)) from None
    except UnidentifiedImageError:  # its text tells an address in memory
        raise Unusable((_broken("no decoder makes sense of the header"),)) from None
    except Exception as error:  # plugins raise whatever their author happened to meet
        raise Unusable((_broken(str(error) or type(error).__name__),)) from error


def decode(data: bytes, inspection: Inspection) -> Image.Image:
    """Return the first picture of a file of the kind that was found, with its pixels loaded.

    The decoder is shown no metadata of a JPEG or PNG, nor anything that fills or follows them.

    Raises:
        Unusable: the pixel data are broken, or there are more than we are willing to decode.
    """
    kind = inspection.facts.kind
    if flaws := guard(inspection.facts):
        raise Unusable(flaws)
    with troubles():
        image = Image.open(io.BytesIO(bare(data, inspection)), formats=[_FORMATS[kind]])
        if flaws := guard(Facts(kind=kind, width=image.width, height=image.height)):
            raise Unusable(flaws)
        image.load()
        return image


def upright(data: bytes, inspection: Inspection) -> Image.Image:
    """Return the picture as `decode` does, turned upright.

    Raises:
        Unusable: as `decode`.
    """
    image = decode(data, inspection)
    return turned(image, lying(image, inspection.facts))


def lying(image: Image.Image, facts: Facts) -> int | None:
    """Return the orientation of a decoded picture (EXIF, 1 to 8): our own reading, or the plugin's for other kinds."""
    if facts.kind in _OWN_READING:
        return facts.orientation
    found = image.getexif().get(_ORIENTATION)
    return found if found in _TURNS else None


def turned(image: Image.Image, orientation: int | None) -> Image.Image:
    """Return a decoded picture upright; TIFF and HEIC are already, when their plugins have loaded them."""
    if orientation not in _TURNS or image.format in {"TIFF", "HEIF"}:
        return image
    return image.transpose(_TURNS[orientation])


def check(data: bytes) -> None:
    """Decode a picture and let the pixels go.

    Raises:
        Unusable: as `decode`.
    """
    inspection = inspect(data)
    if inspection.facts.kind not in _FORMATS:
        raise Unusable((_broken("they are no picture that we read"),))
    decode(data, inspection)


def _broken(why: str) -> Flaw:
    readable = "".join(letter for letter in why if letter.isprintable())[:120].rstrip(".")
    message = f"The pixel data are broken: {readable}."
    return Flaw("corrupt", message, "Copy or download it again, or save it anew in an image editor.")
