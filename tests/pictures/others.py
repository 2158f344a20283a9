"""Files of every other kind, pictures and not, odd and hostile, each with its verdict."""

import io
import struct
import zipfile

import pillow_heif
from PIL import Image, ImageDraw
from tests.pictures.making import drawn, exif, fixed, lying, noise, picture, written

pillow_heif.register_heif_opener()

RGBA = picture("RGBA")
RGBA.putalpha(Image.linear_gradient("L").resize(RGBA.size))
FRAMES = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
HEIC = written(picture(), "HEIF")


def _animation(form: str, **options: object) -> bytes:
    return written(FRAMES[0], form, save_all=True, append_images=FRAMES[1:], **options)


def _hole() -> Image.Image:
    image = picture("P")
    image.info["transparency"] = image.getpixel((0, 0))
    return image


def _archive(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "text")
    return out.getvalue()


def _bmp(bits: int, width: int = 4, height: int = 4, compression: int = 0, body: bytes = bytes(400)) -> bytes:
    table = bytes(4 << bits) if bits <= 8 else b""
    start = 54 + len(table)
    head = struct.pack("<IHHI", start + len(body), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, 0, 0)
    return b"BM" + head + info + table + body


def _tiff(**options: object) -> bytes:
    return written(picture(), "TIFF", **options)


def _tiff_loop() -> bytes:
    data = bytearray(_tiff())
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    return bytes(data)


def _tiff_late() -> bytes:
    """Return a TIFF whose directory comes behind 300 kB of pixels."""
    data = written(noise((400, 300)), "TIFF")
    start, end = 8, 8 + 2 + 12 * struct.unpack_from("<H", data, 8)[0] + 4
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + data[start:end]


def _claimed(kind: bytes, width: int, height: int) -> bytes:
    return b"\0\0\0\x18ftyp" + kind + b"\0\0\0\0mif1" + kind + b"ispe\0\0\0\0" + struct.pack(">II", width, height)


def _webp_claimed(width: int, height: int) -> bytes:
    body = b"VP8X\x0a\0\0\0\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _gif_wider_than_its_screen() -> bytes:
    data = bytearray(drawn(form="GIF"))
    struct.pack_into("<HH", data, 6, 2, 2)
    return bytes(data)


def _text_picture() -> Image.Image:
    image = Image.new("RGB", (300, 60), "white")
    ImageDraw.Draw(image).text((10, 20), "Jumla TSh 8,900", fill="black")
    return image


OTHERS = [
    *(
        fixed(f"{form.lower()}-plain", drawn(form=form), "wrong_kind", "redraw")
        for form in ("WEBP", "GIF", "BMP", "TIFF", "AVIF")
    ),
    fixed("heic-plain", HEIC, "wrong_kind", "redraw"),
    *(fixed(f"{form.lower()}-veiled", written(RGBA, form), "wrong_kind", "redraw") for form in ("WEBP", "TIFF", "AVIF", "HEIF")),
    *(
        fixed(f"{form.lower()}-lying-{way}", drawn(form=form, exif=lying(way)), "wrong_kind", "redraw")
        for form in ("WEBP", "AVIF", "HEIF")
        for way in (3, 6)
    ),
    fixed("webp-lossless", drawn(form="WEBP", lossless=True), "wrong_kind", "redraw"),
    fixed("webp-animated", _animation("WEBP"), "wrong_kind", "redraw"),
    fixed("webp-cut", drawn(form="WEBP")[:-20], "wrong_kind", "broken"),
    fixed("webp-16384-square", _webp_claimed(16_384, 16_384), "wrong_kind", "refuse"),
    fixed("webp-hollow", _webp_claimed(40, 30), "wrong_kind", "broken"),
    fixed("webp-form-unknown", b"RIFF\x10\0\0\0WEBPVP9 \0\0\0\0", "wrong_kind", "broken"),
    fixed("webp-head-only", b"RIFF\x10\0\0\0WEBP", "wrong_kind", "broken"),
    fixed("gif-grey", drawn("L", "GIF"), "wrong_kind", "redraw"),
    fixed("gif-hole", written(_hole(), "GIF"), "wrong_kind", "redraw"),
    fixed("gif-animated", _animation("GIF"), "wrong_kind", "redraw"),
    fixed("gif-animated-hole", _animation("GIF", disposal=2, transparency=0), "wrong_kind", "redraw"),
    fixed("gif-cut", drawn(form="GIF")[:-9], "wrong_kind", "broken"),
    fixed("gif-head-only", b"GIF89a", "wrong_kind", "broken"),
    fixed("gif-no-frame", b"GIF89a\4\0\4\0\0\0\0;", "wrong_kind", "broken"),
    fixed("gif-zero", b"GIF89a\0\0\0\0\0\0\0;", "wrong_kind", "broken"),
    fixed("gif-65535-square", b"GIF89a\xff\xff\xff\xff\0\0\0,", "wrong_kind", "refuse"),
    fixed("gif-wider-than-its-screen", _gif_wider_than_its_screen(), "wrong_kind", "redraw"),
    fixed("gif-tail", drawn(form="GIF") + b"PK\3\4", "wrong_kind", "redraw"),
    *(fixed(f"bmp-{bits}bit", _bmp(bits), "wrong_kind", "redraw") for bits in (1, 4, 8, 16, 24, 32)),
    fixed("bmp-top-down", _bmp(24, height=-4), "wrong_kind", "redraw"),
    fixed("bmp-runs", _bmp(8, compression=1, body=b"\4\1\0\0" * 4 + b"\0\1"), "wrong_kind", "redraw"),
    fixed("bmp-bits-of-no-kind", _bmp(24)[:28] + b"\7" + _bmp(24)[29:], "wrong_kind", "broken"),
    fixed("bmp-cut", _bmp(24)[:70], "wrong_kind", "broken"),
    fixed("bmp-huge", _bmp(24, width=2**31 - 1, height=2**31 - 1), "wrong_kind", "refuse"),
    fixed("bmp-zero", _bmp(24, width=0), "wrong_kind", "broken"),
    *(
        fixed(f"tiff-{mode.replace(';', '-').lower()}", drawn(mode, "TIFF"), "wrong_kind", "redraw")
        for mode in ("1", "L", "LA", "P", "PA", "I;16", "I", "F", "CMYK", "LAB", "YCbCr", "RGBX")
    ),
    *(
        fixed(f"tiff-{packing}", _tiff(compression=packing), "wrong_kind", "redraw")
        for packing in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "zstd", "lzma")
    ),
    fixed("tiff-fax", drawn("1", "TIFF", compression="group4"), "wrong_kind", "redraw"),
    *(fixed(f"tiff-lying-{way}", _tiff(tiffinfo={274: way}), "wrong_kind", "redraw") for way in (2, 5, 6, 8)),
    fixed("tiff-pages", _animation("TIFF"), "wrong_kind", "redraw"),
    fixed("tiff-loop", _tiff_loop(), "wrong_kind", "redraw"),
    fixed("tiff-directory-behind", _tiff_late(), "wrong_kind", "redraw"),
    fixed("tiff-big", _tiff(big_tiff=True), "wrong_kind", "redraw"),
    fixed("tiff-big-endian-head", exif((256, 4, 1, 4), order=">"), "wrong_kind", "broken"),
    fixed("tiff-huge", exif((256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1)), "wrong_kind", "refuse"),
    fixed("tiff-no-directory", b"II*\0\xff\xff\xff\xff", "wrong_kind", "broken"),
    fixed("tiff-cut", _tiff()[:-900], "wrong_kind", "broken"),
    fixed("heic-cut", HEIC[:-30], "wrong_kind", "broken"),
    fixed("heic-cut-in-head", HEIC[:60], "wrong_kind", "broken"),
    fixed("heic-hollow", _claimed(b"heic", 40, 30), "wrong_kind", "broken"),
    fixed("heic-65535-square", _claimed(b"heic", 65_535, 65_535), "wrong_kind", "refuse"),
    fixed("heic-several", _animation("HEIF"), "wrong_kind", "redraw"),
    fixed("avif-sequence", _animation("AVIF"), "wrong_kind", "redraw"),
    fixed("avif-cut", drawn(form="AVIF")[:-20], "wrong_kind", "broken"),
    fixed("avif-hollow", _claimed(b"avif", 40, 30), "wrong_kind", "broken"),
    fixed("avif-65535-square", _claimed(b"avif", 65_535, 65_535), "wrong_kind", "refuse"),
    fixed("webp-of-text", written(_text_picture(), "WEBP"), "wrong_kind", "redraw"),
    fixed("svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "wrong_kind", "refuse"),
    fixed("svg-xml", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "wrong_kind", "refuse"),
    *(
        fixed(name, data, "not_an_image", "refuse")
        for name, data in {
            "pdf": b"%PDF-1.7\n", "html": b"<!doctype html><p>404", "html-late": b"\n\n  <html><body>Not found",
            "zip": _archive("a.txt"), "docx": _archive("word/document.xml"), "json": b'{"error": "AccessDenied"}',
            "xml": b"<?xml version='1.0'?><Error/>", "text": b"Dear customer", "utf-16": "Dear customer".encode("utf-16"),
            "empty": b"", "one-byte": b"\xff", "zeros": bytes(4096), "ones": b"\xff" * 4096, "elf": b"\x7fELF\2\1\1" + bytes(60),
            "video": b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "sound": b"RIFF\x24\0\0\0WAVEfmt ", "ico": b"\0\0\1\0\1\0\x10\x10" + bytes(30),
            "jpeg-start-only": b"\xff\xd8", "jpeg-xl": b"\xff\x0a" + bytes(30), "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(30),
            "psd": b"8BPS\0\1" + bytes(30), "gif-of-no-version": b"GIF88a" + bytes(30), "png-by-ftp-text-mode": b"\x89PNG\n\x1a\n" + bytes(30),
            "picture-in-base64": b"iVBORw0KGgoAAAANSUhEUgAA", "picture-behind-a-newline": b"\n" + drawn(),
        }.items()
    ),
]  # fmt: skip
