"""Meta's limits, handed on as values to the rooms that do not speak its language."""

from picha.cloudapi.limits import (
    CAPTION_MAX_CHARS,
    IMAGE_MAX_BYTES,
    IMAGE_MIME_TYPES,
    INBOUND_MEDIA_LIFE,
    MEDIA_ERRORS_MAX,
    MEDIA_ERRORS_WITHIN,
    MEDIA_MAX_BYTES,
    PAIR_BURST,
    PAIR_INTERVAL,
    SERVICE_WINDOW,
    TEXT_MAX_CHARS,
    UPLOADED_MEDIA_LIFE,
    UPLOADS_PER_SECOND,
    WEBHOOK_MAX_BYTES,
)
from picha.gateway.domain.pace import ErrorBudget, PairPace

__all__ = [
    "CAPTION_MAX_CHARS",
    "IMAGE_MAX_BYTES",
    "IMAGE_MIME_TYPES",
    "INBOUND_MEDIA_LIFE",
    "MEDIA_ERRORS",
    "MEDIA_MAX_BYTES",
    "PAIR_PACE",
    "SERVICE_WINDOW",
    "TEXT_MAX_CHARS",
    "UPLOADED_MEDIA_LIFE",
    "UPLOADS_PER_SECOND",
    "WEBHOOK_MAX_BYTES",
]

PAIR_PACE = PairPace(PAIR_INTERVAL, PAIR_INTERVAL * (PAIR_BURST - 1))
MEDIA_ERRORS = ErrorBudget(MEDIA_ERRORS_MAX, MEDIA_ERRORS_WITHIN)
