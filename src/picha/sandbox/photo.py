"""The pictures that a person has at hand: the one that is sent when none is given, and a till receipt."""

from functools import cache

from picha.images.receipt import draw_receipt
from picha.images.snapshot import photo

MIME_TYPE = "image/jpeg"


def built_in() -> bytes:
    """Return the built-in photo, a JPEG that WhatsApp takes."""
    return photo()


@cache
def receipt() -> bytes:
    """Return a photographed receipt, a JPEG that WhatsApp takes."""
    lines = [("Echeveria, clay pot", "18,000"), ("Potting soil, 5 l", "9,500"), ("Watering can", "14,000")]
    return draw_receipt(
        title="Lucky Shrub", lines=lines, total="TZS 41,500", when="26 November 2026, 10:41", number="004417"
    )
