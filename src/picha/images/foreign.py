"""The headers of picture kinds that WhatsApp does not take: read just far enough to name what came."""

import re
import struct
from collections.abc import Callable

import msgspec

from picha.images import exif
from picha.images.facts import Colour, Facts, Kind
from picha.images.signatures import MIME_TYPES, brands

_ISPE = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)
_PIXI = re.compile(rb"pixi\0\0\0\0[\x01-\x04](.)", re.DOTALL)
_VEIL = re.compile(rb"auxC\0\0\0\0urn:mpeg:(hevc:2015:auxid:1|mpegB:cicp:systems:auxiliary:alpha)\0")
_TURN = re.compile(rb"\0\0\0\x09(irot|imir)(.)", re.DOTALL)
# Quarters to the left and the axis of the mirror behind them (ISO/IEC 23008-12), as EXIF's orientation.
_LYING = {(0, 1): 2, (2, None): 3, (0, 0): 4, (3, 1): 5, (3, None): 6, (3, 0): 7, (1, None): 8}
_LYING |= {(2, 0): 2, (2, 1): 4, (1, 0): 5, (1, 1): 7}
_SEQUENCES = frozenset({b"hevc", b"hevx", b"msf1", b"avis"})
_ANIMATION, _ALPHA, _ICC = 0x02, 0x10, 0x20
_TIFF_COLOURS: dict[int, Colour] = {0: "grey", 1: "grey", 2: "rgb", 3: "palette", 5: "cmyk", 6: "rgb"}


def read_facts(kind: Kind, head: bytes) -> Facts:
    """Return what the head of a file of `kind` says; for kinds without pixels only the kind and its type."""
    named = Facts(kind=kind, mime_type=MIME_TYPES.get(kind))
    reader = _READERS.get(kind)
    try:
        return reader(head, named) if reader else named
    except (struct.error, IndexError):
        return named  # the head ends inside the header


def count_frames(data: bytes) -> int:
    """Return how many frames a GIF has, 0 when it is cut among them; the count stops at 10,000."""
    try:
        return _frames(data, at_most=10_000)
    except IndexError:
        return 0


def _webp(head: bytes, named: Facts) -> Facts:
    form = head[12:16]
    if form == b"VP8X":
        flags = head[20]
        width, height = (1 + int.from_bytes(head[at : at + 3].ljust(3, b"\0"), "little") for at in (24, 27))
        return _eight_bit(
            named,
            (width, height),
            alpha=bool(flags & _ALPHA),
            animated=bool(flags & _ANIMATION),
            has_icc=bool(flags & _ICC),
        )
    if form == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        return _eight_bit(named, size, alpha=bool(bits >> 28 & 1), animated=False, has_icc=False)
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        size = width & 0x3FFF, height & 0x3FFF
        return _eight_bit(named, size, alpha=False, animated=False, has_icc=False)
    return named


def _eight_bit(named: Facts, size: tuple[int, int], *, alpha: bool, animated: bool, has_icc: bool) -> Facts:
    return msgspec.structs.replace(
        named,
        width=size[0],
        height=size[1],
        bit_depth=8,
        channels=4 if alpha else 3,
        colour="rgba" if alpha else "rgb",
        animated=animated,
        has_icc=has_icc,
    )


def _gif(head: bytes, named: Facts) -> Facts:
    width, height = struct.unpack_from("<HH", head, 6)
    told = msgspec.structs.replace(named, width=width, height=height, bit_depth=8, channels=1, colour="palette")
    try:
        animated = _frames(head, at_most=2) > 1
    except IndexError:  # the head ends among the frames
        return told
    return msgspec.structs.replace(told, animated=animated)


def _frames(head: bytes, *, at_most: int) -> int:
    """Return how many frames a GIF has; the count stops at `at_most`."""
    at, frames = 13 + _table(head[10]), 0
    while frames < at_most and head[at] in b"\x21\x2c":
        if head[at] == 0x2C:  # noqa: PLR2004 - an image descriptor, ten bytes, a table, and the code size
            frames += 1
            at += 11 + _table(head[at + 9])
        else:
            at += 2
        while size := head[at]:
            at += 1 + size
        at += 1
    return frames


def _table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _boxed(head: bytes, named: Facts) -> Facts:
    # A picture of tiles tells each tile's size and its own: the largest is the picture's.
    sizes = [struct.unpack(">II", found) for found in _ISPE.findall(head)]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(None, None))
    depth = _PIXI.search(head)
    turns = {name: value[0] for name, value in _TURN.findall(head)}
    return msgspec.structs.replace(
        named,
        width=width,
        height=height,
        bit_depth=depth.group(1)[0] if depth else None,
        colour="rgba" if _VEIL.search(head) else "rgb",
        orientation=_LYING.get((turns.get(b"irot", 0) & 3, turns.get(b"imir"))),
        animated=not _SEQUENCES.isdisjoint(brands(head)),
    )


def _bmp(head: bytes, named: Facts) -> Facts:
    (header,) = struct.unpack_from("<I", head, 14)
    old = header == 12  # noqa: PLR2004 - the header of OS/2, with 16-bit fields
    width, height, _, bits = struct.unpack_from("<HHHH" if old else "<iiHH", head, 18)
    true_colour = bits >= 24  # noqa: PLR2004 - bits a pixel
    return msgspec.structs.replace(
        named,
        width=abs(width),
        height=abs(height),
        bit_depth=8 if true_colour else None,
        channels=3 if true_colour else None,
        colour="rgb" if bits >= 16 else "palette",  # noqa: PLR2004 - as above
        animated=False,
    )


def _tiff(head: bytes, named: Facts) -> Facts:
    tags = exif.read_tags(head)
    return msgspec.structs.replace(
        named,
        width=tags.get(256),
        height=tags.get(257),
        bit_depth=tags.get(258),
        channels=tags.get(277),
        colour=_TIFF_COLOURS.get(tags.get(262, -1)),
        orientation=exif.orientation(tags),
    )


_READERS: dict[Kind, Callable[[bytes, Facts], Facts]] = {
    "webp": _webp,
    "gif": _gif,
    "heic": _boxed,
    "avif": _boxed,
    "bmp": _bmp,
    "tiff": _tiff,
}
