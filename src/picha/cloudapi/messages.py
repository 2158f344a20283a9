"""What `POST /<PHONE_NUMBER_ID>/messages` takes of us, images, texts, templates and read marks, and its answer."""

import base64
import json
import re
from typing import Any

import msgspec

from picha.cloudapi.fields import always, decoded


class ImageObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Names the picture by exactly one of `id` (an uploaded media id) and `link` (a public URL), with a caption."""

    id: str | None = None
    link: str | None = None
    caption: str | None = None


class MessageContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Names the message that is replied to, by its wamid."""

    message_id: str


class _Send(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as it is handed to Meta.

    `to` is a phone number ("+" and digits are safest) or a group id; `recipient` is a business-scoped user id (BSUID).
    At least one of the two is there, and `to` wins. `biz_opaque_callback_data` (≤ 512 characters) comes back on every
    status. A message with `recipient_identity_key_hash` goes out only while the user's key still has that hash.
    """

    messaging_product: str = always("whatsapp")
    recipient_type: str = always("individual")
    to: str | None = None
    recipient: str | None = None
    context: MessageContext | None = None
    biz_opaque_callback_data: str | None = None
    recipient_identity_key_hash: str | None = None


class ImageSend(_Send, frozen=True, kw_only=True, omit_defaults=True):
    """One image message."""

    type: str = always("image")
    image: ImageObject


class TextBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text of at most 4,096 characters."""

    body: str


class TextSend(_Send, frozen=True, kw_only=True, omit_defaults=True):
    """One text message."""

    type: str = always("text")
    text: TextBody


class TemplateLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """A template's language, such as en_US."""

    code: str


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What fills a place of a template: a `text` with `parameter_name` where its places have names, or an `image`."""

    type: str
    parameter_name: str | None = None
    text: str | None = None
    image: ImageObject | None = None


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a template, `header` or `body`, and what fills its places in their order."""

    type: str
    parameters: list[Parameter]


class TemplateObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which approved template, in which language, and what fills it."""

    name: str
    language: TemplateLanguage
    components: list[Component] = []


class TemplateSend(_Send, frozen=True, kw_only=True, omit_defaults=True):
    """One template message, which may go out at any time."""

    type: str = always("template")
    template: TemplateObject


MessageSend = ImageSend | TextSend | TemplateSend


class ReadMark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Marks a person's message, named by its wamid, and with it all earlier ones of theirs as read."""

    messaging_product: str = always("whatsapp")
    status: str = always("read")
    message_id: str


class SendContact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient as it was given (`input`) and as Meta knows it; the two phone numbers may differ."""

    input: str
    wa_id: str | None = None
    user_id: str | None = None


class SentMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The name (`wamid.…`) that Meta gave the message; `group_id` on group sends only."""

    id: str
    group_id: str | None = None
    message_status: str | None = None


class SendAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Meta's answer 200 to a send: taken for delivery, not yet delivered."""

    messaging_product: str = always("whatsapp")
    contacts: list[SendContact] = []
    messages: list[SentMessage]


_encoder = msgspec.json.Encoder()
_send = msgspec.json.Decoder(ImageSend)
_answer = msgspec.json.Decoder(SendAnswer)
_object = msgspec.json.Decoder(dict[str, Any])


def encode_send(send: MessageSend) -> bytes:
    """Return the JSON body of a send; the three constant members are always written, absent ones never."""
    return _encoder.encode(send)


def encode_read_mark(mark: ReadMark) -> bytes:
    """Return the JSON body of a read mark."""
    return _encoder.encode(mark)


def decode_send(body: bytes) -> ImageSend:
    """Return the image send that `body` spells, read as Meta reads it.

    An empty or null caption is no caption (clients write both). Callback data that is an object is kept as JSON text.
    Whether the message makes sense (one source, a target) is for the reader to check. A missing `type` reads as image.

    Raises:
        msgspec.ValidationError: a member has the wrong type or `image` is missing.
        msgspec.DecodeError: the body is not JSON.
    """
    try:
        send = decoded(_send, body)
    except msgspec.ValidationError:
        send = _decode_slowly(body)
    if send.image.caption == "":
        image = msgspec.structs.replace(send.image, caption=None)
        send = msgspec.structs.replace(send, image=image)
    return send


def _decode_slowly(body: bytes) -> ImageSend:
    document = decoded(_object, body)
    data = document.get("biz_opaque_callback_data")
    if isinstance(data, dict | list):
        document["biz_opaque_callback_data"] = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return msgspec.convert(document, ImageSend)


def encode_send_answer(answer: SendAnswer) -> bytes:
    """Return the JSON body of an answer to a send."""
    return _encoder.encode(answer)


def decode_send_answer(body: bytes) -> SendAnswer:
    """Return the answer to a send that `body` spells.

    Raises:
        msgspec.ValidationError: it names no message.
        msgspec.DecodeError: the body is not JSON, for example because it was cut off.
    """
    answer = decoded(_answer, body)
    if not answer.messages or not answer.messages[0].id:
        raise msgspec.ValidationError("the answer names no message")
    return answer


_HEX = re.compile(r"[0-9A-Fa-f]+\Z")
_SEVEN_BITS = 0x7F


def make_wamid(peer: str, *, outbound: bool, token_hex: str) -> str:
    """Return a message id built as Meta's are: the peer's id, a direction and a token, in base64 after `wamid.`.

    `peer` is the digits of a phone number (or a BSUID); Meta's own tokens have 18 hexadecimal digits outbound and 20 to
    32 inbound. The form was read off published ids; readers must treat it as opaque.

    Raises:
        ValueError: the peer is not ASCII or the token is not hexadecimal.
    """
    if not _HEX.match(token_hex):
        raise ValueError("a wamid's token is written in hexadecimal digits")
    peer_bytes, token = peer.encode("ascii"), token_hex.upper().encode()
    direction = b"\x11" if outbound else b"\x12"
    middle = b"\x15\x02\x00" + direction
    body = b"\x1c" + _text_field(peer_bytes) + middle + _text_field(token) + b"\x00"
    return "wamid." + base64.b64encode(body).decode()


def _text_field(text: bytes) -> bytes:
    length, size = len(text), bytearray()
    while length > _SEVEN_BITS:
        size.append(length & _SEVEN_BITS | 0x80)
        length >>= 7
    size.append(length)
    return b"\x18" + bytes(size) + text
