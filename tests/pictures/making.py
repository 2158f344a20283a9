"""Building blocks of pictures: whole ones drawn by Pillow, and the parts of JPEG and PNG put together by hand."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

LIMIT = 5_242_880


@dataclass(frozen=True)
class Odd:
    """A file, the codes of the flaws that the verdict must name, and what auto must do with it.

    `auto` is a step of the plan, or `broken` where only decoding shows that nothing can be done.
    """

    name: str
    make: Callable[[], bytes]
    flaws: str
    auto: str


def fixed(name: str, data: bytes, flaws: str, auto: str) -> Odd:
    """Return a file whose bytes are at hand."""
    return Odd(name, lambda: data, flaws, auto)


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Draw a picture with a red corner at the top left on light grey, as far as the mode has colours."""
    image = Image.new("RGB", size, (200, 210, 220))
    image.paste((220, 20, 20), (0, 0, size[0] // 2, size[1] // 2))
    return image if mode == "RGB" else image.convert("L" if mode[0] in "LI1F" else "RGB").convert(mode)


def drawn(mode: str = "RGB", form: str = "JPEG", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    """Return a picture as Pillow writes it."""
    return written(picture(mode, size), form, **options)


def written(image: Image.Image, form: str, **options: object) -> bytes:
    """Return an image as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Return pixels that no codec makes small; they differ from run to run."""
    return Image.merge("RGB", [Image.effect_noise(size, 90) for _ in range(3)]).convert(mode)


def exif(*entries: tuple[int, int, int, int], following: int = 0, order: str = "<") -> bytes:
    """Return an EXIF structure with one directory of (tag, type, count, value) entries."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    rows = b"".join(_entry(order, *entry) for entry in entries)
    return head + rows + struct.pack(f"{order}I", following)


def _entry(order: str, tag: int, kind: int, count: int, value: int) -> bytes:
    room = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
    return struct.pack(f"{order}HHI", tag, kind, count) + room


def lying(orientation: int) -> bytes:
    """Return an EXIF structure that says how a picture lies."""
    return exif((274, 3, 1, orientation))


GPS = exif((0x8825, 4, 1, 26))


def chunk(kind: bytes, body: bytes = b"", crc: int | None = None) -> bytes:
    """Return a PNG chunk, with its own checksum or a wrong one."""
    return (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) if crc is None else crc)
    )


def png(*chunks: bytes) -> bytes:
    """Return a PNG of these chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width: int = 4, height: int = 4, depth: int = 8, colour: int = 2, rest: bytes = b"\0\0\0") -> bytes:
    """Return a PNG's header chunk."""
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, depth, colour) + rest)


def rows(width: int = 4, height: int = 4, depth: int = 8, channels: int = 3, *, interlaced: bool = False) -> bytes:
    """Return the inflated data of a black PNG, in seven passes when it is interlaced."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for left, top, across, down in passes if interlaced else [(0, 0, 1, 1)]:
        columns, lines = -((left - width) // across), -((top - height) // down)
        if columns > 0:
            data += bytes(1 + (columns * depth * channels + 7) // 8) * max(0, lines)
    return data


IEND = chunk(b"IEND")
IDAT = chunk(b"IDAT", zlib.compress(rows()))


def segment(marker: int, body: bytes = b"") -> bytes:
    """Return a JPEG segment."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg(*parts: bytes) -> bytes:
    """Return a JPEG of these parts."""
    return b"\xff\xd8" + b"".join(parts)


def inserted(data: bytes, *segments: bytes, at: int = 2) -> bytes:
    """Return a JPEG with segments put in, behind its first marker unless told otherwise."""
    return data[:at] + b"".join(segments) + data[at:]


SOF = segment(0xC0, b"\x08\0\x04\0\x04\x03\x01\x11\0\x02\x11\0\x03\x11\0")
SOS = segment(0xDA, b"\x03\x01\0\x02\0\x03\0\0\x3f\0")
EOI = b"\xff\xd9"


def resized(data: bytes, width: int, height: int) -> bytes:
    """Return a JPEG whose frame header claims another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]
