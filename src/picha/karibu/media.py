"""Uploads of pictures: what is asked for, and what our API tells about them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from picha.karibu.sends import MEDIA_URL_MAX_CHARS, ImagePolicy
from picha.karibu.shape import read

_HINTS = {
    "url": f"url is the picture's https address, 1 to {MEDIA_URL_MAX_CHARS} characters of text.",
    "image_policy": "image_policy is auto or strict.",
}


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something worth knowing of a picture that keeps it from nothing: a stable `code` and a sentence.

    Codes: gps (it carries the place where it was taken), stray_bytes, wrong_name and wrong_type (the file's name, or
    the Content-Type it came with, says another kind than the bytes are).
    """

    code: str
    message: str


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """What a picture was before it was changed; `width` and `height` are null where its header does not tell."""

    mime_type: str
    size_bytes: int
    width: int | None = None
    height: int | None = None


class MediaFromUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A picture to take in from an address.

    - `url`: an https address that anybody may fetch
    - `image_policy`: auto makes it fit where it is not, strict refuses it
    """

    url: Annotated[str, Meta(min_length=1, max_length=MEDIA_URL_MAX_CHARS)]
    image_policy: ImagePolicy = "auto"


class MediaUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A picture to take in, as the parts of a multipart body; `file` has a filename, whatever it is.

    - `image_policy`: auto makes it fit where it is not, strict refuses it
    """

    file: Annotated[str, Meta(extra_json_schema={"format": "binary"}, description="The picture's bytes.")]
    image_policy: ImagePolicy = "auto"


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that can be sent by its `file_id`; its facts are those of the bytes that will be sent.

    - `file_id`: names it in sends and paths
    - `sha256`: hexadecimal
    - `width`: in pixels
    - `height`: in pixels
    - `changes`: how these bytes differ from those that came
    - `notes`: there where something is worth knowing of it
    - `original`: what came, where other bytes will be sent
    - `original_file_id`: names the bytes that came, where they are kept: they can be fetched, not sent
    - `expires_at`: until when it can be sent
    """

    file_id: str
    mime_type: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    changes: list[str] = []
    notes: list[Note] | msgspec.UnsetType = msgspec.UNSET
    original: Original | msgspec.UnsetType = msgspec.UNSET
    original_file_id: str | msgspec.UnsetType = msgspec.UNSET
    expires_at: datetime


class MediaDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that cannot be named by its `file_id` any more."""

    file_id: str
    deleted: bool = True


def decode_from_url(body: bytes) -> MediaFromUrl:
    """Return the picture that `body` asks to take in; raises `Malformed`."""
    return read(body, MediaFromUrl, _HINTS)
