"""What a request to `/messages` must look like: a body in, a wish or a refusal out. Pure.

Sources: Meta's image messages page, message API reference and business-scoped user id page; the wording of refusals as
observed. What depends on the world (does the media exist, is the window open) is judged elsewhere.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from picha.cloudapi.limits import CALLBACK_DATA_MAX_CHARS, CAPTION_MAX_CHARS
from picha.sandbox import refusals, templates
from picha.sandbox.person import is_group_id, is_user_id
from picha.sandbox.phone import bare, country_code_of, is_phone, wa_id_of
from picha.sandbox.switches import Switches

TEXT_MAX_CHARS = 4096

_TYPES = (
    "audio", "contacts", "document", "image", "interactive", "location", "reaction", "sticker", "template", "text",
    "video",
)  # fmt: skip
_KEYS = frozenset(
    {
        "messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data",
        "recipient_identity_key_hash", "messaging_account_id", "paid_messaging_account_id", "access_token", *_TYPES,
    }
)  # fmt: skip
_READ_KEYS = frozenset({"messaging_product", "status", "message_id", "typing_indicator", "access_token"})
_NO_PHONE_NUMBER = "Parameter 'to' is not a phone number."
_NO_PERSON = "Parameter 'to' is not a phone number; a group's id goes with recipient_type group."

Document = dict[str, Any]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A message somebody wants sent; `to` is digits, `to_as_given` what they wrote."""

    type: str
    to: str | None = None
    to_as_given: str | None = None
    recipient: str | None = None
    group_id: str | None = None
    media_id: str | None = None
    link: str | None = None
    caption: str | None = None
    text: str | None = None
    context_id: str | None = None
    callback_data: str | None = None
    identity_key_hash: str | None = None


class ReadMark(msgspec.Struct, frozen=True, kw_only=True):
    """A received message that shall be marked as read, and whether the person shall see the business typing."""

    message_id: str
    typing: bool = False


def read(body: Document, switches: Switches, phone: str) -> Wish | ReadMark:
    """Return what a body asks of the business's number with these digits.

    Raises:
        Refusal: the body breaks a rule.
    """
    if _text(body, "messaging_product") is None:
        raise refusals.missing("messaging_product")
    if body["messaging_product"] != "whatsapp":
        raise refusals.one_of("messaging_product", ("whatsapp",), body["messaging_product"])
    return _read_mark(body) if body.get("status") is not None else _wish(body, switches, phone)


def _read_mark(body: Document) -> ReadMark:
    _only(body, _READ_KEYS, "$")
    if _text(body, "status") != "read":
        raise refusals.one_of("status", ("read",), body["status"])
    typing = _object(body, "typing_indicator", frozenset({"type"}))
    if typing is not None and typing.get("type") != "text":
        raise refusals.one_of("typing_indicator['type']", ("text",), str(typing.get("type")))
    message_id = _text(body, "message_id")
    if message_id is None:
        raise refusals.missing("message_id")
    return ReadMark(message_id=message_id, typing=typing is not None)


def _wish(body: Document, switches: Switches, phone: str) -> Wish:
    _only(body, _KEYS, "$")
    if switches.recipient_type == "required" and body.get("recipient_type") is None:
        raise refusals.missing("recipient_type")
    target = _target(body, country_code_of(phone) if switches.country_code == "prefix" else "")
    if switches.wa_id == "normalised" and target.get("to") is not None:
        target["to"] = wa_id_of(target["to"])
    kind = _type(body, switches)
    content = _CONTENTS[kind](body)
    context = _object(body, "context", frozenset({"message_id"}))
    context_id = None if context is None else _text(context, "message_id", "context['message_id']")
    return Wish(
        type=kind,
        context_id=context_id,
        callback_data=_callback_data(body),
        identity_key_hash=_text(body, "recipient_identity_key_hash"),
        **target,
        **content,
    )


def _target(body: Document, prefix: str) -> Document:
    """Return whom a send is for; `prefix` goes before a `to` without a plus sign, but never before a group's id."""
    recipient_type = _text(body, "recipient_type")
    if recipient_type not in (None, "individual", "group"):
        raise refusals.one_of("recipient_type", ("individual", "group"), str(recipient_type))
    given, recipient = _text(body, "to") or None, _text(body, "recipient") or None
    if given is None and recipient is None:
        raise refusals.missing("to")
    if recipient_type == "group":
        return {"group_id": _group(given)}
    to = None if given is None else ("" if "+" in given else prefix) + bare(given)
    if to is not None and not is_phone(to):
        raise refusals.of_code(131009, _NO_PHONE_NUMBER if not is_group_id(to) else _NO_PERSON)
    if recipient is not None and not is_user_id(recipient):
        raise refusals.of_code(131009, "Parameter 'recipient' is not a business-scoped user id.")
    return {"to": to, "to_as_given": given, "recipient": recipient}


def _group(given: str | None) -> str:
    if given is None:
        raise refusals.missing("to")
    if not is_group_id(given):
        raise refusals.of_code(131009, "Parameter 'recipient_type' is group, and parameter 'to' is not a group's id.")
    return given


def _type(body: Document, switches: Switches) -> str:
    kind = _text(body, "type")
    if kind is None and body.get("image") is not None:
        if switches.image_type == "required":
            raise refusals.missing("type")
        kind = "image"
    kind = kind or "text"
    if kind not in _TYPES:
        raise refusals.one_of("type", _TYPES, kind)
    if kind not in _CONTENTS:
        raise refusals.of_code(131051, "This sandbox takes messages of type image, template and text.")
    return kind


def _image(body: Document) -> Document:
    image = _object(body, "image", frozenset({"id", "link", "caption"}))
    if image is None:
        raise refusals.missing("image")
    media_id = _text(image, "id", "image['id']") or None
    link = _text(image, "link", "image['link']") or None
    # Clients write an absent caption as null or as an empty text.
    caption = _text(image, "caption", "image['caption']") or None
    if (media_id is None) == (link is None):
        raise refusals.no_media()
    if caption is not None and len(caption) > CAPTION_MAX_CHARS:
        raise refusals.too_long("image['caption']", CAPTION_MAX_CHARS)
    if link is not None and not _is_web_address(link):
        raise refusals.bad_link()
    return {"media_id": media_id, "link": link, "caption": caption}


def _template(body: Document) -> Document:
    template = _object(body, "template", frozenset({"name", "language", "components", "namespace"}))
    if template is None:
        raise refusals.missing("template")
    header, text = templates.read(template)
    return _image({"image": header}) | {"text": text}


def _text_content(body: Document) -> Document:
    text = _object(body, "text", frozenset({"body", "preview_url"}))
    content = None if text is None else _text(text, "body", "text['body']")
    if not content:
        raise refusals.missing("text['body']")
    if len(content) > TEXT_MAX_CHARS:
        raise refusals.too_long("text['body']", TEXT_MAX_CHARS)
    return {"text": content}


_CONTENTS = {"image": _image, "template": _template, "text": _text_content}


def _callback_data(body: Document) -> str | None:
    data = body.get("biz_opaque_callback_data")
    if isinstance(data, dict | list):
        data = msgspec.json.encode(data).decode()
    if data is not None and not isinstance(data, str):
        raise refusals.wrong_type("biz_opaque_callback_data", "a string")
    if data is not None and len(data) > CALLBACK_DATA_MAX_CHARS:
        raise refusals.too_long("biz_opaque_callback_data", CALLBACK_DATA_MAX_CHARS)
    return data


def _is_web_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
        # Asking for the port is what refuses one that is no number.
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and has_host and not re.search(r"[\x00-\x20\x7f]", link)


def _only(body: Document, keys: frozenset[str], name: str) -> None:
    for key in body:
        if key not in keys:
            raise refusals.unexpected(key, name)


def _text(body: Document, key: str, name: str | None = None) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise refusals.wrong_type(name or key, "a string")
    return value


def _object(body: Document, key: str, keys: frozenset[str]) -> Document | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise refusals.wrong_type(key, "a JSON object")
    _only(value, keys, key)
    return value
