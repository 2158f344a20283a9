"""What may stand for a picture in a call, and how its bytes are written as multipart/form-data (RFC 7578)."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from picha.karibu.media import Media
from picha.sdk.errors import BodyTooLargeError

UPLOAD_MAX_BYTES = 32 * 1024 * 1024
"""The largest picture that a gateway looks at; a larger one is refused here, before it is on its way."""

Image = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO | UUID | Media
"""A picture: its bytes, a file or its path, the address of one, the file_id of an upload or what that answered with.

A text is an address when it begins with http:// or https://, a file_id when it is a UUID, and a path otherwise.
"""

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_FILE_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a picture."""

    url: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A picture that was uploaded before."""

    file_id: str


@dataclass(frozen=True, slots=True)
class Bytes:
    """A picture to upload, which is read when it is needed."""

    image: bytes | Path | BinaryIO

    def load(self) -> tuple[bytes, str]:
        """Return the bytes and a name for them.

        Raises:
            BodyTooLargeError: they are more than `UPLOAD_MAX_BYTES`.
            OSError: the file cannot be read.
        """
        image = self.image
        if isinstance(image, bytes):
            data, name = image, "picture"
        elif isinstance(image, Path):
            with image.open("rb") as file:
                data, name = file.read(UPLOAD_MAX_BYTES + 1), image.name
        else:
            data, name = image.read(UPLOAD_MAX_BYTES + 1), Path(str(getattr(image, "name", "picture"))).name
        if not isinstance(data, bytes):
            raise TypeError("The file is open as text: open it with mode 'rb'.")
        if len(data) > UPLOAD_MAX_BYTES:
            message = f"The picture has more than the {UPLOAD_MAX_BYTES:,} bytes that are taken; save it smaller."
            raise BodyTooLargeError(message, field="file")
        return data, name or "picture"


def understood(image: Image) -> Address | Filed | Bytes:
    """Return what `image` stands for; raises `TypeError` for what cannot be a picture."""
    match image:
        case bytes() | bytearray() | memoryview():
            return Bytes(bytes(image))
        case Media():
            return Filed(image.file_id)
        case UUID():
            return Filed(str(image))
        case str():
            return _spelled(image)
        case os.PathLike():
            return Bytes(Path(image))
    if hasattr(image, "read"):
        return Bytes(image)
    message = f"An image is bytes, a path, a file opened with 'rb', an https address or a file_id, not {type(image)}."
    raise TypeError(message)


def _spelled(text: str) -> Address | Filed | Bytes:
    if _ADDRESS.match(text):
        return Address(text)
    return Filed(text) if _FILE_ID.fullmatch(text) else Bytes(Path(text))


def multipart(data: bytes, name: str, image_policy: str | None, boundary: str) -> tuple[bytes, ...]:
    """Return the body of an upload in pieces; `boundary` occurs in no picture."""
    head = ""
    if image_policy is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image_policy"\r\n\r\n{image_policy}\r\n'
    # What the bytes are is for the gateway to see; a type is not claimed.
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(name)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode(), data, f"\r\n--{boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    """Return a file name as browsers write it between quotes (WHATWG, multipart/form-data encoding algorithm)."""
    text = name.encode("utf-8", "replace").decode()
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
