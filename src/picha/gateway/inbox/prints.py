"""A picture as a thread shows it: the room it takes, what it is called, and how it differs from what was given."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from picha.gateway.store.inbox_thread import Entry

# The room a picture has in a thread, and what a very long one has of it at least, in CSS pixels.
_WIDTH, _HEIGHT, _LEAST = 320, 380, 96
_NAMES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP", "image/gif": "GIF", "image/heic": "HEIC"}
_NAMES |= {"image/heif": "HEIC", "image/avif": "AVIF", "image/tiff": "TIFF", "image/bmp": "BMP", "image/svg+xml": "SVG"}
_ALT_MAX_CHARS = 200
_ARROW, _TIMES = "\N{RIGHTWARDS ARROW}", "\N{MULTIPLICATION SIGN}"
_MEGA = 100_000


@dataclass(frozen=True, slots=True)
class Print:
    """A picture in a thread: `width` and `height` of its room, its own `facts` in words, and what was `done` to it."""

    id: UUID
    width: int
    height: int
    alt: str
    facts: str
    done: str
    caution: str = ""
    is_large: bool = False


def of(one: Entry, text: str) -> Print | None:
    """Return the picture of a message that has one; `text` is what it says beside."""
    if one.file_id is None:
        return None
    width, height = _room(one.width, one.height)
    caution = "Its bytes are not those that WhatsApp announced." if one.image_state == "mismatch" else ""
    alt = " ".join(text.split())[:_ALT_MAX_CHARS] or "Picture without a caption"
    return Print(one.file_id, width, height, alt, _facts(one), _done(one), caution, (one.size_bytes or 0) > 10 * _MEGA)


def kind_of(mime_type: str | None) -> str:
    """Return what a type of pictures is called."""
    return _NAMES.get((mime_type or "").partition(";")[0].strip().lower(), "")


def size_of(count: int) -> str:
    """Return a size in bytes as people read it."""
    return f"{count / 1e6:.1f} MB" if count >= _MEGA else f"{max(1, round(count / 1e3))} kB"


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
    changes: Sequence[str] = one.changes or ()
    if not one.is_outbound or one.is_echo:
        return "Kept as it came"
    if not changes:
        return "Sent as it was given"
    if one.original_bytes is None or one.size_bytes is None:
        return f"Before it was sent: {', '.join(changes)}"
    former = f"{kind_of(one.original_type) or one.original_type} {size_of(one.original_bytes)}"
    sent = f"{kind_of(one.mime_type) or one.mime_type} {size_of(one.size_bytes)}"
    others = [change for change in changes if not _is_told(change)]
    return ", ".join([f"{former} {_ARROW} {sent}", *others])


def _is_told(change: str) -> bool:
    """Tell whether a change is from one kind or size to another, as the sizes and kinds tell already."""
    former, arrow, _ = change.partition(_ARROW)
    return bool(arrow) and (
        former.endswith(("MB", "kB")) or former.upper() in {name.upper() for name in _NAMES.values()}
    )
