"""What auto does to pictures, looked at in the pixels."""

import io

import pytest
from PIL import Image, ImageOps
from tests.pictures.jpegs import EXIF
from tests.pictures.making import GPS, LIMIT, drawn, lying, noise, picture, written
from tests.pictures.others import FRAMES, RGBA
from tests.pictures.profiles import ink, like_srgb, swapped

from picha.images.normalise import Compliant, Unusable, normalise
from picha.images.plan import plan
from picha.images.probe import inspect
from picha.images.redraw import confirmed

SMALL = 4096
RED, GREY = (220, 20, 20), (200, 210, 220)


def auto(data: bytes, max_bytes: int = LIMIT) -> Compliant:
    return normalise(data, "auto", max_bytes=max_bytes)


def seen(result: Compliant) -> Image.Image:
    image = Image.open(io.BytesIO(result.data))
    image.load()
    return image


def near(found: object, expected: tuple[int, ...], by: int = 12) -> bool:
    assert isinstance(found, tuple)
    return len(found) == len(expected) and all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


def laid(way: int) -> Image.Image:
    """Return the picture as a camera held that way stores it: a viewer that obeys EXIF sees red at the top left."""
    stored = picture(size=(60, 40))
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the inverse of what makes it upright
    return stored.transpose(Image.Transpose(turns[way])) if way in turns else stored


@pytest.mark.parametrize("way", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_a_picture_of_any_kind_that_lies_on_any_side_comes_out_upright(form: str, way: int) -> None:
    options = {"tiffinfo": {274: way}} if form == "TIFF" else {"exif": EXIF * (form != "PNG") + lying(way)}
    data = written(laid(way), form, **options)
    assert near(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB").getpixel((5, 5)), RED)

    result = auto(data)

    image = seen(result)
    assert image.size == (60, 40)
    assert [near(image.getpixel(at), RED) for at in ((5, 5), (54, 5), (5, 34), (54, 34))] == [True, False, False, False]


@pytest.mark.parametrize(
    ("way", "words"),
    [(1, ()), (2, ("mirrored",)), (3, ("rotated 180°",)), (6, ("rotated 90°",)), (8, ("rotated 270°",))],
)
def test_a_turn_is_told_in_degrees_clockwise(way: int, words: tuple[str, ...]) -> None:
    assert auto(drawn(exif=EXIF + lying(way))).changes == (*words, "metadata removed")


@pytest.mark.parametrize("way", range(1, 9))
def test_a_heic_s_turn_is_told_as_that_of_a_jpeg_is(way: int) -> None:
    turned = auto(drawn(exif=EXIF + lying(way))).changes

    assert auto(drawn(form="HEIF", exif=EXIF + lying(way))).changes == ("heic→jpeg", *turned)


@pytest.mark.parametrize("form", ["TIFF", "WEBP", "AVIF", "HEIF"])
def test_colours_go_through_the_picture_s_own_profile(form: str) -> None:
    result = auto(written(Image.new("RGB", (20, 20), RED), form, icc_profile=swapped()))

    assert near(seen(result).getpixel((9, 9)), (13, 13, 222))
    assert result.changes[-1] == "Swapped→sRGB"
    assert result.facts.has_icc is False


def test_a_profile_that_is_srgb_already_changes_nothing_and_is_not_mentioned() -> None:
    result = auto(written(Image.new("RGB", (20, 20), RED), "WEBP", icc_profile=like_srgb()))

    assert (near(seen(result).getpixel((9, 9)), RED), result.changes) == (True, ("webp→jpeg",))


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_a_print_picture_s_inks_are_what_its_profile_says(form: str) -> None:
    cyan = Image.new("CMYK", (20, 20), (255, 0, 0, 0))

    with_profile, without = auto(written(cyan, form, icc_profile=ink())), auto(written(cyan, form))

    assert near(seen(with_profile).getpixel((9, 9)), (253, 8, 10))
    assert near(seen(without).getpixel((9, 9)), (0, 255, 255))
    assert "cmyk→rgb" in with_profile.changes


def test_white_paper_and_black_ink_of_a_cmyk_jpeg_are_white_and_black() -> None:
    for ink_of, colour in (((0, 0, 0, 0), (255, 255, 255)), ((0, 0, 0, 255), (0, 0, 0))):
        assert near(seen(auto(written(Image.new("CMYK", (20, 20), ink_of), "JPEG"))).getpixel((9, 9)), colour)


@pytest.mark.parametrize("value", [0, 257, 128 * 257, 200 * 257, 65535])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_become_the_eight_upper_ones_and_are_not_cut_off_at_white(form: str, value: int) -> None:
    result = auto(written(Image.new("I;16", (20, 20), value), form))

    assert near(seen(result).getpixel((9, 9)), (value // 257,) * 3, by=3)
    assert "16→8 bits" in result.changes


def test_measurements_are_stretched_from_black_to_white() -> None:
    image = Image.new("F", (20, 20), -3.5)
    image.paste(9.25, (0, 0, 10, 20))

    result = seen(auto(written(image, "TIFF")))

    assert (near(result.getpixel((2, 9)), (255,) * 3), near(result.getpixel((17, 9)), (0,) * 3)) == (True, True)


@pytest.mark.parametrize("form", ["WEBP", "TIFF", "AVIF", "HEIF"])
def test_transparency_that_shows_lives_on_in_a_png(form: str) -> None:
    result = auto(written(RGBA, form))

    image = seen(result)
    assert (image.format, image.mode) == ("PNG", "RGBA")
    assert image.getchannel("A").getextrema() != (255, 255)


def test_a_gif_s_hole_stays_a_hole() -> None:
    image = picture("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 20, 15))

    result = seen(auto(written(image, "GIF")))

    assert [result.getpixel(at)[3] for at in ((2, 2), (35, 25))] == [0, 255]  # type: ignore[index]


@pytest.mark.parametrize("form", ["WEBP", "TIFF", "AVIF"])
def test_transparency_that_hides_nothing_is_dropped(form: str) -> None:
    assert auto(written(picture("RGBA"), form)).facts.kind == "jpeg"


def test_a_transparent_picture_too_large_for_a_png_lies_on_white_and_not_on_black() -> None:
    image = noise((300, 300), "RGBA")
    image.putalpha(0)

    result = auto(written(image, "PNG"), max_bytes=20_000)

    assert near(seen(result).getpixel((150, 150)), (255, 255, 255))
    assert "transparency→white" in result.changes


@pytest.mark.parametrize(
    ("image", "kind"), [(noise((1600, 1300), "RGBA"), "jpeg"), (picture("RGBA", (1600, 1300)), "png")]
)
def test_a_large_transparent_picture_is_a_png_only_if_that_fits(image: Image.Image, kind: str) -> None:
    image.putalpha(Image.linear_gradient("L").resize(image.size))

    assert auto(written(image, "TIFF"), max_bytes=2_000_000).facts.kind == kind


def test_bytes_that_break_the_rule_are_never_confirmed() -> None:
    assert confirmed(drawn(), max_bytes=LIMIT).kind == "jpeg"
    with pytest.raises(RuntimeError, match="outside the rule"):
        confirmed(drawn("L"), max_bytes=LIMIT)


def test_a_transparent_palette_and_a_transparent_colour_are_understood() -> None:
    data = drawn("L", "PNG", transparency=picture("L").getpixel((0, 0)))

    image = seen(auto(data))

    assert [image.getpixel(at)[3] for at in ((2, 2), (35, 25))] == [0, 255]  # type: ignore[index]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "AVIF", "PNG"])
def test_of_an_animation_the_first_frame_is_sent(form: str) -> None:
    data = written(FRAMES[0], form, save_all=True, append_images=FRAMES[1:])

    result = auto(data)

    assert near(seen(result).getpixel((9, 9)), (255, 0, 0))
    assert "first frame of 3" in result.changes


def test_too_many_bytes_cost_quality_first_and_pixels_only_then() -> None:
    data = written(noise((500, 400)), "JPEG", quality=98)

    limits = (len(data) - 1, 120_000, 60_000, 20_000)
    steps = [auto(data, max_bytes=limit) for limit in limits]

    assert [seen(each).size == (500, 400) for each in steps] == [True, True, False, False]
    assert all(limit * 0.6 < len(each.data) <= limit for each, limit in zip(steps[1:], limits[1:], strict=True))


def test_a_smaller_picture_keeps_its_shape_and_says_how_small_it_is() -> None:
    result = auto(written(noise((900, 300)), "PNG"), max_bytes=20_000)

    width, height = seen(result).size
    assert abs(width / height - 3) < 0.05
    assert f"900x300→{width}x{height} pixels" in result.changes
    assert any(change.startswith("0.8 MB→") for change in result.changes)


def test_what_fits_nowhere_is_refused_and_not_sent_as_a_blot() -> None:
    with pytest.raises(Unusable) as refusal:
        auto(drawn(form="WEBP", size=(400, 300)), max_bytes=200)

    assert [flaw.code for flaw in refusal.value.flaws] == ["too_large"]


@pytest.mark.parametrize("data", [drawn(), drawn(form="PNG"), drawn("RGBA", "PNG"), drawn(progressive=True)])
def test_a_compliant_upright_picture_goes_as_it_is(data: bytes) -> None:
    result = auto(data)

    assert (result.data, result.changes) == (data, ())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_equal_bytes_give_equal_bytes(form: str) -> None:
    data = written(noise((120, 90)), form)

    assert auto(data, 9_000) == auto(data, 9_000)


@pytest.mark.parametrize("form", ["HEIF", "AVIF", "WEBP"])
def test_a_phone_s_photo_becomes_a_jpeg_and_the_place_is_gone(form: str) -> None:
    data = written(picture(), form, exif=EXIF + GPS)
    assert b"II*\0" in data

    result = auto(data)

    assert (result.facts.kind, result.changes[1:]) == ("jpeg", ("metadata removed",))
    assert not {b"Exif", b"II*\0"} & {result.data[at : at + 4] for at in range(len(result.data))}


def test_the_reason_of_a_refusal_comes_before_what_could_be_mended() -> None:
    data = b"GIF89a\xff\xff\xff\xff\0\0\0,"

    with pytest.raises(Unusable) as refusal:
        auto(data)

    assert [flaw.code for flaw in refusal.value.flaws] == ["too_many_pixels", "wrong_kind"]


def test_under_strict_nothing_is_changed_but_the_tail() -> None:
    lies = drawn(exif=EXIF + lying(6))

    result = normalise(lies + b"PK\3\4", "strict", max_bytes=LIMIT)

    assert (result.data, result.changes) == (lies, ("tail of 4 bytes cut",))
    assert inspect(result.data).facts.orientation == 6


@pytest.mark.parametrize(("tail", "codes"), [(0, []), (LIMIT - SMALL, []), (LIMIT - SMALL + 1, ["too_large"])])
def test_under_strict_a_tail_counts_as_it_came_although_it_would_be_cut(tail: int, codes: list[str]) -> None:
    data = drawn(size=(8, 8))[:SMALL].ljust(SMALL, b"\0") + bytes(tail)

    strict, auto = (plan(inspect(data), len(data), way, max_bytes=LIMIT) for way in ("strict", "auto"))

    assert [flaw.code for flaw in strict.flaws] == codes
    assert (strict.step, auto.step) == ("refuse" if codes else "trim", "trim")


def test_a_place_is_noted_under_strict_and_gone_under_auto() -> None:
    exif = Image.Exif()
    exif._ifds[0x8825] = {1: "S", 2: (6.0, 48.0, 0.0)}
    data = drawn(exif=exif.tobytes())

    strict, gone = normalise(data, "strict", max_bytes=LIMIT), auto(data)

    assert ([note.code for note in strict.notes], gone.notes) == (["gps"], ())
    assert gone.changes == ("metadata removed",)
