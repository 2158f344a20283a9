"""JPEG files, odd and hostile, each with its verdict."""

from itertools import pairwise

from PIL import ImageCms
from tests.pictures.making import (
    EOI,
    GPS,
    LIMIT,
    SOF,
    SOS,
    Odd,
    drawn,
    exif,
    fixed,
    inserted,
    jpeg,
    lying,
    noise,
    resized,
    segment,
    written,
)  # fmt: skip
from tests.pictures.pngs import TAILS

from picha.images.jpeg import segments

PLAIN = drawn()
PROGRESSIVE = drawn(progressive=True)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0\1\1"


def _app1(structure: bytes) -> bytes:
    return inserted(PLAIN, segment(0xE1, EXIF + structure))


def _patched(old: bytes, new: bytes, data: bytes = PLAIN) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


def _cuts(data: bytes, name: str) -> list[Odd]:
    """Return the file cut before each marker, behind it, and in the middle of what follows."""
    starts = [each.start for each in segments(data)]
    ends = sorted(
        {at for start, after in pairwise([*starts, len(data)]) for at in (start, start + 2, (start + after) // 2)}
    )
    return [fixed(f"{name}-cut-{at}", data[:at], "truncated", "refuse") for at in ends if 2 < at < len(data)]


def scans(count: int) -> bytes:
    """Return 12 megapixels whose one coefficient is refined over and over: 60 KB and more, a minute of decoding."""
    data = drawn(size=(4000, 3000), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def _ycck() -> bytes:
    data = drawn("CMYK")
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\2" + data[at + 1 :]


def _exact(size: int) -> bytes:
    """Return a JPEG of exactly `size` bytes without metadata, filled up before a marker as T.81 allows."""
    at = PLAIN.index(b"\xff\xda")
    return PLAIN[:at] + b"\xff" * (size - len(PLAIN)) + PLAIN[at:]


def _without(marker: int, data: bytes = PLAIN) -> bytes:
    [gone] = [each for each in segments(data) if each.marker == marker][:1]
    return data[: gone.start] + data[gone.end :]


FRAME = PLAIN[PLAIN.index(b"\xff\xc0") :][:19]
TABLES = PLAIN.index(b"\xff\xc4")
LOOPS = {
    "self": exif((274, 3, 1, 1), following=8),
    "sub-self": exif((0x8769, 4, 1, 8), (0x8825, 4, 1, 8)),
    "sub-to-header": exif((0x8769, 4, 1, 0), (0xA005, 4, 1, 8)),
    "many-entries": b"II*\0\x08\0\0\0\xff\xff" + exif((274, 3, 1, 1))[10:22] * 400,
    "beyond": b"MM\0*\xff\xff\xff\xf0",
    "empty": b"",
    "short": b"II*\0\x08",
    "value-beyond": exif((274, 3, 3, 0xFFFF)),
    "text": b"this is no EXIF at all",
}

JPEGS = [
    fixed("jpeg-plain", PLAIN, "", "keep"),
    fixed("jpeg-progressive", PROGRESSIVE, "", "keep"),
    *(fixed(f"jpeg-{name.replace(':', '')}", drawn(subsampling=name), "", "keep") for name in ("4:4:4", "4:2:2", "4:2:0")),
    fixed("jpeg-restarts", drawn(restart_marker_blocks=1), "", "keep"),
    fixed("jpeg-one-pixel", drawn(size=(1, 1)), "", "keep"),
    fixed("jpeg-line", drawn(size=(2000, 1)), "", "keep"),
    fixed("jpeg-grey", drawn("L"), "colour", "redraw"),
    fixed("jpeg-grey-progressive", drawn("L", progressive=True), "colour", "redraw"),
    fixed("jpeg-cmyk", drawn("CMYK"), "colour", "redraw"),
    fixed("jpeg-cmyk-progressive", drawn("CMYK", progressive=True), "colour", "redraw"),
    fixed("jpeg-cmyk-profile-junk", drawn("CMYK", icc_profile=b"junk" * 40), "colour", "redraw"),
    fixed("jpeg-cmyk-profile-of-rgb", drawn("CMYK", icc_profile=SRGB), "colour", "redraw"),
    fixed("jpeg-ycck", _ycck(), "colour", "redraw"),
    fixed("jpeg-rgb-kept-as-rgb", drawn(keep_rgb=True), "", "keep"),
    fixed("jpeg-two-channels", jpeg(segment(0xC0, b"\x08\0\4\0\4\2\1\x11\0\2\x11\0"), SOS, b"ab", EOI), "colour", "refuse"),
    fixed("jpeg-five-channels", jpeg(segment(0xC0, b"\x08\0\4\0\4\5" + b"\1\x11\0" * 5), SOS, b"ab", EOI), "colour", "refuse"),
    fixed("jpeg-12-bit", _patched(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), "bit_depth", "refuse"),
    fixed("jpeg-16-bit", _patched(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x10"), "bit_depth", "refuse"),
    fixed("jpeg-extended", _patched(b"\xff\xc0", b"\xff\xc1"), "", "keep"),
    *(
        fixed(f"jpeg-frame-{marker:x}", _patched(b"\xff\xc0", bytes((0xFF, marker))), "coding", "broken")
        for marker in (0xC3, 0xC5, 0xC6, 0xC7, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
    ),
    fixed("jpeg-arithmetic", _patched(b"\xff\xc0", b"\xff\xc9"), "coding", "redraw"),
    fixed("jpeg-zero-width", resized(PLAIN, 0, 30), "zero_size", "refuse"),
    fixed("jpeg-zero-height", resized(PLAIN, 40, 0), "zero_size", "refuse"),
    fixed("jpeg-height-told-late", resized(PLAIN, 40, 0)[:-2] + segment(0xDC, b"\0\x1e") + EOI, "zero_size", "refuse"),
    fixed("jpeg-30000-claimed", resized(PLAIN, 30_000, 1), "", "keep"),
    fixed("jpeg-30001-claimed", resized(PLAIN, 30_001, 1), "", "refuse"),
    fixed("jpeg-65535-square", resized(PLAIN, 65_535, 65_535), "", "refuse"),
    fixed("jpeg-two-frames", inserted(PLAIN, FRAME, at=TABLES), "corrupt", "refuse"),
    fixed("jpeg-frame-behind-scan", PLAIN[:-2] + FRAME + EOI, "corrupt", "refuse"),
    fixed("jpeg-frame-huge-behind-scan", PLAIN[:-2] + resized(FRAME, 65_535, 65_535) + EOI, "corrupt", "refuse"),
    fixed("jpeg-scan-before-frame", jpeg(SOS, b"ab", SOF, EOI), "corrupt", "refuse"),
    fixed("jpeg-no-frame", _without(0xC0), "corrupt", "refuse"),
    fixed("jpeg-no-scan", jpeg(SOF, EOI), "corrupt", "refuse"),
    fixed("jpeg-nothing-but-marks", jpeg(EOI), "corrupt", "refuse"),
    fixed("jpeg-two-starts", inserted(PLAIN, b"\xff\xd8"), "corrupt", "refuse"),
    fixed("jpeg-reserved-marker", inserted(PLAIN, segment(0x02, b"x")), "corrupt", "refuse"),
    fixed("jpeg-length-of-0", inserted(PLAIN, b"\xff\xe5\0\0"), "corrupt", "refuse"),
    fixed("jpeg-length-of-1", inserted(PLAIN, b"\xff\xe5\0\1"), "corrupt", "refuse"),
    fixed("jpeg-length-beyond", jpeg(b"\xff\xe1\xff\xffExif"), "truncated", "refuse"),
    fixed("jpeg-frame-length", jpeg(b"\xff\xc0\0\x08\x08\0\4\0\4\3", SOS, b"ab", EOI), "corrupt", "refuse"),
    fixed("jpeg-no-huffman-tables", jpeg(SOF, SOS, b"ab\xff\x00", EOI), "", "broken"),
    fixed("jpeg-no-quantisation", _without(0xDB), "", "broken"),
    fixed("jpeg-huffman-junk", inserted(PLAIN, segment(0xC4, b"\0" + b"\xff" * 200), at=TABLES), "", "broken"),
    fixed("jpeg-scan-of-strangers", _patched(b"\xff\xda\0\x0c\3\1", b"\xff\xda\0\x0c\3\7"), "", "broken"),
    fixed("jpeg-restart-flood", jpeg(SOF, SOS, b"\xff\xd0" * 200_000, EOI), "", "broken"),
    fixed("jpeg-comment-flood", inserted(PLAIN, b"\xff\xfe\0\2" * 10_001), "too_many_parts corrupt", "refuse"),
    fixed("jpeg-just-no-flood", inserted(PLAIN, b"\xff\xfe\0\2" * 9_980), "", "strip"),
    fixed("jpeg-scan-flood", PROGRESSIVE[:-2] + SOS * 10_001 + EOI, "too_many_parts", "refuse"),
    *_cuts(PLAIN, "jpeg"),
    *_cuts(PROGRESSIVE, "jpeg-progressive"),
    *(fixed(f"jpeg-tail-{name}", PLAIN + tail, "", "trim") for name, tail in TAILS.items()),
    *(
        fixed(f"jpeg-lying-{way}", drawn(exif=EXIF + lying(way)), "", "strip" if way == 1 else "redraw")
        for way in range(1, 9)
    ),
    *(fixed(f"jpeg-lying-{way}", drawn(exif=EXIF + lying(way)), "", "strip") for way in (0, 9, 255, 65_535)),
    *(fixed(f"jpeg-exif-{name}", _app1(structure), "", "strip") for name, structure in LOOPS.items()),
    fixed("jpeg-exif-big-endian", _app1(exif((274, 3, 1, 6), order=">")), "", "redraw"),
    fixed("jpeg-two-exifs", inserted(PLAIN, segment(0xE1, EXIF + lying(3)), segment(0xE1, EXIF + lying(6))), "", "redraw"),
    Odd("jpeg-exif-flood", lambda: inserted(PLAIN, segment(0xE1, EXIF + LOOPS["many-entries"]) * 900), "", "strip"),
    fixed("jpeg-gps", _app1(GPS), "", "strip"),
    fixed("jpeg-xmp", inserted(PLAIN, segment(0xE1, XMP + b"<x:xmpmeta/>")), "", "strip"),
    fixed("jpeg-xmp-that-says-sideways", inserted(PLAIN, segment(0xE1, XMP + b'<x tiff:Orientation="6"/>')), "", "strip"),
    fixed("jpeg-photoshop", inserted(PLAIN, segment(0xED, b"Photoshop 3.0\08BIM" + bytes(40))), "", "strip"),
    fixed("jpeg-multi-picture", inserted(PLAIN, segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0")) + PLAIN, "", "strip"),
    fixed("jpeg-content-credentials", inserted(PLAIN, segment(0xEB, b"JP\0\1" + bytes(60))), "", "strip"),
    fixed("jpeg-comment-html", inserted(PLAIN, segment(0xFE, b"<script>alert(1)</script>")), "", "strip"),
    fixed("jpeg-comment-behind-scan", PLAIN[:-2] + segment(0xFE, b"late") + EOI, "", "strip"),
    fixed("jpeg-jfif-thumbnail", _patched(PLAIN[2:20], segment(0xE0, PLAIN[6:18] + b"\2\2" + bytes(12))), "", "strip"),
    fixed("jpeg-jfif-extension", inserted(PLAIN, segment(0xE0, b"JFXX\0\x13\1\1abc"), at=20), "", "strip"),
    fixed("jpeg-jfif-short", _patched(PLAIN[2:20], segment(0xE0, b"JFIF\0\1")), "", "strip"),
    fixed("jpeg-no-jfif", PLAIN[:2] + PLAIN[20:], "", "keep"),
    fixed("jpeg-adobe-short", inserted(PLAIN, segment(0xEE, b"Adobe\0d")), "", "strip"),
    fixed("jpeg-profile", drawn(icc_profile=SRGB), "", "keep"),
    fixed("jpeg-profile-junk", inserted(PLAIN, segment(0xE2, ICC + b"junk" * 99)), "", "keep"),
    fixed("jpeg-profile-part-7-of-3", inserted(PLAIN, segment(0xE2, b"ICC_PROFILE\0\7\3abc")), "", "keep"),
    fixed("jpeg-profile-of-no-parts", inserted(PLAIN, segment(0xE2, b"ICC_PROFILE\0")), "", "broken"),
    fixed("jpeg-fill-bytes", _exact(len(PLAIN) + 1000), "", "keep"),
    fixed("jpeg-stray-bytes", PLAIN[:20] + b"stray" + PLAIN[20:], "", "keep"),
    fixed("jpeg-stray-bytes-and-comment", PLAIN[:20] + b"stray" + segment(0xFE, b"c") + PLAIN[20:], "", "strip"),
    fixed("jpeg-scan-shortened", PLAIN[:-40] + EOI, "", "keep"),
    fixed("jpeg-all-metadata-at-once", inserted(drawn(icc_profile=SRGB, comment=b"c"), segment(0xE1, EXIF + GPS), segment(0xED, b"x")) + b"tail", "", "strip"),
    Odd("jpeg-exact-size", lambda: _exact(LIMIT), "", "keep"),
    Odd("jpeg-one-byte-more", lambda: _exact(LIMIT + 1), "too_large", "redraw"),
    Odd("jpeg-too-large-by-metadata", lambda: inserted(PLAIN, segment(0xE7, bytes(65_000)) * 90), "too_large", "strip"),
    Odd("jpeg-noise", lambda: written(noise((2400, 1800)), "JPEG", quality=97), "too_large", "redraw"),
    Odd("jpeg-over-32-mib", lambda: PLAIN + bytes(32 * 1024 * 1024), "too_large", "refuse"),
]  # fmt: skip
