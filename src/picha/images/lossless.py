"""Metadata taken out of a JPEG or PNG by dropping segments and chunks; no pixel is decoded, none changes."""

from collections.abc import Iterator

from picha.images import jpeg, png
from picha.images.facts import Inspection
from picha.images.plan import cut


def strip(data: bytes, inspection: Inspection) -> tuple[bytes, tuple[str, ...]]:
    """Return the picture without metadata and without bytes behind its end, and what was changed.

    EXIF (the place too), XMP, comments, text and thumbnails go; the colour profile stays. For a sound JPEG or PNG as
    `inspection` describes it; equal input gives equal bytes, and a second time changes nothing.
    """
    changes = ("metadata removed",) if inspection.metadata_bytes else ()
    kept = bare(data, inspection) if inspection.metadata_bytes else data[: inspection.end]
    return kept, (*changes, *cut(len(data) - inspection.end))


def bare(data: bytes, inspection: Inspection) -> bytes:
    """Return a JPEG or PNG reduced to what a decoder must see, and a file of another kind as it is."""
    match inspection.facts.kind:
        case "jpeg":
            return b"".join(_jpeg(data[: inspection.end]))
        case "png":
            return b"".join(_png(data[: inspection.end]))
    return data


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    behind, in_scan = 2, False
    for segment in jpeg.segments(data):
        if in_scan:
            yield data[behind : segment.start]
        body = data[segment.body : segment.end]
        kept = jpeg.kept_of(segment.marker, body)
        if kept is None:
            yield data[segment.start : segment.end]
        elif kept:
            # JFIF's last two bytes are its thumbnail's size.
            yield data[segment.start : segment.start + 2] + (kept + 2).to_bytes(2) + body[: kept - 2] + bytes(2)
        behind, in_scan = segment.end, segment.marker == jpeg.SOS


def _png(data: bytes) -> Iterator[bytes]:
    yield data[: png.SIGNATURE_BYTES]
    for chunk in png.chunks(data):
        if not png.is_metadata(chunk.kind):
            yield data[chunk.start : chunk.end]
