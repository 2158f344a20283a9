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


def check(data: bytes) -> None:
    """Decode a JPEG or PNG and let the pixels go.

    Raises:
        Unusable: as `decode`.
    """
    inspection = inspect(data)
    if inspection.facts.kind not in {"jpeg", "png"}:
        raise Unusable((_broken("they are no JPEG or PNG"),))
    decode(data, inspection)


def _broken(why: str) -> Flaw:
    readable = "".join(letter for letter in why if letter.isprintable())[:120].rstrip(".")
    message = f"The pixel data are broken: {readable}."
    return Flaw("corrupt", message, "Copy or download it again, or save it anew in an image editor.")
