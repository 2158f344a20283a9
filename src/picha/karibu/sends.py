"""The requests to send an image, a text or a template (`POST /v1/whatsapp/messages/<kind>`) and their answer."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from picha.karibu.errors import Code
from picha.karibu.shape import Malformed, in_utc, parse_object

__all__ = [
    "CAPTION_MAX_CHARS",
    "TEXT_MAX_CHARS",
    "Header",
    "Malformed",
    "SendAccepted",
    "SendImage",
    "SendTemplate",
    "SendText",
    "Target",
    "decode_send_image",
    "decode_send_template",
    "decode_send_text",
    "encode_send",
]

CAPTION_MAX_CHARS = 1024
TEXT_MAX_CHARS = 4096
# The longest that a filled template may be.
VARIABLE_MAX_CHARS = 1024
MEDIA_URL_MAX_CHARS = 2083

_TO = re.compile(r"\+?[1-9][0-9]{6,17}\Z")
_TEXT, _NOTHING = {"type": "string"}, {"type": "null"}
ONE_TARGET = {
    "anyOf": [
        {"required": ["conversation_id"], "properties": {"conversation_id": _TEXT}},
        {"required": ["to"], "properties": {"to": _TEXT | {"pattern": r"^\+?[1-9][0-9]{6,17}$"}}},
    ]
}
"""JSON schema of what a send has besides its own fields: a thread, or a number."""
ONE_PICTURE = {
    "oneOf": [
        {"required": ["media_url"], "properties": {"media_url": _TEXT, "file_id": _NOTHING}},
        {"required": ["file_id"], "properties": {"file_id": _TEXT, "media_url": _NOTHING}},
    ]
}
"""JSON schema of where a send's picture comes from: exactly one place."""
_PLACE = re.compile(r"at `\$\.(\w+)")
_LACKING = re.compile(r"missing required field `(\w+)`$")

OnUnknown = Literal["hold", "resend"]
ImagePolicy = Literal["auto", "strict"]
MediaMode = Literal["upload", "link"]
Priority = Literal["high", "normal"]
MediaUrl = Annotated[str, Meta(min_length=1, max_length=MEDIA_URL_MAX_CHARS)]
FileId = Annotated[str, Meta(min_length=1, max_length=64)]


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """To whom a message goes, and how: what every send has.

    `conversation_id` wins over `to` and `sender`, as Karibu has them; the fields after it are ours.
    """

    to: (
        Annotated[str, Meta(description="A number of 7 to 18 digits in international form, with or without a +.")]
        | None
    ) = None
    sender: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=64,
                description="One of your numbers, or its phone_number_id; may be left out where only one is active.",
            ),
        ]
        | None
    ) = None
    sender_id: Annotated[UUID, Meta(description="The same by its id; deprecated.")] | None = None
    conversation_id: (
        Annotated[
            UUID,
            Meta(description="A thread, which tells whom to and from which number; wins over `to` and `sender`."),
        ]
        | None
    ) = None
    reply_to: (
        Annotated[str, Meta(min_length=1, max_length=512, description="The message that this one answers, by our id.")]
        | None
    ) = None
    client_reference: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=255,
                description="Your own name for the message, told with it ever after.",
            ),
        ]
        | None
    ) = None
    expires_at: (
        Annotated[datetime, Meta(tz=True, description="Not sent after this moment, which names its zone.")] | None
    ) = None
    on_unknown: Annotated[
        OnUnknown,
        Meta(description="What to do where nobody knows whether WhatsApp took it: wait, or send it once more."),
    ] = "hold"
    priority: Annotated[Priority, Meta(description="High goes before normal, and leaves every fifth start to it.")] = (
        "normal"
    )
    recipient_identity_key_hash: (
        Annotated[
            str,
            Meta(min_length=1, max_length=128, description="Send only while the customer's identity is this one."),
        ]
        | None
    ) = None

    @property
    def digits(self) -> str | None:
        """The recipient's number without its plus sign."""
        return self.to.removeprefix("+") if self.to else None


class SendImage(Target, frozen=True, kw_only=True, omit_defaults=True):
    """One image to send, from exactly one place, to one target. The fields after `caption` are ours.

    - `media_url`: where the picture is: an https address that anybody may fetch
    - `file_id`: or an upload
    - `caption`: counted in code points; an empty one is none
    - `image_policy`: make the picture fit, or refuse what does not; the sender's own where it is left out
    - `media_mode`: upload the picture to WhatsApp, or let WhatsApp fetch `media_url` itself
    - `preflight`: fetch and look at the picture before the answer, and refuse what could not be sent
    """

    media_url: MediaUrl | None = None
    file_id: FileId | None = None
    caption: Annotated[str, Meta(max_length=CAPTION_MAX_CHARS)] | None = None
    image_policy: ImagePolicy | None = None
    media_mode: MediaMode = "upload"
    preflight: bool = False


class SendText(Target, frozen=True, kw_only=True, omit_defaults=True):
    """One text to send.

    - `body`: what it says, counted in code points
    """

    body: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX_CHARS)]


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The picture in a template's header, from exactly one place.

    - `media_url`: where the picture is: an https address that anybody may fetch
    - `file_id`: or an upload
    """

    media_url: MediaUrl | None = None
    file_id: FileId | None = None


HeaderBody = Annotated[Header, Meta(extra_json_schema={"allOf": [ONE_PICTURE]})]
"""A header as it must be: with one picture."""


class SendTemplate(Target, frozen=True, kw_only=True, omit_defaults=True):
    """One approved template to send, whether the window is open or not. The fields after `variables` are ours.

    - `template_name`: as it is called at WhatsApp
    - `variables`: a value for each of the template's `params`, by name or position, and no others
    - `language`: such as en_US; needed where several languages of the template are approved
    - `header`: the picture of an image header
    - `image_policy`: for that picture: make it fit, or refuse what does not
    """

    template_name: Annotated[str, Meta(min_length=1, max_length=512)]
    variables: dict[str, Annotated[str, Meta(min_length=1, max_length=VARIABLE_MAX_CHARS)]] = {}
    language: Annotated[str, Meta(min_length=2, max_length=16)] | None = None
    header: HeaderBody | None = None
    image_policy: ImagePolicy | None = None


SendImageBody = Annotated[SendImage, Meta(extra_json_schema={"allOf": [ONE_PICTURE, ONE_TARGET]})]
SendTextBody = Annotated[SendText, Meta(extra_json_schema={"allOf": [ONE_TARGET]})]
SendTemplateBody = Annotated[SendTemplate, Meta(extra_json_schema={"allOf": [ONE_TARGET]})]
"""Sends as their bodies must be: with one picture where they have one, and a target."""


class SendAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a 202: the message is stored and will be sent.

    - `message_id`: our id, to be used in paths
    - `conversation_id`: the thread that it belongs to
    - `sender_id`: the number that it goes out from
    - `sender`: the same by its phone_number_id
    - `provider_message_id`: null as long as WhatsApp has not taken it
    - `idempotent_replay`: written only on a replay, and then true
    """

    message_id: UUID
    conversation_id: UUID
    sender_id: UUID
    sender: str
    provider_message_id: str | None = None
    status: str = "pending"
    idempotent_replay: bool | msgspec.UnsetType = msgspec.UNSET


# What to do about a field of a wrong type, length or value.
_HELP = {
    "media_url": f"media_url is the picture's https address, 1 to {MEDIA_URL_MAX_CHARS} characters of text.",
    "file_id": "file_id is the id that an upload answered with: text of 1 to 64 characters.",
    "caption": f"caption is text of at most {CAPTION_MAX_CHARS} characters: shorten it, or leave it out.",
    "body": f"body is the text, 1 to {TEXT_MAX_CHARS} characters.",
    "template_name": "template_name is the name of an approved template: text of 1 to 512 characters.",
    "variables": f"variables is an object with a text of 1 to {VARIABLE_MAX_CHARS} characters for each of the "
    "template's places, by name or position.",
    "language": "language is the template's, such as en_US.",
    "header": "header is an object with the picture's media_url or file_id.",
    "to": "to is a phone number in international form: 7 to 18 digits that do not start with 0, with or without a +.",
    "sender": "sender is one of your numbers or its phone_number_id: text of 1 to 64 characters.",
    "sender_id": "sender_id is the UUID of one of your senders; prefer sender.",
    "conversation_id": "conversation_id is the UUID of a conversation: take it from a send or from the list.",
    "reply_to": "reply_to is the id of the message that this one answers: text of 1 to 512 characters.",
    "client_reference": "client_reference is your own name for the message: text of 1 to 255 characters.",
    "expires_at": "expires_at is a time with its zone, such as 2026-01-31T12:00:00Z.",
    "on_unknown": "on_unknown is hold or resend.",
    "image_policy": "image_policy is auto or strict.",
    "media_mode": "media_mode is upload or link.",
    "priority": "priority is high or normal.",
    "preflight": "preflight is true or false.",
    "recipient_identity_key_hash": "recipient_identity_key_hash is the hash from the contact: 1 to 128 characters.",
}

S = TypeVar("S", bound=msgspec.Struct)


class Aimed(Protocol):
    """What names to whom it goes."""

    @property
    def to(self) -> str | None: ...
    @property
    def conversation_id(self) -> UUID | None: ...


class Pictured(Protocol):
    """What names where its picture is."""

    @property
    def media_url(self) -> str | None: ...
    @property
    def file_id(self) -> str | None: ...


_encoder = msgspec.json.Encoder()


def encode_send(send: Target) -> bytes:
    """Return the JSON body of a send; fields at their default are left out."""
    return _encoder.encode(send)


def decode_send_image(body: bytes) -> SendImage:
    """Return the send that `body` asks for; fields it does not know are ignored and null is the same as absent.

    Both `to` and `conversation_id` may be there; the conversation wins, and neither `to` nor a sender is even checked.

    Raises:
        Malformed: the shape is wrong. `MALFORMED_JSON` without a field when it is no JSON of ours (see
            `shape.parse_object`), `VALIDATION_ERROR` otherwise, with field `media_url` for no source or two, `to` for
            no target, and the field's own name for a wrong type, length or value.
    """
    members = _members(body)
    if members.get("caption") == "":
        del members["caption"]
    send = converted(members, SendImage)
    check_source(send, "media_url", "The message")
    check_target(send)
    return send


def decode_send_text(body: bytes) -> SendText:
    """Return the send that `body` asks for; see `decode_send_image`."""
    send = converted(_members(body), SendText)
    check_target(send)
    return send


def decode_send_template(body: bytes) -> SendTemplate:
    """Return the send that `body` asks for; see `decode_send_image`. Numbers are taken for the text that they are."""
    members = _members(body)
    if isinstance(variables := members.get("variables"), dict):
        members["variables"] = {
            name: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            for name, value in variables.items()
        }
    send = converted(members, SendTemplate)
    if any("\0" in text for one in send.variables.items() for text in one):
        raise Malformed(Code.VALIDATION_ERROR, "variables hold a NUL character: remove it.", "variables")
    if send.header is not None:
        check_source(send.header, "header", "The header")
    check_target(send)
    return send


def _members(body: bytes) -> dict[str, Any]:
    members = {name: value for name, value in parse_object(body).items() if value is not None}
    if "conversation_id" in members:
        for name in ("to", "sender", "sender_id"):
            members.pop(name, None)
    return members


def converted(members: dict[str, Any], kind: type[S]) -> S:
    """Return the `kind` that members spell, none of them null; raises `Malformed` with the name of what is wrong."""
    try:
        send = msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error)) or _LACKING.search(str(error))
        raise _invalid(place[1] if place else None) from None
    for name in _HELP:
        value = members.get(name)
        if isinstance(value, str) and "\0" in value:
            raise Malformed(Code.VALIDATION_ERROR, f"{name} holds a NUL character: remove it.", name)
    expires_at: datetime | None = getattr(send, "expires_at", None)
    if expires_at is not None:
        send = msgspec.structs.replace(send, expires_at=in_utc(expires_at, "expires_at", _HELP))
    return send


def check_source(source: Pictured, field: str, what: str) -> None:
    """Raise `Malformed` unless there is one picture; `what` has it, and `field` is to blame."""
    if source.media_url is None and source.file_id is None:
        message = f"{what} has no picture: give media_url, or file_id of an upload."
    elif source.media_url is not None and source.file_id is not None:
        message = f"{what} has two pictures: give either media_url or file_id, not both."
    else:
        return
    raise Malformed(Code.VALIDATION_ERROR, message, field)


def check_target(send: Aimed, what: str = "The message") -> None:
    """Raise `Malformed` unless there is a thread, or a number that may be one."""
    if send.conversation_id is not None:
        return
    if send.to is None:
        message = f"{what} has no recipient: give to (a phone number), or conversation_id."
        raise Malformed(Code.VALIDATION_ERROR, message, "to")
    if not _TO.match(send.to):
        raise _invalid("to")


def _invalid(field: str | None) -> Malformed:
    message = _HELP.get(field or "", "A field has the wrong type: compare the body with the reference.")
    return Malformed(Code.VALIDATION_ERROR, message, field)
