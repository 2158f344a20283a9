"""Header facts, held against Pillow, which reads the same files by other means."""

import asyncio
import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from picha.images.facts import Facts
from picha.images.jpeg import _STRIDE_BYTES as STRIDE
from picha.images.probe import HEAD_BYTES, inspect, probe

MODES = {"L": ("grey", 1), "RGB": ("rgb", 3), "RGBA": ("rgba", 4), "P": ("palette", 1), "LA": ("grey-alpha", 2)}


def drawn(mode: str = "RGB", size: tuple[int, int] = (40, 30), form: str = "JPEG", **options: object) -> bytes:
    image = Image.effect_noise(size, 80).convert(mode) if mode != "RGBA" else Image.new("RGBA", size, (9, 99, 199, 50))
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (300, 2)])
def test_a_png_s_size_and_colour_are_what_was_drawn(mode: str, size: tuple[int, int]) -> None:
    facts = probe(drawn(mode, size, "PNG"))

    assert (facts.kind, facts.mime_type, facts.width, facts.height, facts.bit_depth) == ("png", "image/png", *size, 8)
    assert (facts.colour, facts.channels) == MODES[mode]
    assert (facts.animated, facts.has_icc, facts.orientation, facts.progressive) == (False, False, None, False)


@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_s_size_colour_and_coding_are_what_was_drawn(mode: str, *, progressive: bool) -> None:
    facts = probe(drawn(mode, (123, 45), progressive=progressive))

    assert (facts.kind, facts.mime_type, facts.width, facts.height) == ("jpeg", "image/jpeg", 123, 45)
    assert (facts.bit_depth, facts.colour, facts.channels) == (8, *MODES[mode])
    assert (facts.progressive, facts.animated, facts.has_icc) == (progressive, False, False)


def test_a_cmyk_jpeg_of_adobe_s_kind_is_told_by_its_transform() -> None:
    data = drawn("CMYK")

    assert (probe(data).colour, probe(data).channels) == ("cmyk", 4)
    at = data.index(b"Adobe") + 11
    assert probe(data[:at] + b"\x02" + data[at + 1 :]).colour == "ycck"


def test_sixteen_bits_are_read_from_the_header_where_pillow_reports_rgb() -> None:
    out = io.BytesIO()
    Image.new("I;16", (3, 4)).save(out, "PNG")

    facts = probe(out.getvalue())

    assert (facts.bit_depth, facts.colour) == (16, "grey")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_orientation_is_read_from_exif(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert probe(drawn(form=form, exif=exif.tobytes())).orientation == orientation


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_nonsensical_orientation_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert probe(drawn(exif=exif.tobytes())).orientation is None


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_an_icc_profile_is_seen(form: str) -> None:
    assert probe(drawn(form=form, icc_profile=b"not really a profile" * 9)).has_icc


def test_an_animated_png_is_seen() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])

    assert probe(out.getvalue()).animated


def test_what_lies_beyond_64_kib_is_unknown_to_the_probe_and_known_to_the_walk() -> None:
    data = drawn(comment=b"x" * 60_000, icc_profile=b"y" * 60_000)
    assert data.index(b"\xff\xc0") > HEAD_BYTES

    facts = probe(data)

    assert (facts.kind, facts.width, facts.colour, facts.progressive) == ("jpeg", None, None, None)
    assert inspect(data).facts.width == 40


def test_what_was_not_met_before_the_head_ended_is_unknown_and_not_absent() -> None:
    data = drawn(form="PNG", icc_profile=b"profile" * 99)

    assert (probe(data[:33]).has_icc, probe(data[:33]).width, probe(data).has_icc) == (None, 40, True)


@pytest.mark.parametrize(
    ("form", "options", "kind"),
    [
        ("WEBP", {}, "webp"),
        ("WEBP", {"lossless": True}, "webp"),
        ("WEBP", {"exif": b"Exif\0\0"}, "webp"),
        ("GIF", {}, "gif"),
        ("BMP", {}, "bmp"),
        ("TIFF", {}, "tiff"),
        ("AVIF", {}, "avif"),
    ],
)
def test_other_kinds_of_picture_are_named_with_their_size(form: str, options: dict[str, object], kind: str) -> None:
    facts = probe(drawn("RGB", (52, 38), form, **options))

    assert (facts.kind, facts.mime_type, facts.width, facts.height) == (kind, f"image/{kind}", 52, 38)


@pytest.mark.parametrize("form", ["WEBP", "GIF"])
@pytest.mark.parametrize("count", [1, 2])
def test_an_animation_is_seen_in_other_kinds_too(form: str, count: int) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")[:count]]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:])

    assert probe(out.getvalue()).animated == (count > 1)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (b"hello, this is a note", "text"),
        (b"\xef\xbb\xbfwith a mark", "text"),
        ("h\u00e9llo".encode("utf-16"), "text"),
        (b"<!DOCTYPE html><title>404</title>", "html"),
        (b"  \r\n<html lang=en><svg></svg>", "html"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "text"),
        (b'{"error": {"code": 190}}', "json"),
        (b"[1, 2]", "json"),
        (b"%PDF-1.7\n", "pdf"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "unknown"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "unknown"),
        (b"BMW is a make of cars", "text"),
        (b"\x7fELF\x02\x01\x01", "unknown"),
        (bytes(100), "unknown"),
        (b"\xff\xd8", "unknown"),
        (("\u20ac" * 2000).encode(), "text"),
    ],
)
def test_kinds_are_told_by_the_bytes_alone(head: bytes, kind: str) -> None:
    assert probe(head).kind == kind


def test_an_iphone_heic_s_largest_size_is_the_picture_s() -> None:
    tile, whole = (b"ispe\0\0\0\0" + w.to_bytes(4) + h.to_bytes(4) for w, h in ((512, 512), (4032, 3024)))

    facts = probe(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + tile + whole + tile + b"pixi\0\0\0\0\x03\x08\x08\x08")

    assert (facts.width, facts.height, facts.bit_depth, facts.animated) == (4032, 3024, 8, False)


SAMPLES = [
    drawn(),
    drawn(progressive=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    drawn("CMYK", icc_profile=b"p" * 50),
    *(drawn(mode, (20, 20), "PNG") for mode in MODES),
    *(drawn(form=form) for form in ("WEBP", "GIF", "BMP", "TIFF", "AVIF")),
]


@given(st.binary(max_size=300))
def test_no_bytes_make_the_probe_or_the_walk_raise(data: bytes) -> None:
    _look(data)


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", *(each[:20] for each in SAMPLES)]), st.binary())
def test_no_bytes_behind_a_signature_make_them_raise(start: bytes, rest: bytes) -> None:
    _look(start + rest)


@given(st.data())
def test_no_mutation_of_a_real_file_makes_them_raise(data: st.DataObject) -> None:
    mutant = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        piece = data.draw(st.one_of(st.binary(max_size=6), st.sampled_from([b"\xff\xff\xff\xff", b"\xff\xda", b"\0"])))
        mutant[at : at + data.draw(st.integers(0, 6))] = piece
        mutant = mutant or bytearray(1)
    _look(bytes(mutant))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda data: data[:4].hex())
def test_a_file_cut_at_any_offset_makes_nothing_raise(sample: bytes) -> None:
    for end in range(len(sample)):
        _look(sample[:end])


def test_a_memoryview_is_looked_at_as_bytes_are() -> None:
    assert probe(memoryview(SAMPLES[0])) == probe(SAMPLES[0])
    assert inspect(memoryview(SAMPLES[0])) == inspect(SAMPLES[0])


@pytest.mark.parametrize("data", [b"\xff\xd8" + b"\xff\x00" * 2_500_000, b"\xff\xd8" + b"\xff" * 5_000_000])
def test_five_megabytes_made_to_be_slow_are_walked_in_one_pass(data: bytes) -> None:
    # Of computing: what else the machine does meanwhile decides nothing.
    began = time.process_time()
    inspect(data)

    assert time.process_time() - began < 1


@pytest.mark.parametrize("scan", range(STRIDE - 40, STRIDE + 4))
def test_a_marker_is_found_wherever_one_search_ends_and_the_next_begins(scan: int) -> None:
    head = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0"
    data = head + b"\xff\0" * (scan // 2) + b"\0" * (scan % 2) + b"\xff\xd9"

    found = inspect(data + b"tail")

    assert (found.end, found.flaws, [note.code for note in found.notes]) == (len(data), (), ["trailing_bytes"])
    filled = inspect(head[:2] + b"\xff" * scan + head[2:] + b"\xff\xd9")
    assert (filled.flaws, filled.notes) == ((), ())
    strewn = inspect(head[:2] + b"\xff" * scan + b"\0" + head[2:] + b"\xff\xd9")
    assert [note.code for note in strewn.notes] == ["stray_bytes"]


async def test_a_walk_in_a_thread_never_holds_the_loop_up_for_long() -> None:
    data = b"\xff\xd8" + b"\xff\x00" * 16_000_000

    # A walk that kept the interpreter to itself would do so each time; a busy machine does not.
    assert min([await _longest_share(data) for _ in range(3)]) < 1 / 3


async def _longest_share(data: bytes) -> float:
    """Walk in a thread; return the longest time for which the loop did not turn, as a share of the walk's."""
    begun = last = time.perf_counter()
    longest = 0.0
    walking = asyncio.ensure_future(asyncio.to_thread(inspect, data))
    while not walking.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest / (last - begun)


def test_pillow_is_not_needed_to_look_at_a_file(tmp_path: Path) -> None:
    code = (
        "import sys; from picha.images import lossless, normalise, plan, probe, receipt, redraw, rules, snapshot;"
        "sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def _look(data: bytes) -> None:
    facts, inspection = probe(data), inspect(data)
    assert isinstance(facts, Facts)
    assert inspection.facts.kind == facts.kind
    assert 0 <= inspection.end <= len(data)
