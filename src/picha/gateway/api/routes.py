"""The one table of routes: it registers handlers and drives the tests that walk every route."""

from picha.gateway.api import (
    about,
    afterwards,
    conversations,
    endpoints,
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
from picha.gateway.api.manual import samples
from picha.gateway.api.manual.routes import Manual
from picha.gateway.api.once import without_body
from picha.gateway.api.route import Route
from picha.gateway.domain.keys import Scope
from picha.karibu.about import Health, KeyCheck, Root, Version
from picha.karibu.conversations import (
    Conversation,
    ConversationDeleted,
    ConversationRead,
    ConversationSummary,
    MarkRead,
)
from picha.karibu.errors import Code
from picha.karibu.events import EventPage
from picha.karibu.media import Media, MediaDeleted, MediaFromUrl, MediaUpload
from picha.karibu.notices import Notice
from picha.karibu.queries import (
    ConversationsQuery,
    EventsHeaders,
    EventsQuery,
    MessagesQuery,
    NoticesQuery,
    RangeHeaders,
    SendersQuery,
    SignedLinkQuery,
    SummaryQuery,
    TemplatesQuery,
)
from picha.karibu.reads import Message, Page, ReadReceipt, Timeline
from picha.karibu.resend import Resend
from picha.karibu.senders import Sender, SenderChange, SenderState
from picha.karibu.sends import SendAccepted, SendImageBody, SendTemplateBody, SendTextBody
from picha.karibu.templates import Template, TemplatePage
from picha.karibu.webhooks import (
    Delivery,
    DeliveryDetail,
    NewWebhook,
    RetriedRange,
    RetryRange,
    Webhook,
    WebhookChange,
    WebhookRotation,
    WebhookSecret,
    WebhookStats,
)

__all__ = ["FORMER_SENDS", "OTHER_SENDS", "ROUTES", "Route"]

_MESSAGES = "/v1/whatsapp/messages"
_CONVERSATIONS = "/v1/whatsapp/conversations"
_MEDIA = "/v1/whatsapp/media"
_WEBHOOKS = "/v1/webhooks"
_WEBHOOK = f"{_WEBHOOKS}/{{webhook_id}}"
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

_SERVED = (
    Route("GET", "/", about.root, answer=Root, needs_key=False, is_enveloped=False),
    Route("GET", "/version", about.version, answer=Version, needs_key=False, is_enveloped=False),
    # Any key may learn what it may do.
    Route("GET", "/karibu/x-api-key", about.whoami, answer=KeyCheck, is_enveloped=False),
    Route("GET", "/health/live", about.live, answer=Health, needs_key=False, is_enveloped=False),
    Route(
        "GET",
        "/health/ready",
        about.ready,
        answer=Health,
        codes=(Code.UNAVAILABLE,),
        needs_key=False,
        is_enveloped=False,
    ),
    Route("GET", "/inbox", about.inbox, answer="text/html", needs_key=False, is_enveloped=False),
    Route(
        "POST",
        f"{_MESSAGES}/image",
        sends.send_image,
        body=SendImageBody,
        statuses=(202,),
        examples=samples.SENDS,
        answer=SendAccepted,
        scope=_SEND,
        codes=(*_ANY_SEND, Code.WINDOW_CLOSED, Code.MEDIA_NOT_FOUND, *_IMAGE, Code.NOT_IMPLEMENTED),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/text",
        sends.send_text,
        body=SendTextBody,
        statuses=(202,),
        examples=samples.TEXTS,
        answer=SendAccepted,
        scope=_SEND,
        codes=(*_ANY_SEND, Code.WINDOW_CLOSED),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/template",
        sends.send_template,
        body=SendTemplateBody,
        statuses=(202,),
        examples=samples.TEMPLATES,
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
    Route(
        "GET",
        _MESSAGES,
        messages.list_messages,
        answer=Page[Message],
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
        query=MessagesQuery,
        examples={
            "What people wrote": {"direction": "inbound", "limit": 20},
            "What failed, or waits": {"status": ["failed", "pending"]},
        },
    ),
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
        without_body(afterwards.cancel_message),
        answer=Message,
        scope=_SEND,
        codes=(*_ONCE, Code.MESSAGE_NOT_FOUND, Code.NOT_CANCELLABLE),
    ),
    Route(
        "POST",
        f"{_MESSAGES}/{{message_id}}/resend",
        afterwards.resend_message,
        body=Resend,
        statuses=(202,),
        examples={"Once more": {"confirm": True}},
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
        query=ConversationsQuery,
        examples={"With something unread": {"status": "unread"}, "With one customer": {"recipient": samples.CUSTOMER}},
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
    ),
    # Before the next one, which would take it for an id.
    Route(
        "GET",
        f"{_CONVERSATIONS}/summary",
        conversations.get_summary,
        answer=ConversationSummary,
        query=SummaryQuery,
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
        examples={"Up to a moment": {"up_to": "2026-01-31T12:00:00Z"}, "All of it": {}},
        answer=ConversationRead,
        scope=_SEND,
        codes=(*_JSON, *_ONCE[1:], Code.CONVERSATION_NOT_FOUND),
    ),
    Route(
        "GET",
        "/v1/events",
        events.list_events,
        answer=EventPage,
        query=EventsQuery,
        headers=EventsHeaders,
        also="text/event-stream",
        examples={"The first ten": {"limit": 10}},
        scope=_READ,
        codes=(Code.VALIDATION_ERROR, Code.RATE_LIMITED),
    ),
    Route(
        "GET",
        "/v1/whatsapp/notices",
        notices.list_notices,
        answer=Page[Notice],
        query=NoticesQuery,
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
    ),
    Route(
        "GET",
        "/v1/whatsapp/senders",
        senders.list_senders,
        answer=list[Sender],
        scope=_READ,
        codes=(Code.VALIDATION_ERROR,),
        query=SendersQuery,
        is_enveloped=False,
    ),
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
        examples={"Take only what fits": {"image_policy": "strict"}, "A faster number": {"messages_per_second": 250}},
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
        query=TemplatesQuery,
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
        media.upload_media,
        body=MediaFromUrl,
        form=MediaUpload,
        statuses=(201,),
        examples={"From an address": {"url": samples.PICTURE_URL}},
        answer=Media,
        scope=_SEND,
        codes=(*_JSON, *_ONCE[1:], *_IMAGE),
        patience_s=600.0,  # a large picture on a slow line
    ),
    Route("GET", f"{_MEDIA}/{{file_id}}", media.get_media, answer=Media, scope=_READ, codes=(Code.MEDIA_NOT_FOUND,)),
    Route(
        "DELETE",
        f"{_MEDIA}/{{file_id}}",
        media.delete_media,
        answer=MediaDeleted,
        scope=_SEND,
        codes=(Code.MEDIA_NOT_FOUND,),
    ),
    # By key, or by the signed link that stands in `content.url`.
    Route(
        "GET",
        f"{_MEDIA}/{{file_id}}/content",
        media.get_content,
        answer="image/*",
        query=SignedLinkQuery,
        headers=RangeHeaders,
        statuses=(200, 206),
        scope=_READ,
        codes=(Code.MEDIA_NOT_FOUND,),
        needs_key=False,
    ),
    Route(
        "GET",
        f"{_MEDIA}/{{file_id}}/thumbnail",
        media.get_thumbnail,
        answer="image/jpeg",
        query=SignedLinkQuery,
        scope=_READ,
        codes=(Code.MEDIA_NOT_FOUND, Code.IMAGE_UNREADABLE, Code.IMAGE_NOT_SUPPORTED),
        needs_key=False,
    ),
    Route(
        "POST",
        _WEBHOOKS,
        endpoints.create,
        body=NewWebhook,
        answer=Webhook,
        scope=_MANAGE,
        codes=(*_JSON, *_ONCE[1:], Code.APP_NOT_FOUND, Code.WEBHOOK_EXISTS),
        is_enveloped=False,
    ),
    # Before the one by id, which would take it for one.
    Route("GET", f"{_WEBHOOKS}/all", endpoints.list_all, answer=list[Webhook], scope=_READ, is_enveloped=False),
    Route(
        "GET",
        f"{_WEBHOOKS}/app/{{app_id}}",
        endpoints.list_of_app,
        answer=list[Webhook],
        scope=_READ,
        codes=(Code.APP_NOT_FOUND,),
        is_enveloped=False,
    ),
    Route(
        "GET",
        _WEBHOOK,
        endpoints.get,
        answer=Webhook,
        scope=_READ,
        codes=(Code.WEBHOOK_NOT_FOUND,),
        is_enveloped=False,
    ),
    Route(
        "PATCH",
        _WEBHOOK,
        endpoints.change,
        body=WebhookChange,
        answer=Webhook,
        scope=_MANAGE,
        codes=(*_JSON, Code.WEBHOOK_NOT_FOUND, Code.WEBHOOK_EXISTS),
        is_enveloped=False,
    ),
    Route(
        "DELETE",
        _WEBHOOK,
        endpoints.delete,
        scope=_MANAGE,
        codes=(Code.WEBHOOK_NOT_FOUND,),
        is_enveloped=False,
    ),
    # It tells what signs: who may only read does not learn it.
    Route(
        "GET",
        f"{_WEBHOOK}/secret",
        endpoints.get_secret,
        answer=WebhookSecret,
        scope=_MANAGE,
        codes=(Code.WEBHOOK_NOT_FOUND,),
        is_enveloped=False,
    ),
    Route(
        "POST",
        f"{_WEBHOOK}/secret/rotate",
        endpoints.rotate_secret,
        body=WebhookRotation,
        answer=Webhook,
        scope=_MANAGE,
        codes=(*_JSON, *_ONCE[1:], Code.WEBHOOK_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "GET",
        f"{_WEBHOOK}/stats",
        endpoints.get_stats,
        answer=WebhookStats,
        scope=_READ,
        codes=(Code.VALIDATION_ERROR, Code.WEBHOOK_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "POST",
        f"{_WEBHOOK}/test",
        without_body(endpoints.send_test),
        answer=DeliveryDetail,
        scope=_MANAGE,
        codes=(*_ONCE, Code.WEBHOOK_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "POST",
        f"{_WEBHOOK}/retry",
        endpoints.retry_range,
        body=RetryRange,
        answer=RetriedRange,
        scope=_MANAGE,
        codes=(*_JSON, *_ONCE[1:], Code.WEBHOOK_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "GET",
        f"{_WEBHOOK}/deliveries",
        endpoints.list_deliveries,
        answer=Page[Delivery],
        scope=_READ,
        codes=(Code.VALIDATION_ERROR, Code.WEBHOOK_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "GET",
        f"{_WEBHOOK}/deliveries/{{delivery_id}}",
        endpoints.get_delivery,
        answer=DeliveryDetail,
        scope=_READ,
        codes=(Code.WEBHOOK_NOT_FOUND, Code.DELIVERY_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "POST",
        f"{_WEBHOOK}/deliveries/{{delivery_id}}/retry",
        without_body(endpoints.retry),
        answer=DeliveryDetail,
        scope=_MANAGE,
        codes=(*_ONCE, Code.WEBHOOK_NOT_FOUND, Code.DELIVERY_NOT_FOUND),
        is_enveloped=False,
    ),
    Route(
        "GET",
        "/webhooks/whatsapp",
        webhooks.handshake,
        answer="text/plain",
        query=webhooks.Handshake,
        codes=(Code.UNAUTHORIZED,),
        needs_key=False,
    ),
    Route(
        "POST",
        "/webhooks/whatsapp",
        webhooks.deliver,
        body=dict,
        answer="text/plain",
        headers=webhooks.Signature,
        codes=(Code.UNAUTHORIZED, Code.BODY_TOO_LARGE),
        needs_key=False,
    ),
)
ROUTES = (*_SERVED, *Manual(_SERVED).routes)
