"""The one table of routes: it registers handlers and drives the tests that walk every route."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from picha.gateway.api import (
    about,
    afterwards,
    conversations,
    events,
    media,
    messages,
    notices,
    receipts,
    senders,
    sends,
    templates,
    webhooks,
)
from picha.gateway.api.calls import Answer, Call
from picha.gateway.api.once import without_body
from picha.gateway.domain.keys import Scope
from picha.karibu.conversations import (
    Conversation,
    ConversationDeleted,
    ConversationRead,
    ConversationSummary,
    MarkRead,
)
from picha.karibu.errors import Code
from picha.karibu.events import EventPage
from picha.karibu.media import Media, MediaDeleted, MediaFromUrl
from picha.karibu.notices import Notice
from picha.karibu.reads import Message, Page, ReadReceipt, Timeline
from picha.karibu.resend import Resend
from picha.karibu.senders import Sender, SenderChange, SenderState
from picha.karibu.sends import SendAccepted, SendImage, SendTemplate, SendText
from picha.karibu.templates import Template, TemplatePage

Handler = Callable[[Call], Awaitable[Answer | Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `codes` are what it may refuse with beside those that every keyed or any route may.

    `scope` is what a key must have to be served; where there is none, any key will do. Whoever is not served after
    `patience_s` seconds is told so.
    """

    method: str
    path: str
    handler: Handler
    body: type | None = None
    answer: object = None
    codes: tuple[Code, ...] = ()
    scope: Scope | None = None
    needs_key: bool = True
    is_enveloped: bool = True
    patience_s: float = 30.0


_MESSAGES = "/v1/whatsapp/messages"
_CONVERSATIONS = "/v1/whatsapp/conversations"
_MEDIA = "/v1/whatsapp/media"
# Sends as earlier generations of Karibu's API had them, and the kinds of message that are not sent yet.
FORMER_SENDS = frozenset(
    {_MESSAGES, *(f"{_MESSAGES}/send-{kind}" for kind in ("text", "template", "media", "interactive"))}
)
OTHER_SENDS = frozenset(f"{_MESSAGES}/{kind}" for kind in ("video", "document", "audio", "interactive"))
_JSON = (Code.MALFORMED_JSON, Code.VALIDATION_ERROR, Code.BODY_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)
# What a request with an idempotency key may be refused with.
_ONCE = (Code.VALIDATION_ERROR, Code.IDEMPOTENCY_KEY_REUSED, Code.IDEMPOTENCY_IN_PROGRESS)
# What a picture may be refused with that is looked at before the answer.
_IMAGE = (Code.IMAGE_NOT_SUPPORTED, Code.IMAGE_TOO_LARGE, Code.IMAGE_UNREADABLE, Code.MEDIA_UNREACHABLE)

# What every send may be refused with.
_ANY_SEND = (
    *_JSON,
    Code.CONVERSATION_NOT_FOUND,
    Code.SENDER_NOT_FOUND,
    Code.MESSAGE_NOT_FOUND,
    Code.SENDER_AMBIGUOUS,
    Code.SENDER_INACTIVE,
    Code.BACKLOG_FULL,
    Code.IDEMPOTENCY_KEY_REUSED,
)

_SEND, _READ, _MANAGE = Scope

ROUTES = (
    Route("GET", "/", about.root, needs_key=False, is_enveloped=False),
    Route("GET", "/version", about.version, needs_key=False, is_enveloped=False),
    # Any key may learn what it may do.
    Route("GET", "/karibu/x-api-key", about.whoami, is_enveloped=False),
    Route("GET", "/health/live", about.live, needs_key=False, is_enveloped=False),
    Route("GET", "/health/ready", about.ready, codes=(Code.UNAVAILABLE,), needs_key=False, is_enveloped=False),
    Route("GET", "/inbox", about.inbox, needs_key=False, is_enveloped=False),
    Route(
        "POST",
        f"{_MESSAGES}/image",
        sends.send_image,
        body=SendImage,
        answer=SendAccepted,
        scope=_SEND,
        codes=(*_ANY_SEND, Code.WINDOW_CLOSED, Code.MEDIA_NOT_FOUND, *_IMAGE, Code.NOT_IMPLEMENTED),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/text",
        sends.send_text,
        body=SendText,
        answer=SendAccepted,
        scope=_SEND,
        codes=(*_ANY_SEND, Code.WINDOW_CLOSED),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/template",
        sends.send_template,
        body=SendTemplate,
        answer=SendAccepted,
        scope=_SEND,
        codes=(
            *_ANY_SEND,
            Code.MEDIA_NOT_FOUND,
            Code.IMAGE_NOT_SUPPORTED,
            Code.TEMPLATE_NOT_FOUND_OR_UNAPPROVED,
            Code.TEMPLATE_NOT_APPROVED,
            Code.NOT_IMPLEMENTED,
        ),
    ),
    Route("GET", _MESSAGES, messages.list_messages, answer=Page[Message], scope=_READ, codes=(Code.VALIDATION_ERROR,)),
    Route(
        "GET",
        f"{_MESSAGES}/{{message_id}}",
        messages.get_message,
        answer=Message,
        scope=_READ,
        codes=(Code.MESSAGE_NOT_FOUND,),
    ),
    Route(
        "GET",
        f"{_MESSAGES}/{{message_id}}/timeline",
        messages.get_timeline,
        answer=Timeline,
        scope=_READ,
        codes=(Code.MESSAGE_NOT_FOUND,),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/{{message_id}}/cancel",
        without_body(afterwards.cancel),
        answer=Message,
        scope=_SEND,
        codes=(*_ONCE, Code.MESSAGE_NOT_FOUND, Code.NOT_CANCELLABLE),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/{{message_id}}/resend",
        afterwards.resend,
        body=Resend,
        answer=Message,
        scope=_SEND,
        codes=(*_JSON, *_ONCE[1:], Code.MESSAGE_NOT_FOUND, Code.NOT_RESENDABLE, Code.WINDOW_CLOSED),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/{{message_id}}/read",
        without_body(receipts.send_receipt),
        answer=ReadReceipt,
        scope=_SEND,
        codes=(*_ONCE, Code.MESSAGE_NOT_FOUND, Code.NOT_INBOUND, Code.UNAVAILABLE),
    ),
    Route(
        "GET",
        _CONVERSATIONS,
        conversations.list_conversations,
        answer=Page[Conversation],
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
    ),
    # Before the next one, which would take it for an id.
    Route(
        "GET",
        f"{_CONVERSATIONS}/summary",
        conversations.get_summary,
        answer=ConversationSummary,
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
    ),
    Route(
        "GET",
        f"{_CONVERSATIONS}/{{conversation_id}}",
        conversations.get_conversation,
        answer=Conversation,
        scope=_READ,
        codes=(Code.CONVERSATION_NOT_FOUND,),
    ),
    Route(
        "DELETE",
        f"{_CONVERSATIONS}/{{conversation_id}}",
        conversations.delete_conversation,
        answer=ConversationDeleted,
        scope=_SEND,
        codes=(Code.CONVERSATION_NOT_FOUND,),
    ),
    Route(
        "POST",
        f"{_CONVERSATIONS}/{{conversation_id}}/read",
        conversations.read_conversation,
        body=MarkRead,
        answer=ConversationRead,
        scope=_SEND,
        codes=(*_JSON, *_ONCE[1:], Code.CONVERSATION_NOT_FOUND),
    ),
    Route(
        "GET",
        "/v1/events",
        events.list_events,
        answer=EventPage,
        scope=_READ,
        codes=(Code.VALIDATION_ERROR, Code.RATE_LIMITED),
    ),
    Route(
        "GET",
        "/v1/whatsapp/notices",
        notices.list_notices,
        answer=Page[Notice],
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
    ),
    Route("GET", "/v1/whatsapp/senders", senders.list_senders, answer=list[Sender], scope=_READ, is_enveloped=False),
    Route(
        "GET",
        "/v1/whatsapp/senders/{sender_id}",
        senders.get_sender,
        answer=Sender,
        scope=_READ,
        codes=(Code.SENDER_NOT_FOUND,),
        is_enveloped=False,
    ),
    Route(
        "PATCH",
        "/v1/whatsapp/senders/{sender_id}",
        senders.change_sender,
        body=SenderChange,
        answer=Sender,
        scope=_MANAGE,
        codes=(*_JSON, Code.SENDER_NOT_FOUND),
        is_enveloped=False,
    ),
    *(
        Route(
            "POST",
            f"/v1/whatsapp/senders/{{sender_id}}/{verb}",
            without_body(handler),
            answer=SenderState,
            scope=_MANAGE,
            codes=(*_ONCE, Code.SENDER_NOT_FOUND),
            is_enveloped=False,
        )
        for verb, handler in (
            ("pause", senders.pause_sender),
            ("resume", senders.resume_sender),
            ("flush", senders.flush_sender),
        )
    ),
    Route(
        "GET",
        "/v1/whatsapp/templates",
        templates.list_templates,
        answer=TemplatePage,
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
        is_enveloped=False,
    ),
    Route(
        "GET",
        "/v1/whatsapp/templates/{template_id}",
        templates.get_template,
        answer=Template,
        scope=_READ,
        codes=(Code.NOT_FOUND,),
        is_enveloped=False,
    ),
    Route(
        "POST",
        _MEDIA,
        media.upload,
        body=MediaFromUrl,
        answer=Media,
        scope=_SEND,
        codes=(*_JSON, *_ONCE[1:], *_IMAGE),
        patience_s=600.0,  # a large picture on a slow line
    ),
    Route("GET", f"{_MEDIA}/{{file_id}}", media.describe, answer=Media, scope=_READ, codes=(Code.MEDIA_NOT_FOUND,)),
    Route(
        "DELETE", f"{_MEDIA}/{{file_id}}", media.delete, answer=MediaDeleted, scope=_SEND, codes=(Code.MEDIA_NOT_FOUND,)
    ),
    # By key, or by the signed link that stands in `content.url`.
    Route(
        "GET",
        f"{_MEDIA}/{{file_id}}/content",
        media.content,
        scope=_READ,
        codes=(Code.MEDIA_NOT_FOUND,),
        needs_key=False,
    ),
    Route(
        "GET",
        f"{_MEDIA}/{{file_id}}/thumbnail",
        media.thumbnail,
        scope=_READ,
        codes=(Code.MEDIA_NOT_FOUND, Code.IMAGE_UNREADABLE, Code.IMAGE_NOT_SUPPORTED),
        needs_key=False,
    ),
    Route("GET", "/webhooks/whatsapp", webhooks.handshake, codes=(Code.UNAUTHORIZED,), needs_key=False),
    Route(
        "POST",
        "/webhooks/whatsapp",
        webhooks.deliver,
        codes=(Code.UNAUTHORIZED, Code.BODY_TOO_LARGE),
        needs_key=False,
    ),
)
