"""What a customer might photograph, for when nobody has a picture at hand: a succulent in a clay pot."""

from functools import cache
from pathlib import Path


@cache
def photo() -> bytes:
    """Return a still life of 1024 x 768 pixels, an 8-bit RGB JPEG of some 100 KB; `tools/snapshot.py` drew the file."""
    return Path(__file__).with_name("snapshot.jpg").read_bytes()
