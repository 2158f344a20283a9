"""Meta's limits, handed on as values to the rooms that do not speak its language."""

from picha.cloudapi.limits import (
    CAPTION_MAX_CHARS,
    IMAGE_MAX_BYTES,
    IMAGE_MIME_TYPES,
    UPLOADED_MEDIA_LIFE,
    WEBHOOK_MAX_BYTES,
)

__all__ = ["CAPTION_MAX_CHARS", "IMAGE_MAX_BYTES", "IMAGE_MIME_TYPES", "UPLOADED_MEDIA_LIFE", "WEBHOOK_MAX_BYTES"]
