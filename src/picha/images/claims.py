"""What a file's name or a Content-Type claims, held against what the bytes are: the bytes count, and it is told."""

from collections.abc import Iterator
from pathlib import PurePath

from picha.images.facts import Kind, Note
from picha.images.signatures import MIME_TYPES

_SUFFIXES: dict[str, Kind] = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".png": "png",
    ".webp": "webp",
    ".gif": "gif",
    ".heic": "heic",
    ".heif": "heic",
    ".avif": "avif",
    ".bmp": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
_TYPES: dict[str, Kind] = {mime_type: kind for kind, mime_type in MIME_TYPES.items() if mime_type.startswith("image/")}
_TYPES |= {
    "image/jpg": "jpeg",
    "image/pjpeg": "jpeg",
    "image/x-png": "png",
    "image/heif": "heic",
    "image/x-ms-bmp": "bmp",
}


def belied(kind: Kind, *, name: str = "", content_type: str = "") -> tuple[Note, ...]:
    """Return a note for a file name, and one for a Content-Type, that claims another kind of picture than `kind`.

    What claims none, such as application/octet-stream, is not belied.
    """
    return tuple(_notes(kind, _SUFFIXES.get(PurePath(name).suffix.lower()), _TYPES.get(plain(content_type))))


def plain(content_type: str) -> str:
    """Return a Content-Type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def _notes(kind: Kind, named: Kind | None, typed: Kind | None) -> Iterator[Note]:
    if named not in {None, kind}:
        yield Note("wrong_name", f"The name says {named}, the bytes are {kind}; the bytes count.")
    if typed not in {None, kind}:
        yield Note("wrong_type", f"The Content-Type says {typed}, the bytes are {kind}; the bytes count.")
