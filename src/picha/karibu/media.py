"""What our API tells about an uploaded picture."""

from datetime import datetime

import msgspec


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that can be sent by its `file_id` until `expires_at`.

    `sha256` is hexadecimal and, like `size_bytes`, `width` and `height` (pixels), of the bytes that will be sent;
    `changes` tells how they differ from the bytes that came.
    """

    file_id: str
    mime_type: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    changes: list[str] = []
    expires_at: datetime
