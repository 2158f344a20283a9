"""Talk to a gateway from Python; nothing of the server needs to be installed.

    from picha.sdk import Client

    with Client("http://127.0.0.1:8080", key) as picha:
        sent = picha.send_image(to="255712345678", image="receipt.jpg", caption="Your receipt")
        picha.wait(sent.message_id, until="delivered")

`AsyncClient` has the same calls to await. Every error is a `PichaError`; `picha.sdk.errors` has one for each code.
`verify` and `parse` read webhooks.
"""

from picha.karibu.batches import Batch, BatchAccepted, BatchRecipient, BatchResult
from picha.karibu.conversations import Conversation
from picha.karibu.events import StatusData, WebhookNews
from picha.karibu.media import Media
from picha.karibu.reads import Message
from picha.karibu.senders import Sender, SenderState
from picha.karibu.sends import SendAccepted
from picha.karibu.templates import Template
from picha.karibu.webhooks import Delivery, Webhook
from picha.sdk import errors
from picha.sdk.client import AsyncClient, AsyncEvents, Client, Events
from picha.sdk.errors import (
    BatchNotDoneError,
    MessageFailedError,
    NoAnswerError,
    NotVerifiedError,
    NotYetError,
    PichaError,
    RefusedError,
    StrangeAnswerError,
)
from picha.sdk.pictures import Image
from picha.sdk.told import Event
from picha.sdk.webhooks import parse, verify

__all__ = [
    "AsyncClient",
    "AsyncEvents",
    "Batch",
    "BatchAccepted",
    "BatchNotDoneError",
    "BatchRecipient",
    "BatchResult",
    "Client",
    "Conversation",
    "Delivery",
    "Event",
    "Events",
    "Image",
    "Media",
    "Message",
    "MessageFailedError",
    "NoAnswerError",
    "NotVerifiedError",
    "NotYetError",
    "PichaError",
    "RefusedError",
    "SendAccepted",
    "Sender",
    "SenderState",
    "StatusData",
    "StrangeAnswerError",
    "Template",
    "Webhook",
    "WebhookNews",
    "errors",
    "parse",
    "verify",
]
