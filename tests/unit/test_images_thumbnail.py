"""Thumbnails: small in pixels and in bytes, whatever the picture."""

import io
import random

import pytest
from PIL import Image

from picha.images import thumbnail
from picha.images.probe import inspect


@pytest.mark.parametrize("size", [(900, 700), (320, 320), (3000, 40)])
def test_a_thumbnail_of_sheer_noise_is_small_too(size: tuple[int, int]) -> None:
    width, height = size
    out = io.BytesIO()
    Image.frombytes("RGB", size, random.Random(1).randbytes(width * height * 3)).save(out, "PNG")

    drawn = thumbnail.draw(out.getvalue())

    facts = inspect(drawn).facts
    assert len(drawn) <= thumbnail.BYTES_MAX
    assert 160 <= max(facts.width or 0, facts.height or 0) <= thumbnail.SIDE_MAX


def test_a_small_picture_is_not_made_larger() -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 90)).save(out, "PNG")

    facts = inspect(thumbnail.draw(out.getvalue())).facts

    assert (facts.width, facts.height) == (40, 30)
