"""The picture a person sends when none is given."""

from picha.images.snapshot import photo

MIME_TYPE = "image/jpeg"


def built_in() -> bytes:
    """Return the built-in photo, a JPEG that WhatsApp takes."""
    return photo()
