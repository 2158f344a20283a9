"""A picture as a thread shows it: the room it takes, what it is called, and how it differs from what was given."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec

from picha.gateway.store.files import Came
from picha.gateway.store.inbox_thread import Entry

# The room a picture has in a thread, and what a very long one has of it at least, in CSS pixels.
_WIDTH, _HEIGHT, _LEAST = 320, 380, 96
_NAMES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP", "image/gif": "GIF", "image/heic": "HEIC"}
_NAMES |= {"image/heif": "HEIC", "image/avif": "AVIF", "image/tiff": "TIFF", "image/bmp": "BMP", "image/svg+xml": "SVG"}
_ALT_MAX_CHARS = 200
_ARROW, _TIMES = "\N{RIGHTWARDS ARROW}", "\N{MULTIPLICATION SIGN}"
_MEGA = 100_000
_RETOLD = {
    "metadata removed": "hidden details removed (such as place and camera)",
    "transparency→white": "transparent parts made white",
    "recoded": "saved anew, as some phones cannot read it as it was",
}
_PIXELS = re.compile(r"(\d+)x(\d+)→(\d+)x(\d+) pixels")
# What is told by kinds and sizes already.
_TOLD = re.compile(r"[0-9.]+ [kM]B→[0-9.]+ [kM]B|[a-z]+→(jpeg|png)")


@dataclass(frozen=True, slots=True)
class Print:
    """A picture in a thread: `width` and `height` of its room, its own `facts` in words, and what was `done` to it."""

    id: UUID
    width: int
    height: int
    alt: str
    facts: str
    done: str
    is_changed: bool = False
    caution: str = ""
    is_large: bool = False


def of(one: Entry, text: str) -> Print | None:
    """Return the picture of a message that has one; `text` is what it says beside."""
    if one.file_id is None:
        return None
    width, height = _room(one.width, one.height)
    caution = "Its bytes are not those that WhatsApp announced." if one.image_state == "mismatch" else ""
    is_large = (one.size_bytes or 0) > 10 * _MEGA
    alt = " ".join(text.split())[:_ALT_MAX_CHARS] or "Picture without a caption"
    return Print(one.file_id, width, height, alt, _facts(one), _done(one), one.came is not None, caution, is_large)


def kind_of(mime_type: str | None) -> str:
    """Return what a type of pictures is called."""
    return _NAMES.get((mime_type or "").partition(";")[0].strip().lower(), "")


def size_of(count: int) -> str:
    """Return a size in bytes as people read it."""
    return f"{count / 1e6:.1f} MB" if count >= _MEGA else f"{max(1, round(count / 1e3))} kB"


def area_of(width: int | None, height: int | None) -> str:
    """Return a picture's pixels as people write them, nothing where they are not known."""
    return f"{width}{_TIMES}{height}" if width and height else ""


def described(mime_type: str | None, size_bytes: int, area: str = "") -> str:
    """Return what bytes are: `JPEG 1.3 MB`, with the pixels of their `area` behind where they are wanted."""
    kind = kind_of(mime_type) or (mime_type or "").rpartition("/")[2].upper()
    return " ".join(filter(None, (kind, size_of(size_bytes), area)))


def retold(changes: Iterable[str]) -> Iterator[str]:
    """Yield in words of people what was changed, but for the kinds and sizes that are told beside."""
    for one in changes:
        if pixels := _PIXELS.fullmatch(one):
            yield f"made smaller, to {pixels[3]}{_TIMES}{pixels[4]}"
        elif not _TOLD.fullmatch(one):
            yield _RETOLD.get(one, one)


def _room(width: int | None, height: int | None) -> tuple[int, int]:
    if not width or not height:
        return _WIDTH, _WIDTH * 3 // 4
    scale = min(_WIDTH / width, _HEIGHT / height)
    return max(_LEAST, round(width * scale)), max(_LEAST, round(height * scale))


def _facts(one: Entry) -> str:
    words = [kind_of(one.mime_type) or one.mime_type or ""]
    if one.size_bytes:
        words.append(size_of(one.size_bytes))
    if one.width and one.height:
        words.append(f"{one.width} {_TIMES} {one.height}")
    return " · ".join(word for word in words if word)


def _done(one: Entry) -> str:
    """Return how what was sent differs from what was given: `HEIC 4.1 MB → JPEG 1.3 MB, rotated 90°`."""
    if not one.is_outbound or one.is_echo:
        return "Kept as it came"
    if one.came is None:
        return "Sent as it was given"
    came = msgspec.convert(one.came, Came)
    former, sent = described(came.mime_type, came.size_bytes), described(one.mime_type, one.size_bytes or 0)
    return ", ".join([f"{former} {_ARROW} {sent}", *retold(one.changes or ())])
