"""Whether WhatsApp would send a file as an image, and what Meta's status says when it would not. No decoder is used."""

from picha.cloudapi.limits import IMAGE_MAX_BYTES, IMAGE_MIME_TYPES, MEDIA_MAX_BYTES
from picha.images.probe import inspect
from picha.images.rules import verdict

# A phone sends on whatever it can show, in any colours and of any size, but nothing that is no JPEG or PNG to its end.
_NEVER_FROM_A_PHONE = frozenset({"not_an_image", "wrong_kind", "zero_size", "truncated", "corrupt"})


def no_picture(data: bytes) -> str | None:
    """Return why bytes are nothing that a phone could send as an image, or None when one could."""
    flaws = verdict(inspect(data), len(data), max_bytes=MEDIA_MAX_BYTES)
    return next((flaw.message for flaw in flaws if flaw.code in _NEVER_FROM_A_PHONE), None)


def flaw_of(data: bytes, mime_type: str) -> str | None:
    """Return why bytes of this declared type cannot go as an image, or None when they can."""
    if mime_type not in IMAGE_MIME_TYPES:
        return wrong_mime_type(mime_type)
    if len(data) > IMAGE_MAX_BYTES:
        return too_large(len(data))
    inspection = inspect(data)
    for flaw in verdict(inspection, len(data), max_bytes=IMAGE_MAX_BYTES):
        return f"Media upload error: {flaw.message}"
    found = inspection.facts.mime_type
    if found != mime_type:
        return f"Media upload error: the file was declared {mime_type} and is {found}."
    return None


def wrong_mime_type(mime_type: str) -> str:
    """Return the details of a failure for a content type that is no image's, as Meta words them."""
    return f"Unsupported Image mime type {mime_type or 'unknown'}. Please use one of image/png, image/jpeg."


def too_large(size: int | None) -> str:
    """Return the details of a failure for a file of more than five megabytes, whose size may be unknown."""
    found = "" if size is None else f": {size:,} bytes"
    return f"Image file size too big{found}. Maximum file size is {IMAGE_MAX_BYTES:,} bytes."
