"""What WhatsApp takes as an image message: JPEG or PNG, 8 bits a channel, RGB or RGBA, up to a size.

Source: Meta's Cloud API media reference, supported media types, images. The size limit is handed in.
"""

from collections.abc import Iterator

from picha.images.facts import Facts, Flaw, Inspection

_DEPTH = 8
_COLOURS = frozenset({"rgb", "rgba"})
_TAKEN = frozenset({"jpeg", "png"})

_NO_PICTURE = {
    "pdf": "These bytes are a PDF document, not a picture.",
    "html": "These bytes are an HTML page, not a picture.",
    "zip": "These bytes are a ZIP archive or an office document, not a picture.",
    "json": "These bytes are JSON, not a picture.",
    "text": "These bytes are plain text, not a picture.",
    "empty": "There are no bytes at all.",
    "unknown": "These bytes are not a picture of any kind we know.",
}
_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "gif": "GIF",
    "heic": "HEIC",
    "avif": "AVIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "svg": "SVG",
}
_COLOURINGS = {
    "grey": "is in greyscale",
    "grey-alpha": "is in greyscale with transparency",
    "palette": "uses a colour palette",
    "cmyk": "is in CMYK",
    "ycck": "is in YCCK",
    None: "has colours we do not know",
}


def verdict(inspection: Inspection, size_bytes: int, *, max_bytes: int) -> tuple[Flaw, ...]:
    """Return why a file may not go as it is, or nothing when it may.

    `size_bytes` is the size as it would be sent; exactly `max_bytes` is taken, one byte more is not.
    """
    return (
        *_kind(inspection.facts),
        *inspection.flaws,
        *_size(size_bytes, inspection.end, max_bytes),
        *_pixels(inspection.facts),
    )


def _kind(facts: Facts) -> Iterator[Flaw]:
    if facts.kind in _NO_PICTURE:
        yield Flaw("not_an_image", _NO_PICTURE[facts.kind], "Send a JPEG or PNG picture; a link must lead to the file.")
    elif facts.kind not in _TAKEN:
        article = "an" if facts.kind in {"avif", "svg"} else "a"
        message = f"This is {article} {_NAMES[facts.kind]} picture; WhatsApp takes JPEG and PNG."
        yield Flaw("wrong_kind", message, "Save it as JPEG, or as PNG.")


def _size(size_bytes: int, end: int, max_bytes: int) -> Iterator[Flaw]:
    if size_bytes > max_bytes:
        message = f"The file has {size_bytes:,} bytes; WhatsApp takes {max_bytes:,} at most."
        fits = "Cut what follows the end of the picture, which is not part of it."
        yield Flaw(
            "too_large", message, fits if end <= max_bytes else "Save it with fewer pixels or at a lower quality."
        )


def _pixels(facts: Facts) -> Iterator[Flaw]:
    if facts.kind not in _TAKEN or facts.width is None:
        return
    name = _NAMES[facts.kind]
    if facts.animated:
        yield Flaw("animated", f"This {name} is animated; WhatsApp takes still pictures.", "Save its first frame.")
    if facts.bit_depth != _DEPTH:
        message = f"This {name} has {facts.bit_depth} bits a channel; WhatsApp takes 8."
        yield Flaw("bit_depth", message, "Save it with 8 bits a channel.")
    if facts.colour not in _COLOURS:
        message = f"This {name} {_COLOURINGS[facts.colour]}; WhatsApp takes RGB and RGBA."
        yield Flaw("colour", message, "Save it in RGB colour.")
