"""The picture a person sends when none is given."""

from functools import cache

from picha.images.snapshot import draw_photo

MIME_TYPE = "image/jpeg"


@cache
def built_in() -> bytes:
    """Return the built-in photo, a JPEG that WhatsApp takes; it is drawn at the first call and then kept."""
    return draw_photo()
