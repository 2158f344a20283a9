"""What the composer says: how long ago somebody wrote, and what was made of a picture."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from picha.gateway.inbox.composer import spelt
from picha.gateway.inbox.preview import facts
from picha.gateway.inbox.prints import retold
from picha.gateway.store.files import Came, File

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a minute"),
        (89, "a minute"),
        (91, "2 minutes"),
        (89 * 60, "89 minutes"),
        (90 * 60, "2 hours"),
        (25 * 3600, "25 hours"),
        (48 * 3600 - 1, "48 hours"),
        (48 * 3600, "2 days"),
        (400 * 86400, "400 days"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit_that_is_right_enough(seconds: int, words: str) -> None:
    assert spelt(timedelta(seconds=seconds)) == words


def picture(size: int, came: Came | None = None, *, width: int = 4000) -> File:
    return File(UUID(int=1), UUID(int=2), "test", b"", "image/jpeg", size, width, 3000, NOON, came=came)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (picture(900_000), "JPEG 0.9 MB 4000x3000"),
        (
            picture(900_000, Came("image/png", 3_200_000, 4000, 3000)),
            "PNG 3.2 MB 4000x3000 → JPEG 0.9 MB",
        ),
        (
            picture(90_400, Came("image/heic", 4_100_000, 4000, 6000), width=2000),
            "HEIC 4.1 MB 4000x6000 → JPEG 90 kB 2000x3000",
        ),
        (picture(1, Came("image/bmp", 400)), "BMP 1 kB → JPEG 1 kB 4000x3000"),
    ],
)
def test_the_facts_of_a_picture_tell_what_came_and_what_goes(file: File, told: str) -> None:
    assert facts(file).replace("\N{MULTIPLICATION SIGN}", "x") == told


def test_changes_are_told_in_words_but_for_those_that_the_facts_show() -> None:
    told = ("png→jpeg", "9.1 MB→1.8 MB", "rotated 90°", "4000x3000→2000x1500 pixels", "metadata removed", "cmyk→rgb")

    assert [one.replace("\N{MULTIPLICATION SIGN}", "x") for one in retold(told)] == [
        "rotated 90°",
        "made smaller, to 2000x1500",
        "hidden details removed (such as place and camera)",
        "cmyk→rgb",
    ]
