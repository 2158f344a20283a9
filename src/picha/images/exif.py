"""The first directory of a TIFF structure, which EXIF is as well: single numbers by tag."""

import struct

ORIENTATION = 274
GPS = 0x8825
# How XMP, which is text that stands beside EXIF, names the same.
XMP_GPS = b"GPSLatitude"

# A file has one such structure; what thousands of them say is not worth the time.
STRUCTURES_MAX = 8
_ENTRIES_MAX = 512
_SHORT, _LONG = 3, 4


def read_tags(data: bytes | memoryview) -> dict[int, int]:
    """Return the SHORT and LONG values of the first directory, by tag; of a list the first value.

    `data` begins with the byte order mark. What cannot be read is left out; nothing is raised (TIFF 6.0, section 2).
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None:
        return {}
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
    except struct.error:
        return {}
    tags: dict[int, int] = {}
    for at in range(start + 2, start + 2 + 12 * min(count, _ENTRIES_MAX), 12):
        if at + 12 > len(data):
            break
        tag, kind, number, pointer = struct.unpack_from(f"{order}HHII", data, at)
        value = _value(data, order, kind, at + 8 if _is_inline(kind, number) else pointer)
        if value is not None and number:
            tags.setdefault(tag, value)
    return tags


def orientation(tags: dict[int, int]) -> int | None:
    """Return the orientation, 1 to 8, or None when there is none or it is nonsense."""
    value = tags.get(ORIENTATION)
    return value if value in range(1, 9) else None


def _is_inline(kind: int, number: int) -> bool:
    return number * (2 if kind == _SHORT else 4) <= 4  # noqa: PLR2004 - an entry has room for four bytes


def _value(data: bytes | memoryview, order: str, kind: int, at: int) -> int | None:
    form = {_SHORT: "H", _LONG: "I"}.get(kind)
    if form is None:
        return None
    try:
        (value,) = struct.unpack_from(order + form, data, at)
    except struct.error:
        return None
    return int(value)
