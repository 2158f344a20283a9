"""The envelope of every answer, and the codes that an error in it may carry.

The envelope is Karibu's: `{success, data, errors, request_id}`, with `errors` null on success and a list of
`{code, message, field}` otherwise. The list of codes is ours beyond those that Karibu documents.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec


class Code(StrEnum):
    """What an answer can refuse with; `STATUS` tells the HTTP status of each."""

    MALFORMED_JSON = "MALFORMED_JSON"
    UNAUTHORIZED = "UNAUTHORIZED"
    WORKSPACE_REQUIRED = "WORKSPACE_REQUIRED"
    SCOPE_REQUIRED = "SCOPE_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    SENDER_NOT_FOUND = "SENDER_NOT_FOUND"
    MEDIA_NOT_FOUND = "MEDIA_NOT_FOUND"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    NOT_CANCELLABLE = "NOT_CANCELLABLE"
    NOT_RESENDABLE = "NOT_RESENDABLE"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    SENDER_AMBIGUOUS = "SENDER_AMBIGUOUS"
    SENDER_INACTIVE = "SENDER_INACTIVE"
    NOT_INBOUND = "NOT_INBOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    IMAGE_NOT_SUPPORTED = "IMAGE_NOT_SUPPORTED"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    IMAGE_UNREADABLE = "IMAGE_UNREADABLE"
    MEDIA_UNREACHABLE = "MEDIA_UNREACHABLE"
    TEMPLATE_NOT_FOUND_OR_UNAPPROVED = "TEMPLATE_NOT_FOUND_OR_UNAPPROVED"
    TEMPLATE_NOT_APPROVED = "TEMPLATE_NOT_APPROVED"
    RATE_LIMITED = "RATE_LIMITED"
    BACKLOG_FULL = "BACKLOG_FULL"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    UNAVAILABLE = "UNAVAILABLE"


_BY_STATUS: dict[int, tuple[Code, ...]] = {
    400: (Code.MALFORMED_JSON,),
    401: (Code.UNAUTHORIZED,),
    403: (Code.WORKSPACE_REQUIRED, Code.SCOPE_REQUIRED),
    404: (
        Code.NOT_FOUND,
        Code.MESSAGE_NOT_FOUND,
        Code.CONVERSATION_NOT_FOUND,
        Code.SENDER_NOT_FOUND,
        Code.MEDIA_NOT_FOUND,
        Code.BATCH_NOT_FOUND,
    ),
    405: (Code.METHOD_NOT_ALLOWED,),
    409: (Code.IDEMPOTENCY_IN_PROGRESS, Code.NOT_CANCELLABLE, Code.NOT_RESENDABLE),
    413: (Code.BODY_TOO_LARGE,),
    415: (Code.UNSUPPORTED_MEDIA_TYPE,),
    422: (
        Code.VALIDATION_ERROR,
        Code.WINDOW_CLOSED,
        Code.SENDER_AMBIGUOUS,
        Code.SENDER_INACTIVE,
        Code.NOT_INBOUND,
        Code.IDEMPOTENCY_KEY_REUSED,
        Code.IMAGE_NOT_SUPPORTED,
        Code.IMAGE_TOO_LARGE,
        Code.IMAGE_UNREADABLE,
        Code.MEDIA_UNREACHABLE,
        Code.TEMPLATE_NOT_FOUND_OR_UNAPPROVED,
        Code.TEMPLATE_NOT_APPROVED,
    ),
    429: (Code.RATE_LIMITED, Code.BACKLOG_FULL),
    501: (Code.NOT_IMPLEMENTED,),
    503: (Code.UNAVAILABLE,),
}

STATUS: Mapping[Code, int] = MappingProxyType({code: status for status, codes in _BY_STATUS.items() for code in codes})
"""The HTTP status that each code is answered with."""


class ErrorItem(msgspec.Struct, frozen=True):
    """One thing that is wrong: its code, a sentence that says what to do, and the field it is about, if any."""

    code: str
    message: str
    field: str | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The outermost object of an answer; every member is always written."""

    success: bool
    data: Any = None
    errors: list[ErrorItem] | None = None
    request_id: str


class Detail(msgspec.Struct, frozen=True):
    """The error of the routes that answer bare (senders, templates, webhooks)."""

    detail: str


_encoder = msgspec.json.Encoder()


def encode_ok(data: Any, request_id: str | UUID) -> bytes:
    """Return the envelope of a success around `data`, anything msgspec can write."""
    return _encoder.encode(Envelope(success=True, data=data, request_id=str(request_id)))


def encode_error(items: Sequence[ErrorItem], request_id: str | UUID) -> bytes:
    """Return the envelope of a refusal; `items` has at least one, since clients read the first for the code."""
    return _encoder.encode(Envelope(success=False, errors=list(items), request_id=str(request_id)))


def encode_detail(detail: str) -> bytes:
    """Return the error body of a route that answers bare."""
    return _encoder.encode(Detail(detail))
