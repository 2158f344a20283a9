"""The two looks at a file: a glance at its head, and a walk over all of it. Neither decodes a pixel or raises."""

from picha.images import foreign, jpeg, png
from picha.images.facts import Facts, Inspection
from picha.images.signatures import kind_of

HEAD_BYTES = 64 * 1024


def probe(head: bytes | memoryview) -> Facts:
    """Return what the first 64 KiB of a file say; what comes after them in `head` is not looked at."""
    head = bytes(head[:HEAD_BYTES])
    match kind_of(head):
        case "jpeg":
            return jpeg.read_facts(head)
        case "png":
            return png.read_facts(head)
        case kind:
            return foreign.read_facts(kind, head)


def inspect(data: bytes | memoryview) -> Inspection:
    """Walk over the whole of `data`: its facts, its flaws, and where the picture really ends.

    Only JPEG and PNG are walked; of other kinds the head is read, and whether they may be sent is for `rules`.
    """
    data = bytes(data)  # no copy when they are bytes already
    match kind_of(data[:HEAD_BYTES]):
        case "jpeg":
            return jpeg.inspect(data)
        case "png":
            return png.inspect(data)
        case kind:
            # A TIFF's directory may stand at its end; boxes are searched in the head alone, not among pixels.
            head = data if kind == "tiff" else data[:HEAD_BYTES]
            return Inspection(facts=foreign.read_facts(kind, head), end=len(data))
