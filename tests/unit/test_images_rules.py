"""The walk over whole files, and what WhatsApp's rule makes of it."""

import io
import struct
import zlib

import pytest
from PIL import Image

from picha.images.probe import inspect
from picha.images.rules import verdict

LIMIT = 5_242_880


def drawn(mode: str = "RGB", form: str = "JPEG", size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    image = Image.effect_noise(size, 80).convert(mode) if mode != "RGBA" else Image.new("RGBA", size, (9, 99, 199, 50))
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def codes(data: bytes, *, size: int | None = None) -> list[str]:
    return [flaw.code for flaw in verdict(inspect(data), size or len(data), max_bytes=LIMIT)]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width: int = 4, height: int = 4, depth: int = 8, colour: int = 2, rest: bytes = b"\0\0\0") -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBB", width, height, depth, colour) + rest)


IDAT = chunk(b"IDAT", zlib.compress(bytes(4 * (1 + 4 * 3))))
IEND = chunk(b"IEND")
SOF = b"\xff\xc0\0\x11\x08\0\x04\0\x04\x03\x01\x11\0\x02\x11\0\x03\x11\0"
SOS = b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0"
EOI = b"\xff\xd9"


def jpeg(*parts: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(parts)


SOUND = [
    drawn(),
    drawn(progressive=True),
    drawn(restart_marker_blocks=1),
    drawn(form="PNG"),
    drawn("RGBA", "PNG"),
    png(header(), IDAT, IEND),
    png(header(), IDAT, IDAT, IEND),
    jpeg(SOF, SOS, b"ab\xff\x00cd\xff\xd0ef\xff\xd7", EOI),
    jpeg(b"\xff\xff\xff", SOF, SOS, b"ab", SOS, b"cd\xff\xff\xff", EOI),
]


@pytest.mark.parametrize("data", SOUND)
def test_a_sound_file_inside_the_rule_has_no_flaw_and_no_note_and_ends_where_it_ends(data: bytes) -> None:
    inspection = inspect(data)

    assert (inspection.flaws, inspection.notes, inspection.end) == ((), (), len(data))
    assert verdict(inspection, len(data), max_bytes=LIMIT) == ()


@pytest.mark.parametrize("data", SOUND)
def test_bytes_behind_the_end_are_noted_and_the_true_end_is_told(data: bytes) -> None:
    inspection = inspect(data + b"\xff\xd8 a second picture \xff\xd9")

    assert ([note.code for note in inspection.notes], inspection.end) == (["trailing_bytes"], len(data))
    assert inspection.flaws == ()


@pytest.mark.parametrize("data", SOUND)
def test_a_file_cut_anywhere_behind_its_signature_is_truncated(data: bytes) -> None:
    for end in range(8, len(data)):
        assert "truncated" in [flaw.code for flaw in inspect(data[:end]).flaws], end


def test_an_animated_png_is_refused_although_pillow_calls_it_rgb() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])

    assert codes(out.getvalue()) == ["animated"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (drawn("L"), ["colour"]),
        (drawn("CMYK"), ["colour"]),
        (drawn("L", "PNG"), ["colour"]),
        (drawn("LA", "PNG"), ["colour"]),
        (drawn("P", "PNG"), ["colour"]),
        (drawn("1", "PNG"), ["bit_depth", "colour"]),
        (png(header(depth=16), IDAT, IEND), ["bit_depth"]),
        (png(header(depth=16, colour=6), IDAT, IEND), ["bit_depth"]),
        (jpeg(SOF.replace(b"\x08", b"\x0c", 1), SOS, b"ab", EOI), ["bit_depth"]),
        (drawn(form="WEBP"), ["wrong_kind"]),
        (drawn(form="GIF"), ["wrong_kind"]),
        (drawn(form="BMP"), ["wrong_kind"]),
        (drawn(form="TIFF"), ["wrong_kind"]),
        (drawn(form="AVIF"), ["wrong_kind"]),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ["wrong_kind"]),
        (b"no picture", ["not_an_image"]),
        (b"<!doctype html>\n<p>404", ["not_an_image"]),
        (b'{"a":1}', ["not_an_image"]),
        (b"%PDF-1.4", ["not_an_image"]),
        (b"", ["not_an_image"]),
        (bytes(50), ["not_an_image"]),
    ],
)
def test_what_lies_outside_the_rule_is_refused_for_exactly_that(data: bytes, expected: list[str]) -> None:
    assert codes(data) == expected


@pytest.mark.parametrize(("size", "expected"), [(LIMIT, []), (LIMIT + 1, ["too_large"])])
def test_the_largest_size_is_taken_and_one_byte_more_is_not(size: int, expected: list[str]) -> None:
    assert codes(SOUND[0], size=size) == expected


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (jpeg(SOF, SOS, b"ab", SOF, EOI), "corrupt"),
        (jpeg(SOF, SOF, SOS, b"ab", EOI), "corrupt"),
        (jpeg(SOF, EOI), "corrupt"),
        (jpeg(b"\xff\xe0\0\x04ab", EOI), "corrupt"),
        (jpeg(SOS, b"ab", SOF, EOI), "corrupt"),
        (jpeg(SOF, SOS, b"ab\xff\x05\0\x02", EOI), "corrupt"),
        (jpeg(b"\xff\xd8", SOF, SOS, b"ab", EOI), "corrupt"),
        (jpeg(b"\xff\xe0\0\0", SOF, SOS, b"ab", EOI), "corrupt"),
        (jpeg(b"\xff\xc0\0\x08\x08\0\x04\0\x04\x03", SOS, b"ab", EOI), "corrupt"),
        (jpeg(SOF.replace(b"\x08\0\x04", b"\x08\0\0"), SOS, b"ab", EOI), "zero_size"),
        (jpeg(SOF.replace(b"\xc0", b"\xc3"), SOS, b"ab", EOI), "coding"),
        (jpeg(SOF.replace(b"\xc0", b"\xc9"), SOS, b"ab", EOI), "coding"),
        (jpeg(b"\xff\xfe\0\x02" * 10_001, SOF, SOS, b"ab", EOI), "too_many_parts"),
        (png(header(), IDAT[:-1] + b"\0", IEND), "corrupt"),
        (png(header(), header(), IDAT, IEND), "corrupt"),
        (png(chunk(b"gAMA", b"\0\0\0\1"), header(), IDAT, IEND), "corrupt"),
        (png(header(), IEND), "corrupt"),
        (png(header(colour=3), IDAT, IEND), "corrupt"),
        (png(header(colour=5), IDAT, IEND), "corrupt"),
        (png(header(depth=4), IDAT, IEND), "corrupt"),
        (png(header(rest=b"\1\0\0"), IDAT, IEND), "corrupt"),
        (png(header(width=2**31), IDAT, IEND), "corrupt"),
        (png(header(), IDAT, chunk(b"tEXt"), IDAT, IEND), "corrupt"),
        (png(header(), chunk(b"a\0\0b"), IDAT, IEND), "corrupt"),
        (png(chunk(b"IHDR", b"short"), IDAT, IEND), "corrupt"),
        (png(header(width=0), IDAT, IEND), "zero_size"),
        (png(header(height=0), IDAT, IEND), "zero_size"),
        (png(header(), chunk(b"tEXt") * 10_000, IDAT, IEND), "too_many_parts"),
    ],
)
def test_a_file_that_contradicts_its_format_is_refused(data: bytes, code: str) -> None:
    assert code in codes(data)


def test_stray_bytes_between_segments_are_noted_as_decoders_skip_them() -> None:
    inspection = inspect(jpeg(b"\xff\xe0\0\x04ab", b"\0\0\0", SOF, SOS, b"ab", EOI))

    assert ([note.code for note in inspection.notes], inspection.flaws) == (["stray_bytes"], ())


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_place_where_a_picture_was_taken_is_noted(form: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "S"
    exif._ifds[0x8825] = {1: "S", 2: (6.0, 48.0, 0.0)}

    inspection = inspect(drawn(form=form, exif=exif.tobytes()))

    assert ([note.code for note in inspection.notes], inspection.flaws) == (["gps"], ())


XMP = b'<rdf:Description exif:GPSLatitude="6,48.0S" exif:GPSLongitude="39,17.0E"/>'


@pytest.mark.parametrize(("text", "noted"), [(XMP, ["gps"]), (XMP.replace(b"GPS", b""), [])])
def test_a_place_that_is_told_in_xmp_is_noted_as_well(text: bytes, noted: list[str]) -> None:
    photo, drawing = drawn("RGB", "JPEG"), drawn("RGB", "PNG")
    body = b"http://ns.adobe.com/xap/1.0/\0" + text
    app1 = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    itxt = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + text)

    for data in (photo[:2] + app1 + photo[2:], drawing[:33] + itxt + drawing[33:]):
        assert [note.code for note in inspect(data).notes] == noted


def test_a_file_broken_in_many_places_is_told_once_a_kind() -> None:
    broken = IDAT[:-1] + b"\0"

    assert codes(png(header(), *[broken] * 500, IEND)) == ["corrupt"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Dear customer", "These bytes are plain text, not a picture."),
        (b"", "There are no bytes at all."),
        (drawn(form="WEBP"), "This is a WebP picture; WhatsApp takes JPEG and PNG."),
        (drawn("P", "PNG"), "This PNG uses a colour palette; WhatsApp takes RGB and RGBA."),
        (png(header(depth=16), IDAT, IEND), "This PNG has 16 bits a channel; WhatsApp takes 8."),
    ],
)
def test_a_message_says_what_came(data: bytes, words: str) -> None:
    [flaw] = verdict(inspect(data), len(data), max_bytes=LIMIT)

    assert flaw.message == words
    assert flaw.remedy


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (jpeg(SOF, SOS, b"ab", SOF, EOI), "A frame header follows a scan."),
        (jpeg(SOF, SOF, SOS, b"ab", EOI), "The JPEG has several frame headers."),
        (png(header(), IDAT[:-1] + b"\0", IEND), "The checksum of the chunk at offset 33 is wrong."),
        (png(header()), "The PNG ends after 33 bytes, before its end mark."),
    ],
)
def test_a_flaw_of_the_file_says_where_it_breaks(data: bytes, words: str) -> None:
    assert [flaw.message for flaw in inspect(data).flaws] == [words]


def test_a_size_is_told_in_bytes() -> None:
    [flaw] = verdict(inspect(SOUND[0]), LIMIT + 1, max_bytes=LIMIT)

    assert flaw.message == "The file has 5,242,881 bytes; WhatsApp takes 5,242,880 at most."


@pytest.mark.parametrize(("tail", "remedy"), [(False, "Save it with fewer pixels"), (True, "Cut what follows the end")])
def test_what_makes_a_file_too_large_decides_what_to_do_about_it(*, tail: bool, remedy: str) -> None:
    data = png(header(), chunk(b"IDAT", zlib.compress(bytes(100_000))), IEND)
    filler = chunk(b"fill", bytes(LIMIT))
    data = data + filler if tail else data[: -len(IEND)] + filler + IEND

    [flaw] = [flaw for flaw in verdict(inspect(data), len(data), max_bytes=LIMIT) if flaw.code == "too_large"]

    assert flaw.remedy.startswith(remedy)
