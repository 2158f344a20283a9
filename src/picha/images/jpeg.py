"""A JPEG's markers, read without decoding a pixel (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from picha.images import exif
from picha.images.facts import Colour, Facts, Inspection
from picha.images.findings import PARTS_MAX, Findings

SOS = 0xDA
_SOI, _EOI, _APP0, _APP1, _APP2, _APP14, _COM = 0xD8, 0xD9, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_USUAL = frozenset({0xC0, 0xC1, 0xC2})
_ALONE = frozenset({0x01, _SOI, _EOI})
_RESERVED = frozenset({*range(0x02, 0xC0), 0xC8, 0xDE, 0xDF, *range(0xF0, 0xFE)})
# A marker, that is not a stuffed 0xFF, a restart or a fill byte. Searches run over a scan at the speed of C.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_NO_FILL = re.compile(rb"[^\xff]")
# One search goes no further: while it runs no other thread does, and it may be the event loop's that waits.
_STRIDE_BYTES = 512 * 1024
_YCCK = 2
_XMP = b"http://ns.adobe.com/x"  # of the main part, and of those that follow it
_JFIF_BYTES = 14  # up to the thumbnail's size, which is its last two


class Segment(NamedTuple):
    """A marker and what belongs to it: offsets of the marker, of the body and behind it; `stray` bytes came before."""

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
    exifs: int = 0
    icc: bool = False
    adobe: int | None = None
    end: int | None = None
    metadata_bytes: int = 0


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
    return Inspection(
        facts=_facts(seen), flaws=found.flaws, notes=found.notes, end=end, metadata_bytes=seen.metadata_bytes
    )


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to the first that reaches behind the data; the caller stops at the end mark."""
    at, in_scan = 2, False
    while (start := _found(_MARKER, data, at, len(data))) is not None:
        marker = data[start + 1]
        # Any number of 0xFF may fill the room before a marker; anything else is stray.
        stray = not in_scan and _found(_NO_FILL, data, at, start) is not None
        body = end = start + 2
        if marker not in _ALONE:
            body, end = start + 4, start + 2 + int.from_bytes(data[start + 2 : start + 4])
        yield Segment(marker, start, body, end, stray)
        if end > len(data):
            return
        at, in_scan = max(body, end), marker == SOS


def _found(what: re.Pattern[bytes], data: bytes, at: int, end: int) -> int | None:
    """Return where the next of these one or two bytes begin in `data`, from `at` up to `end`."""
    while at < end:
        if match := what.search(data, at, min(at + _STRIDE_BYTES, end)):
            return match.start()
        at += _STRIDE_BYTES - 1  # the last byte may be the first of two
    return None


def _walk(data: bytes, *, whole: bool) -> _Seen:
    seen = _Seen()
    for number, segment in enumerate(segments(data)):
        if number == PARTS_MAX:
            seen.findings.too_many_parts("segments")
            seen.end = len(data)
            return seen
        seen.head_over |= segment.marker in {SOS, _EOI}
        if segment.marker == _EOI:
            seen.end = segment.end
            return seen
        if segment.marker == SOS and not whole:
            return seen
        _check(segment, len(data), seen)
        if segment.body <= segment.end <= len(data):
            _take(segment, data[segment.body : segment.end], seen)
    return seen


def _check(segment: Segment, size: int, seen: _Seen) -> None:
    if segment.stray:
        seen.findings.stray(segment.start)
    if segment.end < segment.body <= size:
        seen.findings.corrupt(f"The segment at offset {segment.start:,} has an impossible length.")
    if segment.marker == _SOI or segment.marker in _RESERVED:
        seen.findings.corrupt(f"The marker 0x{segment.marker:02X} at offset {segment.start:,} has no place there.")
    if segment.marker in _FRAMES and seen.scans:
        seen.findings.corrupt("A frame header follows a scan.")
    elif segment.marker in _FRAMES and seen.frame:
        seen.findings.corrupt("The JPEG has several frame headers.")


def kept_of(marker: int, body: bytes) -> int | None:
    """Return how many bytes of a segment's body a decoder needs: None for all, 0 when the whole segment may go.

    What libjpeg reads stays: JFIF without its thumbnail, Adobe's colour transform, the colour profile.
    """
    if not (_APP0 <= marker < _APP0 + 16 or marker == _COM):
        return None
    if marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= _JFIF_BYTES:
        return None if len(body) == _JFIF_BYTES else _JFIF_BYTES
    if marker == _APP2 and body.startswith(b"ICC_PROFILE\0"):
        return None
    return None if marker == _APP14 and _is_adobe(body) else 0


def _is_adobe(body: bytes) -> bool:
    return body.startswith(b"Adobe") and len(body) >= 12  # noqa: PLR2004 - its fixed size


def _take(segment: Segment, body: bytes, seen: _Seen) -> None:
    kept = kept_of(segment.marker, body)
    if kept is not None:
        seen.metadata_bytes += segment.end - segment.start if kept == 0 else len(body) - kept
    if segment.marker == SOS:
        seen.scans += 1
        if seen.frame is None:
            seen.findings.corrupt("A scan comes before the frame header.")
    elif segment.marker in _FRAMES:
        _take_frame(segment.marker, body, seen)
    elif segment.marker == _APP1 and body.startswith(b"Exif\0\0") and seen.exifs < exif.STRUCTURES_MAX:
        seen.exifs += 1
        tags = exif.read_tags(body[6:])
        seen.orientation = seen.orientation or exif.orientation(tags)
        if exif.GPS in tags:
            seen.findings.gps()
    elif segment.marker == _APP1 and body.startswith(_XMP) and exif.XMP_GPS in body:
        seen.findings.gps()
    elif segment.marker == _APP2 and body.startswith(b"ICC_PROFILE\0"):
        seen.icc = True
    elif segment.marker == _APP14 and _is_adobe(body):
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
