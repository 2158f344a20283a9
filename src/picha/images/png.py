"""A PNG's chunks, read without inflating a pixel (PNG specification, third edition, sections 5 and 11)."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from picha.images import exif
from picha.images.facts import Colour, Facts, Inspection
from picha.images.findings import PARTS_MAX, Findings

SIGNATURE_BYTES = 8
_HEADER_BYTES = 13
_OVERHEAD = 12  # length, type and checksum
_SIDE_MAX = 2**31 - 1
_TEXTS = frozenset({b"iTXt", b"tEXt"})
_XMP_LOOK = 512 * 1024
_COLOURS: dict[int, tuple[Colour, int, frozenset[int]]] = {
    0: ("grey", 1, frozenset({1, 2, 4, 8, 16})),
    2: ("rgb", 3, frozenset({8, 16})),
    3: ("palette", 1, frozenset({1, 2, 4, 8})),
    4: ("grey-alpha", 2, frozenset({8, 16})),
    6: ("rgba", 4, frozenset({8, 16})),
}
# Ancillary chunks that say how pixels are shown, or what the animation is.
_RENDERING = frozenset(
    {b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT", b"mDCV", b"cLLI", b"bKGD", b"pHYs"}
    | {b"acTL", b"fcTL", b"fdAT"}
)


class Chunk(NamedTuple):
    """A chunk: its type, and the offsets of its length, of its body and behind its checksum."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(slots=True)
class _Seen:
    findings: Findings = field(default_factory=Findings)
    header: bytes | None = None
    palette: bool = False
    head_over: bool = False
    data: bool = False
    data_over: bool = False
    orientation: int | None = None
    animated: bool = False
    exifs: int = 0
    icc: bool = False
    end: int | None = None
    metadata_bytes: int = 0


def is_metadata(kind: bytes) -> bool:
    """Tell whether a chunk may go without changing a pixel or its colour; decoders must know the critical ones."""
    return kind[:1].islower() and kind not in _RENDERING


def read_facts(head: bytes) -> Facts:
    """Return what the chunks before the first data chunk say; `head` is the file's beginning."""
    seen = _Seen()
    for number, chunk in enumerate(chunks(head)):
        seen.head_over = chunk.kind in {b"IDAT", b"IEND"}
        if seen.head_over or number == PARTS_MAX:
            break
        _take(chunk, head, seen)
    return _facts(seen)


def inspect(data: bytes) -> Inspection:
    """Walk all chunks of `data` with their checksums to the end of the picture, and say what is wrong on the way."""
    seen = _Seen()
    view = memoryview(data)
    for number, chunk in enumerate(chunks(data)):
        if number == PARTS_MAX:
            seen.findings.too_many_parts("chunks")
            seen.end = len(data)
            break
        _check(chunk, number, view, seen)
        _take(chunk, data, seen)
        if is_metadata(chunk.kind) and chunk.end <= len(data):
            seen.metadata_bytes += chunk.end - chunk.start
        if chunk.kind == b"IEND" and chunk.end <= len(data):
            seen.end = chunk.end
            break
    _check_whole(seen, len(data))
    end = len(data) if seen.end is None else seen.end
    found = seen.findings
    return Inspection(
        facts=_facts(seen), flaws=found.flaws, notes=found.notes, end=end, metadata_bytes=seen.metadata_bytes
    )


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG; the last may reach behind the data."""
    at = SIGNATURE_BYTES
    while at + 8 <= len(data):
        end = at + _OVERHEAD + int.from_bytes(data[at : at + 4])
        yield Chunk(data[at + 4 : at + 8], at, at + 8, end)
        at = end


def _check(chunk: Chunk, number: int, view: memoryview, seen: _Seen) -> None:
    found = seen.findings
    if (chunk.kind == b"IHDR") != (number == 0):
        found.corrupt("The PNG does not begin with its one header chunk.")
    if not chunk.kind.isalpha():
        found.corrupt(f"The chunk at offset {chunk.start:,} has no lawful name.")
    if chunk.kind == b"IDAT" and seen.data_over:
        found.corrupt("The data chunks do not follow one another.")
    if chunk.end <= len(view):
        crc = zlib.crc32(view[chunk.start + 4 : chunk.end - 4])
        if crc != int.from_bytes(view[chunk.end - 4 : chunk.end]):
            found.corrupt(f"The checksum of the chunk at offset {chunk.start:,} is wrong.")


def _take(chunk: Chunk, data: bytes, seen: _Seen) -> None:
    if chunk.kind != b"IDAT":
        seen.data_over = seen.data
    if chunk.end - 4 > len(data):
        return
    match chunk.kind:
        case b"IHDR":
            seen.header = seen.header or data[chunk.body : chunk.end - 4]
        case b"PLTE":
            seen.palette = True
        case b"IDAT":
            seen.data = True
        case b"acTL":
            seen.animated = True
        case b"iCCP":
            seen.icc = True
        case _:
            _take_about(chunk, data, seen)


def _take_about(chunk: Chunk, data: bytes, seen: _Seen) -> None:
    """Note how the picture lies, and whether the place is told."""
    end = chunk.end - 4
    if chunk.kind == b"eXIf" and seen.exifs < exif.STRUCTURES_MAX:
        seen.exifs += 1
        tags = exif.read_tags(memoryview(data)[chunk.body : end])
        seen.orientation = seen.orientation or exif.orientation(tags)
        if exif.GPS in tags:
            seen.findings.gps()
    elif chunk.kind in _TEXTS and data.find(exif.XMP_GPS, chunk.body, min(end, chunk.body + _XMP_LOOK)) >= 0:
        seen.findings.gps()


def _check_whole(seen: _Seen, size: int) -> None:
    found = seen.findings
    if seen.end is None:
        found.truncated("PNG", size)
    else:
        found.trailing(size - seen.end)
        if not seen.data:
            found.corrupt("The PNG has no data chunk.")
    if seen.header is not None:
        _check_header(seen.header, seen)


def _check_header(header: bytes, seen: _Seen) -> None:
    found = seen.findings
    if len(header) != _HEADER_BYTES:
        found.corrupt("The header chunk has the wrong length.")
        return
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, colour, compression, filtering, interlace = header[8:]
    if not width or not height:
        found.zero_size(width, height)
    if max(width, height) > _SIDE_MAX or compression or filtering or interlace > 1:
        found.corrupt("The header chunk has unlawful values.")
    if colour not in _COLOURS or depth not in _COLOURS[colour][2]:
        found.corrupt(f"The header chunk pairs colour type {colour} with bit depth {depth}.")
    elif _COLOURS[colour][0] == "palette" and seen.end is not None and not seen.palette:
        found.corrupt("The PNG has no palette although its colours need one.")


def _facts(seen: _Seen) -> Facts:
    header = seen.header
    if header is None or len(header) != _HEADER_BYTES:
        return Facts(kind="png", mime_type="image/png")
    # What was not met is absent only if the walk came as far as it could have been met.
    absent = False if seen.head_over or seen.data or seen.end is not None else None
    colour, channels, _ = _COLOURS.get(header[9], (None, None, None))
    return Facts(
        kind="png",
        mime_type="image/png",
        width=int.from_bytes(header[:4]),
        height=int.from_bytes(header[4:8]),
        bit_depth=header[8],
        channels=channels,
        colour=colour,
        orientation=seen.orientation,
        animated=seen.animated or absent,
        progressive=header[12] == 1,
        has_icc=seen.icc or absent,
    )
