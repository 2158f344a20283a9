import io

import pytest
from PIL import Image, ImageChops, ImageStat
from tools.snapshot import draw_photo

from picha.images.probe import inspect
from picha.images.receipt import draw_receipt
from picha.images.rules import verdict
from picha.images.snapshot import photo

LIMIT = 5_242_880
LINES = [("Maziwa 1 L", "TSh 6,400"), ("Mkate wa ngano", "TSh 2,500")]


def receipt(
    lines: list[tuple[str, str]] = LINES, *, title: str = "Duka la Asha", total: str = "TSh 8,900", number: str = "0047"
) -> bytes:
    return draw_receipt(title=title, lines=lines, total=total, when="25 Nov 2026, 14:32", number=number)


def test_a_receipt_is_a_picture_that_whatsapp_takes_as_it_is() -> None:
    data = receipt()

    inspection = inspect(data)

    assert verdict(inspection, len(data), max_bytes=LIMIT) == ()
    assert (inspection.facts.kind, inspection.facts.colour, inspection.facts.width) == ("jpeg", "rgb", 760)
    assert inspection.notes == ()


def test_the_same_words_are_the_same_bytes_and_other_words_are_others() -> None:
    assert receipt() == receipt()
    assert len({receipt(), receipt(total="TSh 9,000"), receipt(number="0048"), receipt(LINES[:1])}) == 4


def test_a_longer_list_makes_a_longer_receipt() -> None:
    assert _height(receipt(LINES * 5)) - _height(receipt(LINES)) == 8 * 44


@pytest.mark.parametrize(
    "text", ["", "x" * 500, "two\nlines", "\u0637\u0639\u0627\u0645 \U0001f34c", "\x00\x07", "W" * 60]
)
def test_any_text_can_be_drawn(text: str) -> None:
    data = draw_receipt(title=text, lines=[(text, text)], total=text, when=text, number=text)

    assert verdict(inspect(data), len(data), max_bytes=LIMIT) == ()


def test_an_empty_receipt_can_be_drawn_and_one_of_41_lines_is_refused() -> None:
    assert receipt([])
    assert receipt([("a", "b")] * 40)
    with pytest.raises(ValueError, match="at most 40 lines"):
        receipt([("a", "b")] * 41)


def test_the_words_are_on_the_paper_and_the_paper_on_a_table() -> None:
    picture = Image.open(io.BytesIO(receipt())).convert("L")

    paper, table = (picture.crop(box).tobytes() for box in ((160, 200, 600, 600), (0, 0, 50, 50)))
    assert (min(paper) < 80, max(paper) > 220) == (True, True)
    assert max(table) < 140


def test_the_customer_s_photo_is_a_picture_that_whatsapp_takes_as_it_is() -> None:
    data = photo()

    inspection = inspect(data)

    assert verdict(inspection, len(data), max_bytes=LIMIT) == ()
    assert (inspection.facts.width, inspection.facts.height) == (1024, 768)


def test_the_customer_s_photo_in_the_package_is_what_the_tool_draws() -> None:
    kept, drawn = (Image.open(io.BytesIO(data)) for data in (photo(), draw_photo()))

    # Another Pillow may encode another way: the pictures are compared, not the bytes.
    assert max(ImageStat.Stat(ImageChops.difference(kept, drawn)).mean) < 1


def _height(data: bytes) -> int:
    height = inspect(data).facts.height
    assert height is not None
    return height
