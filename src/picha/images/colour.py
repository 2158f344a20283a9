"""Pixels of any mode brought to 8-bit RGB, through the picture's own colour profile, with the transparency apart."""

import io

from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_NAME_MAX = 40


def to_srgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture as RGB, or as RGBA where some of it is really transparent, and what its profile led to."""
    alpha = _alpha(image)
    plain, changes = _convert(_flat(image), image.info.get("icc_profile"))
    if alpha is not None:
        plain.putalpha(alpha)
    return plain, changes


def on_white(image: Image.Image) -> Image.Image:
    """Return an RGBA picture as it looks on white paper."""
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _alpha(image: Image.Image) -> Image.Image | None:
    """Return the transparency, or None where there is none that shows."""
    if not image.has_transparency_data or image.mode.startswith(("I", "F")):
        return None
    key = image.info.get("transparency")
    if image.mode in {"L", "RGB"} and not isinstance(key, bytes):
        # A colour that stands for nothing; of 16 bits, as Pillow leaves it, the upper eight are those of the pixels.
        parts = key if isinstance(key, tuple) else (key,)
        lowered = tuple(part >> 8 if max(parts) > 255 else part for part in parts)  # noqa: PLR2004 - the most of 8 bits
        image.info["transparency"] = lowered if isinstance(key, tuple) else lowered[0]
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema()[0] == 255 else alpha  # noqa: PLR2004 - opaque


def _flat(image: Image.Image) -> Image.Image:
    """Return the colours alone, 8 bits a channel: RGB, L, CMYK or LAB."""
    match image.mode:
        case "RGB" | "L" | "CMYK" | "LAB":
            return image
        case "1" | "LA" | "La":
            return (image.convert("LA") if image.mode == "La" else image).convert("L")
        case "F" | "I":
            return _stretched(image)
        case mode if mode.startswith("I;16"):
            return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        case "P" | "PA" | "RGBa":
            return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Return measurements of any range, as scanners and microscopes write them, as greys from black to white."""
    low, high = image.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float)) or not 0 < high - low < float("inf"):
        return image.convert("L")
    scale = 255 / (high - low)
    return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")


def _convert(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    if not icc and image.mode != "LAB":
        return _plain(image), ()
    try:
        source = io.BytesIO(icc) if icc else ImageCms.createProfile("LAB")
        return _through(image, ImageCms.ImageCmsProfile(source))
    except (OSError, ImageCms.PyCMSError, TypeError, ValueError):
        return _plain(image), ("unreadable colour profile dropped",)


def _through(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> tuple[Image.Image, tuple[str, ...]]:
    core = profile.profile
    mode = _SPACES.get(core.xcolor_space.strip())
    name = "".join(letter for letter in core.profile_description or "" if letter.isprintable())[:_NAME_MAX]
    if mode == "RGB":
        if "sRGB" in name:
            return _plain(image), ()
        image = _plain(image)
    if mode != image.mode:
        return _plain(image), ("unfit colour profile dropped",)
    transform = ImageCms.buildTransform(
        profile,
        _SRGB,
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ImageCms.PyCMSError("nothing came of it")
    return converted, (f"{name or 'colour profile'}→sRGB",) if mode == "RGB" else ()


def _plain(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")
