"""Media on Meta's wire: the answers to upload, describe and delete, and the two spellings of a digest."""

import base64
import re

import msgspec

from picha.cloudapi.fields import always, decoded

_HEX = re.compile(r"[0-9A-Fa-f]{64}\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=\Z")


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to an upload: the id (digits only) under which the bytes can be sent for 30 days."""

    id: str


class MediaDescription(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Meta tells about one media id; `url` lives five minutes and wants the bearer token.

    Meta documents `file_size` as a string and sends a number at times; `sha256` is base64 or hexadecimal. Use `size`
    and `digest`, which read both.
    """

    messaging_product: str = always("whatsapp")
    url: str
    mime_type: str
    sha256: str
    file_size: int | str
    id: str

    @property
    def size(self) -> int:
        """The size in bytes.

        Raises:
            ValueError: what Meta wrote is no size.
        """
        text = str(self.file_size)
        if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004 - far beyond any medium
            raise ValueError("file_size is not a number of bytes")
        return int(text)

    @property
    def digest(self) -> bytes:
        """The 32 bytes of the SHA-256.

        Raises:
            ValueError: what Meta wrote is no such digest.
        """
        return digest_of(self.sha256)


class SuccessAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of calls that have nothing to tell but that they worked."""

    success: bool


_upload = msgspec.json.Decoder(UploadAnswer)
_description = msgspec.json.Decoder(MediaDescription)
_success = msgspec.json.Decoder(SuccessAnswer)


def decode_upload_answer(body: bytes) -> UploadAnswer:
    """Return the upload answer that `body` spells; msgspec's errors tell what is wrong with it."""
    return decoded(_upload, body)


def decode_description(body: bytes) -> MediaDescription:
    """Return the media description that `body` spells; msgspec's errors tell what is wrong with it."""
    return decoded(_description, body)


def decode_success(body: bytes) -> SuccessAnswer:
    """Return the success answer that `body` spells; msgspec's errors tell what is wrong with it."""
    return decoded(_success, body)


def digest_of(text: str) -> bytes:
    """Return the 32 bytes of a SHA-256 written in base64 (Meta's image webhook reference) or in 64 hexadecimal digits.

    Raises:
        ValueError: the text is neither.
    """
    if _HEX.match(text):
        return bytes.fromhex(text)
    if _BASE64.match(text):
        return base64.b64decode(text)
    raise ValueError("a SHA-256 is written as 44 characters of base64 or 64 hexadecimal digits")


def digest_text(digest: bytes) -> str:
    """Return a digest as Meta's webhooks write it: standard base64 with its padding."""
    return base64.b64encode(digest).decode()
