"""Pictures as phones, shops and printers make them, most of which WhatsApp would not take as they are."""

import io
import os
import struct
import zlib
from collections.abc import Callable

import pillow_heif
from PIL import Image


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _gradient(size: tuple[int, int]) -> Image.Image:
    return Image.merge(
        "RGB", [Image.linear_gradient("L").resize(size), *(Image.radial_gradient("L").resize(size),) * 2]
    )


def _noise(size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))


def heic() -> bytes:
    """A photo from a phone, with the place where it was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "S"
    out = io.BytesIO()
    pillow_heif.from_pillow(_gradient((640, 480))).save(out, quality=60, exif=exif.tobytes())
    return out.getvalue()


def transparent_png() -> bytes:
    """A logo whose corners are see-through."""
    image = _gradient((320, 240)).convert("RGBA")
    image.putalpha(Image.radial_gradient("L").resize((320, 240)))
    return _saved(image, "PNG")


def cmyk_jpeg() -> bytes:
    """A print shop's JPEG."""
    return _saved(_gradient((400, 300)).convert("CMYK"), "JPEG")


def sideways_jpeg() -> bytes:
    """A photo of 12 megapixels from a phone that was held upright, with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "S"
    return _saved(_gradient((4000, 3000)), "JPEG", quality=80, exif=exif)


def upright_with_a_place() -> bytes:
    """A photo that WhatsApp takes as it is, with the place where it was taken."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "S"
    return _saved(_gradient((400, 300)), "JPEG", exif=exif)


def nine_megabytes() -> bytes:
    """A JPEG of some nine megabytes, as hard to press as pictures get."""
    data = _saved(_noise((2600, 2000)), "JPEG", quality=88, subsampling="4:4:4")
    assert 8_000_000 < len(data) < 12_000_000, len(data)
    return data


def deep_png() -> bytes:
    """A PNG of 16 bits a channel."""
    row = b"\0" + b"".join(struct.pack(">HHH", x * 655, 65535 - x * 655, 30000) for x in range(100))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 100, 80, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 80)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def webp() -> bytes:
    """A picture saved from a web page."""
    return _saved(_gradient((400, 300)), "WEBP")


def text() -> bytes:
    """Text that somebody named .jpg."""
    return b"Receipt: 3 loaves, 2 buns\n" * 40


REPAIRABLE: dict[str, Callable[[], bytes]] = {
    "a HEIC from a phone": heic,
    "a transparent PNG": transparent_png,
    "a CMYK print JPEG": cmyk_jpeg,
    "a sideways photo of 12 megapixels": sideways_jpeg,
    "a JPEG of nine megabytes": nine_megabytes,
    "a PNG of 16 bits": deep_png,
    "a WebP": webp,
}
