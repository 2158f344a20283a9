"""What stands for the reader's own things in examples; a test puts real ones in their place and tries them all."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

CUSTOMER = "255712345678"
PICTURE_URL = "https://shop.example/receipt.jpg"
_FAMILY = "01900000-0000-7000-8000-"
CONVERSATION, FILE, MESSAGE, SENDER, TEMPLATE, BATCH = (str(UUID(f"{_FAMILY}{number:012d}")) for number in range(1, 7))
APP, WEBHOOK, DELIVERY = (str(UUID(f"{_FAMILY}{number:012d}")) for number in range(11, 14))
HOOK_URL = "https://shop.example/hook"
IN_PATH = {
    "app_id": APP,
    "batch_id": BATCH,
    "webhook_id": WEBHOOK,
    "delivery_id": DELIVERY,
    "conversation_id": CONVERSATION,
    "file_id": FILE,
    "message_id": MESSAGE,
    "sender_id": SENDER,
    "template_id": TEMPLATE,
}
ANYTHING = str(UUID(f"{_FAMILY}{9:012d}"))
"""The id of whatever has no sample of its own."""

SENDS = {
    "A picture on the web": {"to": CUSTOMER, "media_url": PICTURE_URL, "caption": "Your receipt"},
    "An uploaded picture": {"to": CUSTOMER, "file_id": FILE, "client_reference": "order-1042"},
    "Into a conversation": {"conversation_id": CONVERSATION, "file_id": FILE, "priority": "high"},
    "Once more if nobody knows": {
        "to": CUSTOMER,
        "file_id": FILE,
        "on_unknown": "resend",
        "expires_at": "2199-12-31T12:00:00Z",
    },
}

BATCHES = {
    "One picture for two": {
        "file_id": FILE,
        "caption": "Our new opening hours",
        "recipients": [
            {"to": CUSTOMER, "client_reference": "member-1"},
            {"conversation_id": CONVERSATION, "caption": "Our new opening hours, from May on"},
        ],
    },
    "A picture on the web": {
        "media_url": PICTURE_URL,
        "recipients": [{"to": CUSTOMER, "caption": "Your receipt"}],
    },
}

TEXTS = {
    "To a customer who wrote": {"to": CUSTOMER, "body": "Your order is on its way."},
    "As an answer": {"to": CUSTOMER, "body": "Yes, until six.", "reply_to": MESSAGE},
}

TEMPLATES = {
    "With an uploaded picture": {"to": CUSTOMER, "template_name": "picha_photo", "header": {"file_id": FILE}},
    "With a picture on the web": {
        "to": CUSTOMER,
        "template_name": "picha_photo",
        "language": "en_US",
        "header": {"media_url": PICTURE_URL},
    },
}

WEBHOOKS: Mapping[str, Mapping[str, Any]] = {
    "With a secret that is made": {"app_id": APP, "service_type": "whatsapp", "url": HOOK_URL},
    "With a secret of yours": {
        "app_id": APP,
        "service_type": "whatsapp",
        "url": HOOK_URL,
        "secret_token": "at least sixteen characters",
        "include_inbox": True,
    },
}
WEBHOOK_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "Another address": {"url": f"{HOOK_URL}/2"},
    "Call it again": {"is_enabled": True},
}
ROTATIONS = {"With an overlap of a day": {"overlap_hours": 24}}
RETRIES = {
    "All that failed": {"status": "failed"},
    "What failed in a night": {"since": "2026-01-31T20:00:00Z", "until": "2026-02-01T08:00:00Z"},
}
DELIVERIES: Mapping[str, Mapping[str, Any]] = {
    "Failed ones": {"status": "failed"},
    "Of one event": {"event": "whatsapp.delivered", "limit": 10},
}
