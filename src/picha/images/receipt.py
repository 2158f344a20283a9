"""Draws a shop's till receipt: the picture a first message carries, made here so that nobody needs one at hand."""

import io
import zlib
from typing import TYPE_CHECKING

from picha.images import paper

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_WIDTH, _MARGIN, _LINE = 620, 54, 44
_PAD, _ASKEW = 70, -1.6  # pixels of table around the sheet; degrees
_INK, _FAINT = (38, 36, 40), (120, 116, 118)
_QUALITY = 90
_LINES_MAX = 40


def draw_receipt(*, title: str, lines: list[tuple[str, str]], total: str, when: str, number: str) -> bytes:
    """Return a receipt as an 8-bit RGB JPEG of some 100 KB, the same bytes for the same words.

    `lines` are pairs of what was bought and its price, at most 40 of them; every text is drawn as it is, cut to the
    paper's width. `number` is printed and drawn as a barcode.

    Raises:
        ValueError: there are more than 40 lines.
        ImportError: Pillow, of the `server` extra, is not installed.
    """
    if len(lines) > _LINES_MAX:
        raise ValueError(f"a receipt has at most {_LINES_MAX} lines, not {len(lines)}")
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only who draws needs Pillow

    height = 620 + _LINE * len(lines)
    sheet = Image.new("RGB", (_WIDTH, height), (252, 251, 246))
    draw = ImageDraw.Draw(sheet)
    at = _head(draw, title, when, number)
    at = _items(draw, at, lines)
    at = _total(draw, at, total)
    _foot(draw, at, number)
    out = io.BytesIO()
    _on_a_table(sheet).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _head(draw: "ImageDraw.ImageDraw", title: str, when: str, number: str) -> int:
    middle = _WIDTH // 2
    size = 46
    while size > 20 and paper.width(title.upper(), size) > _WIDTH - 2 * _MARGIN:  # noqa: PLR2004 - still legible
        size -= 2
    draw.text((middle, 92), paper.cut(title.upper(), size, _WIDTH - 2 * _MARGIN), _INK, paper.font(size), anchor="mm")
    draw.text((middle, 142), "Thank you for shopping with us", _FAINT, paper.font(21), anchor="mm")
    _rule(draw, 180)
    draw.text((_MARGIN, 208), paper.cut(when, 21, 260), _INK, paper.font(21), anchor="lm")
    receipt = paper.cut(f"No. {number}", 21, 240)
    draw.text((_WIDTH - _MARGIN, 208), receipt, _INK, paper.font(21), anchor="rm")
    _rule(draw, 236)
    return 272


def _items(draw: "ImageDraw.ImageDraw", at: int, lines: list[tuple[str, str]]) -> int:
    for what, price in lines:
        shown = paper.cut(price, 25, 200)
        room = _WIDTH - 2 * _MARGIN - paper.width(shown, 25) - 30
        name = paper.cut(what, 25, room)
        draw.text((_MARGIN, at), name, _INK, paper.font(25), anchor="lm")
        draw.text((_WIDTH - _MARGIN, at), shown, _INK, paper.font(25), anchor="rm")
        left, right = _MARGIN + paper.width(name, 25) + 12, _WIDTH - _MARGIN - paper.width(shown, 25) - 12
        for dot in range(left, right, 9):
            draw.rectangle((dot, at + 8, dot + 1, at + 9), (190, 186, 182))
        at += _LINE
    return at


def _total(draw: "ImageDraw.ImageDraw", at: int, total: str) -> int:
    _rule(draw, at)
    draw.text((_MARGIN, at + 44), "TOTAL", _INK, paper.font(38), anchor="lm")
    shown = paper.cut(total, 38, _WIDTH - 2 * _MARGIN - 160)
    draw.text((_WIDTH - _MARGIN, at + 44), shown, _INK, paper.font(38), anchor="rm", stroke_width=1)
    _rule(draw, at + 86)
    return at + 116


def _foot(draw: "ImageDraw.ImageDraw", at: int, number: str) -> None:
    _barcode(draw, (_MARGIN + 40, at, _WIDTH - _MARGIN - 40, at + 96), number)
    spaced = " ".join(paper.cut(number, 22, 200))
    draw.text((_WIDTH // 2, at + 120), spaced, _INK, paper.font(22), anchor="mm")
    draw.text((_WIDTH // 2, at + 164), "Paid \u00b7 please keep this receipt", _FAINT, paper.font(20), anchor="mm")


def _rule(draw: "ImageDraw.ImageDraw", at: int) -> None:
    for left in range(_MARGIN, _WIDTH - _MARGIN, 12):
        draw.line((left, at, left + 6, at), (150, 146, 144), 2)


def _barcode(draw: "ImageDraw.ImageDraw", box: tuple[int, int, int, int], number: str) -> None:
    """Draw bars whose widths follow from `number`; they look the part, and no scanner will read them."""
    left, top, right, bottom = box
    seed = zlib.crc32(number.encode())
    while left < right:
        bar, gap = 2 + 2 * (seed & 1) + 2 * (seed >> 3 & 1), 2 + 2 * (seed >> 5 & 1)
        draw.rectangle((left, top, min(left + bar, right) - 1, bottom), _INK)
        left += bar + gap
        seed = zlib.crc32(seed.to_bytes(4))


def _on_a_table(sheet: "Image.Image") -> "Image.Image":
    """Lay the sheet, torn at both ends and a little askew, on a wooden table under a lamp."""
    from PIL import Image  # noqa: PLC0415 - as above

    width, height = sheet.width + 2 * _PAD, sheet.height + 2 * _PAD
    mask = paper.torn(sheet.size)
    sheet = paper.textured(sheet)
    table = paper.wood((width, height))
    lifted = Image.new("L", (width, height), 0)
    lifted.paste(mask, (_PAD, _PAD))
    laid = Image.new("RGB", (width, height))
    laid.paste(sheet, (_PAD, _PAD))
    lifted, laid = (layer.rotate(_ASKEW, Image.Resampling.BICUBIC) for layer in (lifted, laid))
    paper.shade(table, lifted)
    table.paste(laid, (0, 0), lifted)
    return paper.lit(table)
