"""What the sandbox itself calls, for the OpenAPI document: the handshake with a callback, and the webhook."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from picha.cloudapi.webhooks import Contact, InboundMessage, MessageEcho, Metadata, Status, WebhookError
from picha.manual.schemas import Schema, Schemas


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """How an address is asked whether it wants webhooks."""

    mode: Literal["subscribe"] = msgspec.field(name="hub.mode")
    challenge: Annotated[str, Meta(description="Comes back as the body, bare.")] = msgspec.field(name="hub.challenge")
    verify_token: Annotated[str, Meta(description="The token that the address was set with.")] = msgspec.field(
        name="hub.verify_token"
    )


class ValueTold(msgspec.Struct, frozen=True, kw_only=True):
    """What happened at one number; `errors` are of the number itself."""

    messaging_product: Literal["whatsapp"]
    metadata: Metadata
    contacts: list[Contact] = []
    messages: list[InboundMessage] = []
    statuses: list[Status] = []
    errors: list[WebhookError] = []
    message_echoes: list[MessageEcho] = []


class ChangeTold(msgspec.Struct, frozen=True, kw_only=True):
    """One update; echoes of the phone app have a field of their own."""

    field: Literal["messages", "smb_message_echoes"]
    value: ValueTold


class EntryTold(msgspec.Struct, frozen=True, kw_only=True):
    """What concerns one business account."""

    id: str
    changes: list[ChangeTold]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook; what has nothing to say is left out, and `2025` leaves out what is newer."""

    object: Literal["whatsapp_business_account"]
    entry: list[EntryTold]


def webhooks(schemas: Schemas) -> Schema:
    """Return what stands below `webhooks`: calls that a program gets from the sandbox."""
    signature = {
        "name": "X-Hub-Signature-256",
        "in": "header",
        "required": True,
        "description": "`sha256=` and the HMAC-SHA256 of the body's bytes with the app secret, in hexadecimal.",
        "schema": {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
    }
    handshake = {
        "summary": "Shake hands",
        "parameters": schemas.parameters(Handshake, "query"),
        "responses": {"200": {"description": "The challenge", "content": schemas.content("text/plain")}},
    }
    tell = {
        "summary": "Tell of statuses, messages, echoes and errors",
        "description": "Anything but 200 is tried again for seven days of the sandbox's time.",
        "parameters": [signature],
        "requestBody": {"required": True, "content": schemas.content(Webhook)},
        "responses": {"200": {"description": "Taken"}},
    }
    return {"callback": {"get": handshake, "post": tell}}
