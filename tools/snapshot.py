"""Draws the package's built-in photo, src/picha/images/snapshot.jpg: a succulent in a clay pot."""

import io
import math
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from picha.images import paper

PICTURE = Path(__file__).parent.parent / "src/picha/images/snapshot.jpg"
_SIZE = (1024, 768)
_FINE = 2  # drawn at twice the size and scaled down, which smooths every edge
_CANVAS = (_SIZE[0] * _FINE, _SIZE[1] * _FINE)
_TABLE_AT = 1010
_POT_TOP, _POT_FOOT, _MIDDLE = 800, 1270, 1060
_QUALITY = 88

# Rings of leaves from the outside in: how many, how long, how wide, how high their foot is, and their colour.
_RINGS = (
    (13, 400, 74, 0, (62, 104, 84)),
    (12, 340, 76, 14, (74, 122, 96)),
    (11, 280, 74, 30, (88, 140, 108)),
    (9, 220, 68, 48, (104, 158, 120)),
    (8, 160, 58, 64, (124, 176, 134)),
    (6, 104, 44, 78, (150, 194, 150)),
    (4, 58, 30, 88, (178, 212, 168)),
)
_FLATTENING = 0.56  # the rosette is seen from above and in front


def draw_photo() -> bytes:
    """Return a still life of 1024 x 768 pixels as an 8-bit RGB JPEG of some 100 KB, the same bytes for one Pillow."""
    scene = _room()
    _cast_shadow(scene)
    scene.paste(_clay(), (0, 0), _pot_shape())
    _soil(scene)
    _rosette(scene)
    picture = paper.lit(scene.resize(_SIZE, Image.Resampling.LANCZOS))
    out = io.BytesIO()
    _grained(picture).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _room() -> Image.Image:
    """Return a wall with blurred spots of light, and a table before it."""
    across, down = _CANVAS
    wall = Image.new("RGB", _CANVAS, (196, 186, 170))
    draw = ImageDraw.Draw(wall)
    draw.polygon([(180, 0), (980, 0), (620, _TABLE_AT), (-240, _TABLE_AT)], fill=(238, 226, 200))
    draw.polygon([(560, 0), (600, 0), (230, _TABLE_AT), (180, _TABLE_AT)], fill=(196, 186, 170))
    draw.ellipse((1560, 180, 1960, 1100), fill=(120, 136, 112))
    draw.ellipse((1740, 420, 2160, 1150), fill=(96, 116, 96))
    draw.rectangle((1640, 800, 1960, _TABLE_AT), fill=(226, 222, 214))
    wall = wall.filter(ImageFilter.GaussianBlur(46))
    table = paper.wood((across, down - _TABLE_AT)).point([min(255, level * 3 // 2 + 18) for level in range(256)] * 3)
    wall.paste(table, (0, _TABLE_AT))
    edge = wall.crop((0, _TABLE_AT - 40, across, _TABLE_AT + 60)).filter(ImageFilter.GaussianBlur(9))
    wall.paste(edge.crop((0, 10, across, 90)), (0, _TABLE_AT - 30))
    return wall


def _pot_shape(spread: int = 0) -> Image.Image:
    shape = Image.new("L", _CANVAS, 0)
    draw = ImageDraw.Draw(shape)
    top, foot, middle = _POT_TOP, _POT_FOOT, _MIDDLE
    body = [(middle - 300, top + 60), (middle + 300, top + 60), (middle + 214, foot), (middle - 214, foot)]
    draw.polygon(body, fill=255)
    draw.ellipse((middle - 214, foot - 40, middle + 214, foot + 40 + spread), fill=255)
    draw.rectangle((middle - 340, top, middle + 340, top + 100), fill=255)
    draw.ellipse((middle - 340, top + 50, middle + 340, top + 150), fill=255)
    draw.ellipse((middle - 340, top - 66, middle + 340, top + 66), fill=255)
    return shape


def _clay() -> Image.Image:
    """Return clay lit from the left, darker under the rim, speckled as fired clay is."""
    across = _CANVAS[0]
    row = Image.new("RGB", (across, 1))
    for left in range(across):
        turn = max(-1.0, min(1.0, (left - _MIDDLE) / 345))
        light = 0.34 + 0.66 * max(0.0, math.cos((turn + 0.42) * 1.25)) ** 1.3
        row.putpixel((left, 0), (int(214 * light), int(124 * light), int(84 * light)))
    clay = row.resize(_CANVAS)
    dark = Image.new("L", _CANVAS, 255)
    draw = ImageDraw.Draw(dark)
    draw.ellipse((_MIDDLE - 345, _POT_TOP + 66, _MIDDLE + 345, _POT_TOP + 190), fill=120)
    dark = dark.filter(ImageFilter.GaussianBlur(14))
    ImageDraw.Draw(dark).rectangle((0, 0, across, _POT_TOP + 96), fill=255)
    ImageDraw.Draw(dark).ellipse((_MIDDLE - 340, _POT_TOP + 44, _MIDDLE + 340, _POT_TOP + 150), fill=255)
    specks = paper.noise((512, 384), 31).filter(ImageFilter.GaussianBlur(0.7)).resize(_CANVAS)
    dark = ImageChops.multiply(dark, specks.point([228 + level * 27 // 255 for level in range(256)]))
    return ImageChops.multiply(clay, Image.merge("RGB", (dark, dark, dark)))


def _cast_shadow(scene: Image.Image) -> None:
    for box, blur, depth in (
        ((_MIDDLE - 170, _POT_FOOT - 70, _MIDDLE + 760, _POT_FOOT + 70), 46, 150),
        ((_MIDDLE - 236, _POT_FOOT - 10, _MIDDLE + 270, _POT_FOOT + 58), 12, 190),
    ):
        shadow = Image.new("L", _CANVAS, 0)
        ImageDraw.Draw(shadow).ellipse(box, fill=depth)
        scene.paste(Image.new("RGB", _CANVAS, (34, 20, 12)), (0, 0), shadow.filter(ImageFilter.GaussianBlur(blur)))


def _soil(scene: Image.Image) -> None:
    draw = ImageDraw.Draw(scene)
    draw.ellipse((_MIDDLE - 340, _POT_TOP - 66, _MIDDLE + 340, _POT_TOP + 66), fill=(176, 104, 72))
    draw.ellipse((_MIDDLE - 312, _POT_TOP - 54, _MIDDLE + 312, _POT_TOP + 56), fill=(58, 40, 30))


def _rosette(scene: Image.Image) -> None:
    for number, (count, length, breadth, lift, colour) in enumerate(_RINGS):
        turns = [2 * math.pi * (leaf + number * 0.38) / count for leaf in range(count)]
        # Those behind first, so that those in front cover them.
        for turn in sorted(turns, key=math.sin):
            _leaf(scene, (turn, length, breadth, lift), colour)


def _leaf(scene: Image.Image, shape: tuple[float, int, int, int], colour: tuple[int, int, int]) -> None:
    """Draw one leaf as nested outlines, dark at its edge, light in its fold, blushing at its tip."""
    turn, length, breadth, lift = shape
    draw = ImageDraw.Draw(scene)
    # Light falls from the upper left.
    light = 0.86 + 0.2 * math.cos(turn + 2.4)
    draw.polygon(_outline(turn, length + 6, breadth + 5, lift - 5), fill=_tinted(colour, 0.58))
    steps = 14
    for step in range(steps):
        share = step / steps
        inner = _outline(turn, length * (1 - 0.16 * share), breadth * (1 - 0.82 * share), lift + 5 * share)
        blush = (1 - share) ** 3 * 26
        tinted = _tinted(colour, light * (0.9 + 0.38 * share))
        draw.polygon(inner, fill=(min(255, int(tinted[0] + blush)), tinted[1], tinted[2]))


def _outline(turn: float, length: float, breadth: float, lift: float) -> list[tuple[float, float]]:
    """Return a leaf's outline: narrow at the foot, widest past the middle, pointed at the tip."""
    points = []
    for step in range(-24, 25):
        along = 1 - abs(step) / 24
        across = math.copysign(math.sin(math.pi * along**1.55) ** 0.8 if along < 1 else 0.0, step) * breadth
        reach = length * along
        x = reach * math.cos(turn) - across * math.sin(turn)
        y = reach * math.sin(turn) + across * math.cos(turn)
        # The farther out, the higher a leaf bends up again.
        bend = 46 * along**2
        points.append((_MIDDLE + x, _POT_TOP - 70 + y * _FLATTENING - lift * 1.5 - bend))
    return points


def _tinted(colour: tuple[int, int, int], light: float) -> tuple[int, int, int]:
    red, green, blue = (min(255, int(part * light)) for part in colour)
    return red, green, blue


def _grained(picture: Image.Image) -> Image.Image:
    """Return `picture` with the faint grain of a phone's camera."""
    grain = paper.noise(picture.size, 41).point([244 + level * 11 // 255 for level in range(256)])
    return ImageChops.multiply(picture, Image.merge("RGB", (grain, grain, grain)))


def main() -> None:
    """Draw the photo anew."""
    PICTURE.write_bytes(draw_photo())


if __name__ == "__main__":
    main()
