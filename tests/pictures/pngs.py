"""PNG files, odd and hostile, each with its verdict."""

import struct
import zlib

from PIL import Image
from tests.pictures.making import (
    GPS,
    IDAT,
    IEND,
    LIMIT,
    Odd,
    chunk,
    drawn,
    exif,
    fixed,
    header,
    lying,
    noise,
    picture,
    png,
    rows,
    written,
)  # fmt: skip

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PLTE = chunk(b"PLTE", bytes(range(6)))
TAILS = {
    "zip": b"PK\x03\x04\x14\0\0\0\0\0" + bytes(20) + b"PK\x05\x06" + bytes(18),
    "html": b"<script>alert(1)</script>",
    "js": b"*/=1;alert(document.domain)/*",
    "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj\n%%EOF",
    "picture": drawn(),
    "byte": b"\0",
    "megabyte": bytes(1_000_000),
}


def kinds() -> list[Odd]:
    """Return each lawful pair of colour type and depth, plain and interlaced, and unlawful ones."""
    found = []
    for colour, depths in DEPTHS.items():
        for depth in depths:
            flaws = " ".join(["bit_depth"] * (depth != 8) + ["colour"] * (colour not in {2, 6}))
            for interlaced in (False, True):
                name = f"png-type{colour}-{depth}bit{'-interlaced' * interlaced}"
                data = _whole(colour, depth, interlaced=interlaced)
                found.append(fixed(name, data, flaws, "redraw" if flaws else "keep"))
    for colour, depth in ((0, 3), (1, 8), (2, 4), (2, 1), (3, 16), (4, 4), (5, 8), (6, 1), (7, 8), (0, 0), (2, 255)):
        flaws = "corrupt" + " bit_depth" * (depth != 8) + " colour" * (colour not in {2, 6})
        data = png(header(depth=depth, colour=colour), PLTE, IDAT, IEND)
        found.append(fixed(f"png-unlawful-type{colour}-{depth}bit", data, flaws, "refuse"))
    return found


def _whole(colour: int, depth: int, *, interlaced: bool) -> bytes:
    data = zlib.compress(rows(9, 9, depth, CHANNELS[colour], interlaced=interlaced))
    head = header(9, 9, depth, colour, b"\0\0\1" if interlaced else b"\0\0\0")
    return png(head, *([PLTE] if colour == 3 else []), chunk(b"IDAT", data), IEND)


def bomb(width: int = 13_312, height: int = 13_312) -> bytes:
    """Return a sound black RGB PNG of 177 million pixels in 0.5 MB: one deflated stretch, many times over."""
    size = (1 + 3 * width) * height
    packer = zlib.compressobj(9)
    start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    stretch = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(size % (1 << 20))) + packer.flush()
    adler = struct.pack(">I", (size % 65521) << 16 | 1)
    body = start + stretch * (size >> 20) + rest[:-4] + adler
    return png(header(width, height), chunk(b"IDAT", body), IEND)


def sized(size: int) -> bytes:
    """Return a sound PNG of exactly `size` bytes, without metadata: its data chunk has bytes behind the pixels."""
    bare = len(png(header(), IDAT, IEND))
    return png(header(), chunk(b"IDAT", zlib.compress(rows()) + bytes(size - bare)), IEND)


def _apng() -> bytes:
    return written(
        picture(), "PNG", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue"), Image.new("RGB", (40, 30))]
    )


def _keyed(colour: int, depth: int, body: bytes) -> bytes:
    whole = _whole(colour, depth, interlaced=False)
    at = whole.index(b"IDAT") - 4
    return whole[:at] + chunk(b"tRNS", body) + whole[at:]


SOUND = png(header(), IDAT, IEND)
BROKEN_CRC = [
    ("header", png(header()[:-1] + b"\0", IDAT, IEND)),
    ("data", png(header(), IDAT[:-1] + b"\0", IEND)),
    ("end", png(header(), IDAT, IEND[:-1] + b"\0")),
    ("text", png(header(), chunk(b"tEXt", b"a\0b", crc=1), IDAT, IEND)),
    ("profile", png(header(), chunk(b"iCCP", b"a\0\0x", crc=1), IDAT, IEND)),
]
CUT = [7, 8, 12, 16, 20, 32, 33, 40, 45, len(SOUND) - 12, len(SOUND) - 6, len(SOUND) - 1]

PNGS = [
    *kinds(),
    *(fixed(f"png-crc-{name}", data, "corrupt", "refuse") for name, data in BROKEN_CRC),
    *(
        fixed(f"png-cut-{at}", SOUND[:at], "not_an_image" if at < 8 else "truncated", "refuse")
        for at in CUT
    ),
    *(fixed(f"png-tail-{name}", SOUND + tail, "", "trim") for name, tail in TAILS.items()),
    *(
        fixed(f"png-lying-{way}", drawn(form="PNG", exif=lying(way)), "", "strip" if way == 1 else "redraw")
        for way in range(1, 9)
    ),
    Odd("png-lying-9", lambda: drawn(form="PNG", exif=lying(9)), "", "strip"),
    Odd("png-gps", lambda: drawn(form="PNG", exif=GPS), "", "strip"),
    Odd("png-exif-loop", lambda: drawn(form="PNG", exif=exif((0x8769, 4, 1, 8), following=8)), "", "strip"),
    Odd("png-two-exifs", lambda: png(header(), chunk(b"eXIf", lying(3)), chunk(b"eXIf", lying(1)), IDAT, IEND), "", "redraw"),
    Odd("png-exif-junk", lambda: png(header(), chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"), IDAT, IEND), "", "strip"),
    Odd("png-text", lambda: png(header(), chunk(b"tEXt", b"Comment\0hello"), IDAT, IEND), "", "strip"),
    Odd("png-text-behind", lambda: png(header(), IDAT, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"), IEND), "", "strip"),
    Odd("png-time-and-tail", lambda: png(header(), chunk(b"tIME", bytes(7)), IDAT, IEND) + b"x", "", "strip"),
    Odd("png-unknown-ancillary", lambda: png(header(), chunk(b"caBX", bytes(99)), IDAT, IEND), "", "strip"),
    Odd("png-text-bomb", lambda: png(header(), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26))), IDAT, IEND), "", "strip"),
    Odd("png-profile-junk", lambda: drawn(form="PNG", icc_profile=b"junk" * 9), "", "keep"),
    Odd("png-profile-bomb", lambda: png(header(), chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 26))), IDAT, IEND), "", "broken"),
    Odd("png-grey-profile-junk", lambda: drawn("L", "PNG", icc_profile=b"junk" * 9), "colour", "redraw"),
    Odd("png-key-grey8", lambda: _keyed(0, 8, b"\0\0"), "colour", "redraw"),
    Odd("png-key-grey16", lambda: _keyed(0, 16, b"\0\0"), "bit_depth colour", "redraw"),
    Odd("png-key-rgb8", lambda: _keyed(2, 8, bytes(6)), "", "keep"),
    Odd("png-key-rgb16", lambda: _keyed(2, 16, b"\xff\xff" * 3), "bit_depth", "redraw"),
    Odd("png-key-palette", lambda: _keyed(3, 8, b"\x80"), "colour", "redraw"),
    Odd("png-key-short", lambda: _keyed(0, 8, b"\0"), "colour", "broken"),
    Odd("png-opaque-rgba16", lambda: _whole(6, 16, interlaced=False), "bit_depth", "redraw"),
    Odd("png-zero-width", lambda: png(header(width=0), IDAT, IEND), "zero_size", "refuse"),
    Odd("png-zero-height", lambda: png(header(height=0), IDAT, IEND), "zero_size", "refuse"),
    Odd("png-30000-wide", lambda: png(header(30_000, 1), chunk(b"IDAT", zlib.compress(rows(30_000, 1))), IEND), "", "keep"),
    Odd("png-30001-wide", lambda: png(header(30_001, 1), chunk(b"IDAT", zlib.compress(rows(30_001, 1))), IEND), "", "refuse"),
    Odd("png-50-megapixels-and-more", lambda: bomb(10_000, 5_001), "", "refuse"),
    Odd("png-177-megapixels", bomb, "", "refuse"),
    Odd("png-2-31-wide", lambda: png(header(width=2**31), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-2-31-less-1", lambda: png(header(2**31 - 1, 2**31 - 1), IDAT, IEND), "", "refuse"),
    Odd("png-all-ones", lambda: png(header(2**32 - 1, 2**32 - 1, 255, 255, b"\xff" * 3), IDAT, IEND), "corrupt bit_depth colour", "refuse"),
    Odd("png-no-header", lambda: png(IDAT, IEND), "corrupt", "refuse"),
    Odd("png-no-data", lambda: png(header(), IEND), "corrupt", "refuse"),
    Odd("png-empty-data", lambda: png(header(), chunk(b"IDAT"), IEND), "", "broken"),
    Odd("png-no-palette", lambda: png(header(colour=3), IDAT, IEND), "corrupt colour", "refuse"),
    Odd("png-two-headers", lambda: png(header(), header(9, 9), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-late-header", lambda: png(chunk(b"gAMA", bytes(4)), header(), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-apple-s-own", lambda: png(chunk(b"CgBI", bytes(4)), header(), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-data-apart", lambda: png(header(), IDAT, chunk(b"tEXt"), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-data-in-two", lambda: png(header(), chunk(b"IDAT", zlib.compress(rows())[:9]), chunk(b"IDAT", zlib.compress(rows())[9:]), IEND), "", "keep"),
    Odd("png-unlawful-name", lambda: png(header(), chunk(b"a\0\1b"), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-unknown-critical", lambda: png(header(), chunk(b"ABCD", b"x"), IDAT, IEND), "", "keep"),
    Odd("png-short-header", lambda: png(chunk(b"IHDR", b"short"), IDAT, IEND), "corrupt", "refuse"),
    Odd("png-long-chunk", lambda: png(header(), b"\xff\xff\xff\xffIDATabc"), "truncated", "refuse"),
    Odd("png-end-with-body", lambda: png(header(), IDAT, chunk(b"IEND", b"body")), "", "keep"),
    Odd("png-flood", lambda: png(header(), chunk(b"tEXt") * 10_000, IDAT, IEND), "too_many_parts corrupt", "refuse"),
    Odd("png-just-no-flood", lambda: png(header(), chunk(b"tEXt") * 9_997, IDAT, IEND), "", "strip"),
    Odd("png-short-data", lambda: png(header(), chunk(b"IDAT", zlib.compress(rows()[:20])), IEND), "", "broken"),
    Odd("png-data-no-zlib", lambda: png(header(), chunk(b"IDAT", b"\0" * 40), IEND), "", "broken"),
    Odd("png-unlawful-filter", lambda: png(header(), chunk(b"IDAT", zlib.compress(b"\x09" * len(rows()))), IEND), "", "broken"),
    Odd("png-animated", _apng, "animated", "redraw"),
    Odd("png-animated-of-one", lambda: png(header(), chunk(b"acTL", struct.pack(">II", 1, 0)), IDAT, IEND), "animated", "redraw"),
    Odd("png-exact-size", lambda: sized(LIMIT), "", "keep"),
    Odd("png-one-byte-more", lambda: sized(LIMIT + 1), "too_large", "redraw"),
    Odd("png-too-large-by-text", lambda: png(header(), chunk(b"tEXt", bytes(LIMIT)), IDAT, IEND), "too_large", "strip"),
    Odd("png-too-large-by-tail", lambda: SOUND + bytes(LIMIT), "too_large", "trim"),
    Odd("png-noise", lambda: written(noise((1400, 1400)), "PNG"), "too_large", "redraw"),
    Odd("png-noise-transparent", lambda: written(_veiled(), "PNG"), "too_large", "redraw"),
]  # fmt: skip


def _veiled() -> Image.Image:
    image = noise((1200, 1200), "RGBA")
    image.putalpha(Image.effect_noise((1200, 1200), 90))
    return image
