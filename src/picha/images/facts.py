"""What is known about a picture's bytes, and what is wrong with them."""

from typing import Literal

import msgspec

Kind = Literal[
    "jpeg", "png", "webp", "gif", "heic", "avif", "bmp", "tiff", "svg",
    "pdf", "html", "zip", "json", "text", "empty", "unknown",
]  # fmt: skip
Colour = Literal["grey", "rgb", "rgba", "palette", "grey-alpha", "cmyk", "ycck"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's header says. None stands wherever the bytes that were read do not tell.

    Sizes are pixels as stored, before `orientation` (1 to 8, as in EXIF) is applied; `bit_depth` is bits a channel.
    """

    kind: Kind
    mime_type: str | None = None
    width: int | None = None
    height: int | None = None
    bit_depth: int | None = None
    channels: int | None = None
    colour: Colour | None = None
    orientation: int | None = None
    animated: bool | None = None
    progressive: bool | None = None
    has_icc: bool | None = None

    @property
    def pixels(self) -> int:
        """How many pixels there are, 0 where the bytes do not tell."""
        return (self.width or 0) * (self.height or 0)


class Flaw(msgspec.Struct, frozen=True):
    """A reason why a file cannot go as it is: a stable code, what was found, and what to do about it.

    Codes: not_an_image, wrong_kind, too_large, animated, bit_depth, colour, coding, zero_size, too_many_parts,
    truncated, corrupt; and too_many_pixels, which is our own guard and not WhatsApp's rule.
    """

    code: str
    message: str
    remedy: str


class Note(msgspec.Struct, frozen=True):
    """Something worth knowing that keeps no file from going.

    Codes: trailing_bytes, stray_bytes, gps, wrong_name and wrong_type.
    """

    code: str
    message: str


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk over a whole file found; `end` is the offset behind the picture's last byte, in bytes.

    `metadata_bytes` are the bytes before `end` that can go without changing a pixel: EXIF, XMP, comments, text and the
    like, not the colour profile.
    """

    facts: Facts
    flaws: tuple[Flaw, ...] = ()
    notes: tuple[Note, ...] = ()
    end: int
    metadata_bytes: int = 0


class Unusable(Exception):  # noqa: N818 - an outcome about the bytes that came, not an error of ours
    """The bytes cannot become an image that WhatsApp takes; `flaws` say why, the weightiest first."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__(flaws)
        self.flaws = flaws

    def __str__(self) -> str:
        return " ".join(f"{flaw.message} {flaw.remedy}" for flaw in self.flaws)
