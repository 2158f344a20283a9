"""What drawn pictures are made of: letters, torn paper, wood, shadow and lamplight. Pillow is needed to call any of it.

Everything is computed from fixed numbers, so that a picture is the same bytes each time one Pillow draws it.
"""

import functools
import math
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageFont


_WOOD = ((96, 174), (64, 120), (44, 84))  # red, green and blue, each from its darkest to its lightest


@functools.cache
def font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """Return the letters that come inside Pillow, `size` pixels high."""
    from PIL import ImageFont  # noqa: PLC0415 - only who draws needs Pillow

    return ImageFont.load_default(size)


def width(text: str, size: int) -> int:
    """Return how many pixels wide `text` stands."""
    return math.ceil(font(size).getlength(text))


def cut(text: str, size: int, room: int) -> str:
    """Return `text` on one line, cut with an ellipsis where it is wider than `room` pixels."""
    text = " ".join(text.split())
    if width(text, size) <= room:
        return text
    while text and width(f"{text}\u2026", size) > room:
        text = text[:-1]
    return f"{text.rstrip()}\u2026"


def noise(size: tuple[int, int], seed: int) -> "Image.Image":
    """Return grey noise, every pixel 0 to 255, that depends on `size` and `seed` alone."""
    from PIL import Image  # noqa: PLC0415 - as above

    across, down = size
    # Checksums of a counted sequence look random and are the same everywhere; Pillow's own noise takes no seed.
    block = bytearray()
    state = seed & 0xFFFFFFFF
    for _ in range(across * down // 4 + 1):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        block += zlib.crc32(state.to_bytes(4)).to_bytes(4)
    return Image.frombytes("L", size, bytes(block[: across * down]))


def textured(sheet: "Image.Image") -> "Image.Image":
    """Return `sheet` with a fine grain, two soft creases and the fade of thermal print."""
    from PIL import Image, ImageChops, ImageFilter  # noqa: PLC0415 - as above

    grain = _tiled(_levels(noise((256, 256), 7).filter(ImageFilter.GaussianBlur(0.6)), 246, 255), sheet.size)
    creases = _levels(Image.linear_gradient("L").resize((sheet.width, 90)), 238, 255)
    folds = Image.new("L", sheet.size, 255)
    for share in (0.34, 0.68):
        folds.paste(creases, (0, int(sheet.height * share)))
    light = ImageChops.multiply(grain, folds.filter(ImageFilter.GaussianBlur(2)))
    return ImageChops.multiply(sheet, Image.merge("RGB", (light, light, light)))


def torn(size: tuple[int, int]) -> "Image.Image":
    """Return a mask of a sheet whose upper and lower ends are perforated in small teeth."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - as above

    across, down = size
    mask = Image.new("L", size, 255)
    draw = ImageDraw.Draw(mask)
    tooth = 20
    for left in range(0, across, tooth):
        for edge, inner in ((0, 11), (down - 1, down - 12)):
            draw.polygon([(left, edge), (left + tooth // 2, inner), (left + tooth, edge)], fill=0)
    return mask


def wood(size: tuple[int, int]) -> "Image.Image":
    """Return a table of dark boards, the grain running across."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter  # noqa: PLC0415 - as above

    across, down = size
    fine = noise((across // 24 + 1, down), 11).resize(size, Image.Resampling.BICUBIC)
    broad = noise((across // 200 + 2, down // 14 + 1), 23).resize(size, Image.Resampling.BICUBIC)
    grain = Image.blend(fine, broad, 0.55).filter(ImageFilter.GaussianBlur(0.8))
    boards = Image.merge("RGB", [_levels(grain, low, high) for low, high in _WOOD])
    seams = Image.new("L", size, 255)
    draw = ImageDraw.Draw(seams)
    for top in range(150, down, 210):
        draw.line((0, top, across, top), 90, 3)
    seams = seams.filter(ImageFilter.GaussianBlur(1.2))
    return ImageChops.multiply(boards, Image.merge("RGB", (seams, seams, seams)))


def shade(ground: "Image.Image", shape: "Image.Image") -> None:
    """Darken `ground` where the light misses it because of `shape`: a soft shadow below and to the right."""
    from PIL import Image, ImageChops, ImageFilter  # noqa: PLC0415 - as above

    for offset, blur, depth in ((6, 5, 120), (16, 18, 110)):
        shadow = ImageChops.offset(shape, offset // 2, offset).filter(ImageFilter.GaussianBlur(blur))
        ground.paste(Image.new("RGB", ground.size, (14, 9, 6)), (0, 0), _levels(shadow, 0, depth))


def lit(picture: "Image.Image") -> "Image.Image":
    """Return `picture` under one lamp: bright a little above the middle, darker to the corners."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - as above

    across, down = picture.size
    glow = Image.radial_gradient("L").resize((across * 2, down * 2), Image.Resampling.BICUBIC)
    glow = glow.crop((across // 2, down * 3 // 5, across // 2 + across, down * 3 // 5 + down))
    light = glow.point([max(0, 255 - level * level // 420) for level in range(256)])
    warm = Image.merge("RGB", [_levels(light, 0, high) for high in (255, 252, 245)])
    return ImageChops.multiply(picture, warm)


def _levels(grey: "Image.Image", low: int, high: int) -> "Image.Image":
    """Return `grey` with black raised, and white lowered, to `low` and `high`."""
    return grey.point([low + level * (high - low) // 255 for level in range(256)])


def _tiled(tile: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    from PIL import Image  # noqa: PLC0415 - as above

    sheet = Image.new("L", size)
    for top in range(0, size[1], tile.height):
        for left in range(0, size[0], tile.width):
            sheet.paste(tile, (left, top))
    return sheet
