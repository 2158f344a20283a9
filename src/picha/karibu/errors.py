"""The envelope of every answer, and the codes that an error in it may carry.

The envelope is Karibu's: `{success, data, errors, request_id}`, with `errors` null on success and a list of
`{code, message, field}` otherwise. The list of codes is ours beyond those that Karibu documents.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgspec


class Code(StrEnum):
    """What an answer can refuse with; `STATUS` tells the HTTP status of each."""

    MALFORMED_JSON = "MALFORMED_JSON"
    WEBHOOK_EXISTS = "WEBHOOK_EXISTS"
    UNAUTHORIZED = "UNAUTHORIZED"
    WORKSPACE_REQUIRED = "WORKSPACE_REQUIRED"
    SCOPE_REQUIRED = "SCOPE_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    SENDER_NOT_FOUND = "SENDER_NOT_FOUND"
    MEDIA_NOT_FOUND = "MEDIA_NOT_FOUND"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    APP_NOT_FOUND = "APP_NOT_FOUND"
    WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
    DELIVERY_NOT_FOUND = "DELIVERY_NOT_FOUND"
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
    400: (Code.MALFORMED_JSON, Code.WEBHOOK_EXISTS),
    401: (Code.UNAUTHORIZED,),
    403: (Code.WORKSPACE_REQUIRED, Code.SCOPE_REQUIRED),
    404: (
        Code.NOT_FOUND,
        Code.MESSAGE_NOT_FOUND,
        Code.CONVERSATION_NOT_FOUND,
        Code.SENDER_NOT_FOUND,
        Code.MEDIA_NOT_FOUND,
        Code.BATCH_NOT_FOUND,
        Code.APP_NOT_FOUND,
        Code.WEBHOOK_NOT_FOUND,
        Code.DELIVERY_NOT_FOUND,
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


class Words(NamedTuple):
    """What a code means, and what to do about it."""

    meaning: str
    remedy: str


WORDS: Mapping[Code, Words] = MappingProxyType(
    {
        Code.MALFORMED_JSON: Words(
            "The body is no JSON that everybody reads alike: cut off, not UTF-8, with a key twice, NaN, half a "
            "surrogate pair, or more than eight levels.",
            "Mend the body; the message says where it breaks.",
        ),
        Code.WEBHOOK_EXISTS: Words(
            "The app has a webhook for that service in the key's environment already.",
            "Change that one with PATCH, or delete it; `GET /v1/webhooks/all` lists it.",
        ),
        Code.UNAUTHORIZED: Words(
            "There is no key in `X-API-Key`, or none that is known: unknown, revoked and malformed keys are told "
            "apart by nobody.",
            "Send a key that holds; `picha keys create` makes one.",
        ),
        Code.WORKSPACE_REQUIRED: Words(
            "The key belongs to no workspace. Here every key has one, so this code is kept for Karibu's programs.",
            "Nothing: it is not answered.",
        ),
        Code.SCOPE_REQUIRED: Words(
            "The key is good, but lacks the scope that the call needs.",
            "Call with a key that has it, or make one with `picha keys create --scope`.",
        ),
        Code.NOT_FOUND: Words("There is nothing at this path.", "Compare the path with those on this page."),
        Code.MESSAGE_NOT_FOUND: Words(
            "The key's workspace has no message with that id, in the key's environment.",
            "Use the `message_id` of a send, or the `id` of a list item: its `message_id` is the provider's.",
        ),
        Code.CONVERSATION_NOT_FOUND: Words(
            "The key's workspace has no conversation with that id, or it was deleted.",
            "Take the id from a send or from the list of conversations.",
        ),
        Code.SENDER_NOT_FOUND: Words(
            "The key's workspace has no such number in the key's environment.",
            "List yours with `GET /v1/whatsapp/senders`; test keys see test numbers only.",
        ),
        Code.MEDIA_NOT_FOUND: Words(
            "There is no picture with that file_id, it has expired or was deleted, or its signed link has.",
            "Upload the picture again, or ask for a fresh link.",
        ),
        Code.BATCH_NOT_FOUND: Words(
            "The key's workspace has no batch with that id.", "Use the `batch_id` that the batch was accepted with."
        ),
        Code.APP_NOT_FOUND: Words(
            "The key's workspace has no app with that id.", "`GET /karibu/x-api-key` tells the app of a key."
        ),
        Code.WEBHOOK_NOT_FOUND: Words(
            "The key's workspace has no webhook with that id in the key's environment, or it was deleted.",
            "List yours with `GET /v1/webhooks/all`.",
        ),
        Code.DELIVERY_NOT_FOUND: Words(
            "The webhook has no delivery with that id, or it was kept long enough.",
            "List them with `GET /v1/webhooks/{webhook_id}/deliveries`.",
        ),
        Code.METHOD_NOT_ALLOWED: Words(
            "The path is there, but does not take this method.", "Use one that the `Allow` header names."
        ),
        Code.IDEMPOTENCY_IN_PROGRESS: Words(
            "The first request with this Idempotency-Key is still being answered.",
            "Ask again after `Retry-After` seconds, with the same key.",
        ),
        Code.NOT_CANCELLABLE: Words(
            "The message was handed to WhatsApp already, or is over.", "Nothing: read what became of it."
        ),
        Code.NOT_RESENDABLE: Words(
            "What became of the message is known, or may still be told: only of what nobody knows can be sent again.",
            "Read its status; ask again two minutes after it was handed over.",
        ),
        Code.BODY_TOO_LARGE: Words(
            "The body is larger than the route takes; the message tells how much that is.", "Send less at once."
        ),
        Code.UNSUPPORTED_MEDIA_TYPE: Words(
            "The body is not declared as what the route takes.",
            "Set `Content-Type`: `application/json`, or for an upload `multipart/form-data`.",
        ),
        Code.VALIDATION_ERROR: Words(
            "A field, parameter or header is missing or makes no sense; `field` names it.",
            "Put there what the message says.",
        ),
        Code.WINDOW_CLOSED: Words(
            "The customer has not written in the last 24 hours, and only a template may go out then.",
            "Wait for the customer to write, or open the conversation with a template.",
        ),
        Code.SENDER_AMBIGUOUS: Words(
            "The workspace has several active numbers, and the send names none.",
            "Name one in `sender`: the number or its phone_number_id.",
        ),
        Code.SENDER_INACTIVE: Words("That number may not send.", "Name another in `sender`, or set this one up again."),
        Code.NOT_INBOUND: Words(
            "The business sent this message itself, so there is nothing to show as read.",
            "Name a message that a customer sent, whose status is `received`.",
        ),
        Code.IDEMPOTENCY_KEY_REUSED: Words(
            "This Idempotency-Key was used for another request in the last seven days.",
            "Use a new key for a new request; the same key belongs to the same body.",
        ),
        Code.IMAGE_NOT_SUPPORTED: Words(
            "The bytes are no picture, or of a kind that cannot be made fit (`strict`: none that WhatsApp takes).",
            "Send JPEG or PNG, or leave `image_policy` at `auto`.",
        ),
        Code.IMAGE_TOO_LARGE: Words("The picture has more bytes or pixels than can be taken.", "Save it smaller."),
        Code.IMAGE_UNREADABLE: Words(
            "The picture is cut off or broken, or takes too long to be read.", "Export it anew and send that."
        ),
        Code.MEDIA_UNREACHABLE: Words(
            "The picture could not be fetched from its address in time.",
            "Look whether the address is public, https and fast; or upload the picture.",
        ),
        Code.TEMPLATE_NOT_FOUND_OR_UNAPPROVED: Words(
            "The sender's account has no template of that name, or not in that language.",
            "List them with `GET /v1/whatsapp/templates`; a new one is known after `picha senders check`.",
        ),
        Code.TEMPLATE_NOT_APPROVED: Words(
            "The template is there, and WhatsApp has not approved it, or has taken that back.",
            "Wait for the approval, or send another; the message says how the template stands.",
        ),
        Code.RATE_LIMITED: Words(
            "The key, or the address that calls with keys nobody knows, asks more often than it may; or there are as "
            "many streams of events as one process serves; or the key or its workspace has sent as many messages as it "
            "may today or this month.",
            "Ask again after `Retry-After` seconds, and slower: `RateLimit` tells what is left. The message names "
            "the cap, if one is reached.",
        ),
        Code.BACKLOG_FULL: Words(
            "More waits for the number than it can send in the hours that it may be behind.",
            "Ask again after `Retry-After` seconds, or send from another number.",
        ),
        Code.NOT_IMPLEMENTED: Words(
            "Karibu has this, and this gateway has not.", "Leave it out; the message says what there is instead."
        ),
        Code.UNAVAILABLE: Words(
            "The gateway cannot do it right now: it has too much to do, its database or WhatsApp is away, or something "
            "broke.",
            "Ask again in a moment, after `Retry-After` where there is one. With the same Idempotency-Key nothing "
            "happens twice.",
        ),
    }
)
"""What to say of each code: the pages that explain them are made from it."""

FAILURES: Mapping[str, Words] = MappingProxyType(
    {
        "SEND_OUTCOME_UNKNOWN": Words(
            "WhatsApp may have taken the message or not: its answer was lost, and nothing told since.",
            "Look whether the customer has it; send it again with `POST …/resend`, or ask for "
            "`on_unknown: resend` the next time.",
        ),
        "EXPIRED": Words(
            "The message was not handed to WhatsApp before its `expires_at`.", "Send anew what still matters."
        ),
        "CANCELLED": Words("The message was taken back before it was handed to WhatsApp.", "Nothing."),
    }
)
"""What became of a send, in words of ours: its `error_code`, unless that is a number of Meta's."""

RETRYABLE = frozenset(
    {Code.IDEMPOTENCY_IN_PROGRESS, Code.RATE_LIMITED, Code.BACKLOG_FULL, Code.MEDIA_UNREACHABLE, Code.UNAVAILABLE}
)
"""What may be answered otherwise when nothing is changed but the time."""


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
