"""A JPEG's markers, read without decoding a pixel (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from picha.images import exif
from picha.images.facts import Colour, Facts, Inspection
from picha.images.findings import PARTS_MAX, Findings

_SOI, _EOI, _SOS, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_USUAL = frozenset({0xC0, 0xC1, 0xC2})
_ALONE = frozenset({0x01, _SOI, _EOI})
_RESERVED = frozenset({*range(0x02, 0xC0), 0xC8, 0xDE, 0xDF, *range(0xF0, 0xFE)})
# A marker, that is not a stuffed 0xFF, a restart or a fill byte. One search runs over a scan at the speed of C.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_YCCK = 2


class _Segment(NamedTuple):
    marker: int
    start: int
    body: int
    end: int
    stray: bool


@dataclass(slots=True)
class _Seen:
    findings: Findings = field(default_factory=Findings)
    frame: tuple[int, bytes] | None = None
    scans: int = 0
    head_over: bool = False
    orientation: int | None = None
    icc: bool = False
    adobe: int | None = None
    end: int | None = None


def read_facts(head: bytes) -> Facts:
    """Return what the markers before the first scan say; `head` is the file's beginning."""
    return _facts(_walk(head, whole=False))


def inspect(data: bytes) -> Inspection:
    """Walk all markers of `data` to the end of the picture, and say what is wrong on the way."""
    seen = _walk(data, whole=True)
    found = seen.findings
    end = len(data) if seen.end is None else seen.end
    if seen.end is None:
        found.truncated("JPEG", len(data))
    elif seen.frame is None:
        found.corrupt("The JPEG has no frame header.")
    elif not seen.scans:
        found.corrupt("The JPEG has no scan.")
    found.trailing(len(data) - end)
    return Inspection(facts=_facts(seen), flaws=found.flaws, notes=found.notes, end=end)


def _segments(data: bytes) -> Iterator[_Segment]:
    at, in_scan = 2, False
    while match := _MARKER.search(data, at):
        start, marker = match.start(), data[match.start() + 1]
        # Any number of 0xFF may fill the room before a marker; anything else is stray.
        stray = not in_scan and data.count(b"\xff", at, start) < start - at
        body = end = start + 2
        if marker not in _ALONE:
            body, end = start + 4, start + 2 + int.from_bytes(data[start + 2 : start + 4])
        yield _Segment(marker, start, body, end, stray)
        if end > len(data):
            return
        at, in_scan = max(body, end), marker == _SOS


def _walk(data: bytes, *, whole: bool) -> _Seen:
    seen = _Seen()
    for number, segment in enumerate(_segments(data)):
        if number == PARTS_MAX:
            seen.findings.too_many_parts("segments")
            seen.end = len(data)
            return seen
        seen.head_over |= segment.marker in {_SOS, _EOI}
        if segment.marker == _EOI:
            seen.end = segment.end
            return seen
        if segment.marker == _SOS and not whole:
            return seen
        _check(segment, seen)
        if segment.end <= len(data):
            _take(segment, data[segment.body : segment.end], seen)
    return seen


def _check(segment: _Segment, seen: _Seen) -> None:
    if segment.stray:
        seen.findings.stray(segment.start)
    if segment.end < segment.body:
        seen.findings.corrupt(f"The segment at offset {segment.start:,} has an impossible length.")
    if segment.marker == _SOI or segment.marker in _RESERVED:
        seen.findings.corrupt(f"The marker 0x{segment.marker:02X} at offset {segment.start:,} has no place there.")
    if segment.marker in _FRAMES and seen.scans:
        seen.findings.corrupt("A frame header follows a scan.")
    elif segment.marker in _FRAMES and seen.frame:
        seen.findings.corrupt("The JPEG has several frame headers.")


def _take(segment: _Segment, body: bytes, seen: _Seen) -> None:
    if segment.marker == _SOS:
        seen.scans += 1
        if seen.frame is None:
            seen.findings.corrupt("A scan comes before the frame header.")
    elif segment.marker in _FRAMES:
        _take_frame(segment.marker, body, seen)
    elif segment.marker == _APP1 and body.startswith(b"Exif\0\0"):
        tags = exif.read_tags(body[6:])
        seen.orientation = seen.orientation or exif.orientation(tags)
        if exif.GPS in tags:
            seen.findings.gps()
    elif segment.marker == _APP2 and body.startswith(b"ICC_PROFILE\0"):
        seen.icc = True
    elif segment.marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:  # noqa: PLR2004 - its fixed size
        seen.adobe = body[11]


def _take_frame(marker: int, body: bytes, seen: _Seen) -> None:
    if len(body) < 6 or len(body) != 6 + 3 * body[5] or not body[5]:  # noqa: PLR2004 - the frame header's fixed part
        seen.findings.corrupt("The frame header has the wrong length.")
        return
    if seen.frame is not None:
        return
    seen.frame = (marker, body)
    width, height = int.from_bytes(body[3:5]), int.from_bytes(body[1:3])
    if not width or not height:
        seen.findings.zero_size(width, height)
    if marker not in _USUAL:
        seen.findings.coding("The JPEG is lossless, hierarchical or arithmetic-coded, which phones do not read.")


def _facts(seen: _Seen) -> Facts:
    told = Facts(
        kind="jpeg",
        mime_type="image/jpeg",
        orientation=seen.orientation,
        animated=False,
        has_icc=seen.icc or (False if seen.head_over else None),
    )
    if seen.frame is None:
        return told
    marker, body = seen.frame
    return msgspec.structs.replace(
        told,
        width=int.from_bytes(body[3:5]),
        height=int.from_bytes(body[1:3]),
        bit_depth=body[0],
        channels=body[5],
        colour=_colour(body[5], seen.adobe),
        progressive=marker in _PROGRESSIVE,
    )


def _colour(channels: int, adobe: int | None) -> Colour | None:
    match channels:
        case 1:
            return "grey"
        case 3:
            return "rgb"
        case 4:
            return "ycck" if adobe == _YCCK else "cmyk"
    return None
