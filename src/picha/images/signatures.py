"""What kind of bytes these are, told by the bytes alone: name, extension and Content-Type are not asked."""

import re

from picha.images.facts import Kind

MIME_TYPES: dict[Kind, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "zip": "application/zip",
    "json": "application/json",
    "text": "text/plain",
}

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
_TEXT_LOOK = 4096
_UTF8_TAIL = 3
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_JSON = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]0-9tfn-]")


def kind_of(head: bytes) -> Kind:
    """Return the kind of a file from its first bytes; 4 KiB are enough."""
    if not head:
        return "empty"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    return _boxed(head) if head[4:8] == b"ftyp" else _textual(head[:_TEXT_LOOK])


def brands(head: bytes) -> tuple[bytes, ...]:
    """Return the brands of an ISO base media file (ISO/IEC 14496-12, `ftyp`), the major one first."""
    size = min(int.from_bytes(head[:4]), 256)
    return (head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4)))


def _boxed(head: bytes) -> Kind:
    found = frozenset(brands(head))
    if found & _AVIF_BRANDS:
        return "avif"
    return "heic" if found & _HEIC_BRANDS else "unknown"


def _textual(head: bytes) -> Kind:
    text = _decoded(head)
    if text is None:
        return "unknown"
    text = text.lstrip("\ufeff \t\r\n").lower()
    if text.startswith("<"):
        return _marked_up(text)
    return "json" if _JSON.match(text) else "text"


def _marked_up(text: str) -> Kind:
    found = re.search(r"<(!doctype\s+html|html|head|body|svg)[\s>]", text)
    if not found:
        return "text"
    return "svg" if found.group(1) == "svg" else "html"


def _decoded(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The look may have cut one character in two.
        if error.start < _TEXT_LOOK - _UTF8_TAIL:
            return None
        text = head[: error.start].decode("utf-8")
    return None if _CONTROLS.search(text) else text
