"""Draws docs/images/before-after.jpg: three pictures as phones and screens show them, and as `auto` makes them."""

import io
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

from picha.images.normalise import normalise
from picha.images.snapshot import photo

TARGET = Path("docs/images/before-after.jpg")
TILE, GAP = 200, 12


def main() -> None:
    """Write the picture."""
    pairs = [_sideways(), _transparent(), _print()]
    sheet = Image.new("RGB", (2 * TILE + 3 * GAP, len(pairs) * (TILE + GAP) + GAP), (240, 240, 240))
    for row, pair in enumerate(pairs):
        for column, image in enumerate(pair):
            image.thumbnail((TILE, TILE))
            left, top = (TILE - image.width) // 2, (TILE - image.height) // 2
            sheet.paste(image, (GAP + column * (TILE + GAP) + left, GAP + row * (TILE + GAP) + top))
    sheet.save(TARGET, quality=80)


def _sideways() -> tuple[Image.Image, Image.Image]:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = _photo().transpose(Image.Transpose.ROTATE_90)
    return stored, _after(_saved(stored, "JPEG", exif=exif))


def _transparent() -> tuple[Image.Image, Image.Image]:
    drawing = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((60, 60, 340, 340), outline=(20, 20, 20, 255), width=16)
    pen.text((90, 165), "TSh 8,900", fill=(20, 20, 20, 255), font_size=48)
    on_black = Image.new("RGB", drawing.size)
    on_black.paste(drawing, mask=drawing.getchannel("A"))
    data = _saved(drawing, "WEBP", lossless=True)
    roomy = normalise(data, "auto", max_bytes=100_000)
    # So little room that the PNG does not fit.
    return on_black, _after(data, max_bytes=len(roomy.data) - 1)


def _print() -> tuple[Image.Image, Image.Image]:
    channels = _photo().split()
    light = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    black = ImageChops.invert(light)
    inks = Image.merge("CMYK", (*(ImageChops.subtract(light, channel) for channel in channels), black))
    # What a reader shows that takes Adobe's inverted inks for plain ones.
    inverted = Image.merge("CMYK", [ImageChops.invert(ink) for ink in inks.split()]).convert("RGB")
    return inverted, _after(_saved(inks, "JPEG"))


def _photo() -> Image.Image:
    return Image.open(io.BytesIO(photo())).convert("RGB").resize((400, 300))


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _after(data: bytes, max_bytes: int = 5_242_880) -> Image.Image:
    return Image.open(io.BytesIO(normalise(data, "auto", max_bytes=max_bytes).data)).convert("RGB")


if __name__ == "__main__":
    main()
