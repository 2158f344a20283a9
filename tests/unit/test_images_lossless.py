"""Inspect, plan and strip under mutation: they never raise, and what strip leaves shows the same pixels."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.pictures import ODD
from tests.pictures.jpegs import EXIF, SRGB
from tests.pictures.making import GPS, LIMIT, Odd, drawn, inserted, segment

from picha.images.facts import Inspection
from picha.images.lossless import bare, strip
from picha.images.plan import Plan, plan
from picha.images.probe import inspect

SAMPLES = [
    drawn(exif=EXIF + GPS, comment=b"c", icc_profile=SRGB),
    drawn(progressive=True, comment=b"c", restart_marker_blocks=2),
    inserted(drawn(subsampling="4:4:4"), segment(0xE0, b"JFXX\0\x10"), segment(0xEE, b"Adobe\0d")),
    drawn(keep_rgb=True, comment=b"c"),
    drawn("CMYK", comment=b"c"),
    drawn(form="PNG", exif=GPS, icc_profile=SRGB),
    drawn("RGBA", "PNG", exif=GPS),
    drawn("P", "PNG", transparency=0),
]  # fmt: skip
MARKS = [b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xfe\0\2", b"\xff\xe0\0\2", b"\xff\xff", b"IEND", b"tEXt", b"\0"]
PIECES = st.one_of(st.binary(max_size=6), st.sampled_from(MARKS))
PIXELS_MAX = 4_000_000
STRIPPED = [odd for odd in ODD if odd.auto == "strip"]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 6))] = draw(PIECES)
    return bytes(data)


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes, bytes | None] | None:
    """Return what Pillow decodes, the profile too, or None where it does not, or would take too long over it."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as image:
            if image.width * image.height > PIXELS_MAX:
                return None
            image.load()
            return image.mode, image.size, image.tobytes(), image.info.get("icc_profile")
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError):
        return None


@given(st.one_of(mutants(), st.binary(max_size=200)), st.sampled_from(["auto", "strict"]), st.integers(0, 10_000))
@settings(max_examples=400)
def test_no_bytes_make_the_plan_raise(data: bytes, policy: str, max_bytes: int) -> None:
    todo = plan(inspect(data), len(data), "auto" if policy == "auto" else "strict", max_bytes=max_bytes)

    assert isinstance(todo, Plan)
    assert bool(todo.flaws) >= (todo.step == "refuse")


@given(mutants())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore")
def test_strip_never_raises_and_a_second_time_changes_nothing(data: bytes) -> None:
    lean, _ = strip(data, inspect(data))

    inspection = inspect(lean)
    assert strip(lean, inspection) == (lean, ())


@given(mutants())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore")
def test_what_strip_leaves_of_a_sound_mutant_shows_the_same_pixels(data: bytes) -> None:
    inspection = inspect(data)
    before = pixels(data[: inspection.end])
    if inspection.flaws or before is None:
        return

    assert pixels(strip(data, inspection)[0]) == before
    assert pixels(bare(data, inspection)) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("odd", STRIPPED, ids=[odd.name for odd in STRIPPED])
def test_what_strip_leaves_of_an_odd_file_shows_the_same_pixels(odd: Odd) -> None:
    data = odd.make()
    inspection = inspect(data)

    lean, changes = strip(data, inspection)

    before = pixels(data[: inspection.end])
    assert pixels(lean) == before or before is None
    assert len(data) - len(lean) >= inspection.metadata_bytes + len(data) - inspection.end
    assert changes[0] == "metadata removed"
    assert inspect(lean).metadata_bytes == 0


@pytest.mark.parametrize("data", SAMPLES)
def test_what_a_decoder_needs_stays(data: bytes) -> None:
    inspection = inspect(data)

    assert pixels(strip(data, inspection)[0]) == pixels(bare(data, inspection)) == pixels(data)
    assert inspection.metadata_bytes or inspection.facts.colour == "palette"


def test_the_metadata_that_are_counted_are_the_bytes_that_go() -> None:
    for data in SAMPLES:
        inspection: Inspection = inspect(data)
        assert len(strip(data, inspection)[0]) == len(data) - inspection.metadata_bytes


def test_nothing_private_is_left() -> None:
    data = inserted(
        drawn(comment=b"secret1"), segment(0xE1, EXIF + b"secret2"), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0secret3"),
        segment(0xED, b"Photoshop 3.0\0secret4"), segment(0xE5, b"secret5"), segment(0xE2, b"MPF\0secret6"),
    ) + b"secret7"  # fmt: skip

    assert b"secret" not in strip(data, inspect(data))[0]
    assert plan(inspect(data), len(data), "auto", max_bytes=LIMIT).step == "strip"
