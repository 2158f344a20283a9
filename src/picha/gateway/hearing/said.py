"""What somebody said, of every kind, as a fact: a customer's message, or an echo of what the business sent itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from picha.cloudapi.limits import SERVICE_WINDOW
from picha.cloudapi.webhooks import (
    Contact,
    EchoItem,
    InboundContext,
    InboundImage,
    InboundMedia,
    InboundMessage,
    MessageItem,
    SystemChange,
    when,
)
from picha.gateway.domain import window
from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.store.tenants import Route
from picha.kit.ids import following

# News about a person rather than from them opens no window.
_OPENS_NO_WINDOW = frozenset({"system"})
# Members that only one type of message has and that we read; they are kept with it as they came.
_OF_ONE_TYPE = ("reaction", "edit", "revoke", "unsupported", "system")
# Types of which nothing is lost when what we read is kept; of any other type, its own member is kept as it came.
_READ = frozenset({"image", "text", "video", "audio", "document", "sticker", *_OF_ONE_TYPE})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when an item was heard: the sender it is about, the body's id, its place there, and our own time."""

    route: Route
    body: UUID
    place: int
    at: datetime


def message(item: MessageItem, arrival: Arrival, domain_at: datetime) -> MessageReceived:
    """Return the fact that a customer wrote, heard at the domain's moment; raises `ValueError` where it is nonsense."""
    told = item.message
    # What a member writes in a group is for the group; no window of theirs opens.
    opens_window = told.type not in _OPENS_NO_WINDOW and told.group_id is None
    until = window.closes_at(when(told.timestamp), domain_at, SERVICE_WINDOW) if opens_window else None
    person = _changed(told) or _person(item.contact, told.from_, told.from_user_id)
    return _fact(told, item.raw, arrival, person, window_until=until, group_id=told.group_id)


def echo(item: EchoItem, arrival: Arrival) -> MessageReceived:
    """Return the fact that the business wrote from its own phone; raises `ValueError` where that is nonsense."""
    person = _person(item.contact, item.echo.to, item.echo.to_user_id)
    return _fact(item.echo, item.raw, arrival, person, is_echo=True)


def _fact(told: InboundMessage, raw: bytes, arrival: Arrival, person: Person, **others: Any) -> MessageReceived:
    state = None
    if told.type == "image":
        state = "pending" if told.image and told.image.id else "unavailable"
    return MessageReceived(
        workspace_id=arrival.route.workspace_id,
        account_id=arrival.route.account_id,
        sender_id=arrival.route.sender_id,
        wamid=clean(told.id),
        person=person,
        message_type=clean(told.type),
        provider_at=when(told.timestamp),
        received_at=arrival.at,
        caption=clean(told.media.caption) if told.media and told.media.caption else None,
        reply_to=clean(told.context.id) if told.context and told.context.id else None,
        image_state=state,
        facts=_facts(told, raw),
        id=following(arrival.body, arrival.place),
        **others,
    )


def _person(contact: Contact | None, phone: str | None, user_id: str | None) -> Person:
    """Collect what answers to the other side; the phone may differ from the wa_id, and either may be missing."""
    digits = _digits(phone)
    wa_id = _digits(contact.wa_id if contact else None) or digits
    user_id = (contact.user_id if contact else None) or user_id
    addresses = {"wa_id": wa_id, "phone": digits if digits != wa_id else None, "bsuid": user_id}
    known = {kind: clean(value) for kind, value in addresses.items() if value}
    if not known:
        raise ValueError("The message names nobody on the other side.")
    return Person(
        known,
        name=clean(contact.profile.name) if contact and contact.profile and contact.profile.name else None,
        identity_key_hash=clean(contact.identity_key_hash) if contact and contact.identity_key_hash else None,
    )


def _changed(told: InboundMessage) -> Person | None:
    """Return who has another number or user id from now on, if that is what the message tells."""
    change = told.system or SystemChange()
    now = {"wa_id": _digits(change.wa_id), "bsuid": change.user_id}
    former = {"wa_id": _digits(told.from_), "bsuid": change.previous_user_id or told.from_user_id}
    addresses = {kind: clean(value) for kind, value in now.items() if value}
    if not addresses:
        return None
    return Person(addresses, former={kind: clean(value) for kind, value in former.items() if value})


def _facts(told: InboundMessage, raw: bytes) -> dict[str, Any]:
    """Return what the message carries beside its caption, under Meta's names; what it does not carry is left out."""
    found: dict[str, Any] = {
        "media": _media(told.media),
        "context": _context(told.context),
        "referral": told.referral,
        "text": told.text.body if told.text else None,
        "group_id": told.group_id,
        "errors": told.errors or None,
    }
    found |= {name: getattr(told, name) for name in _OF_ONE_TYPE}
    if told.type not in _READ and (own := _members.decode(raw).get(told.type)) is not None:
        found[told.type] = msgspec.json.decode(own)
    kept: dict[str, Any] = msgspec.to_builtins({name: fact for name, fact in found.items() if fact is not None})
    return kept


def _media(media: InboundImage | None) -> dict[str, Any] | None:
    if media is None:
        return None
    known = {"id": media.id, "url": media.url, "mime_type": media.mime_type, "sha256": media.sha256}
    return known | {"filename": media.filename, "voice": media.voice} if isinstance(media, InboundMedia) else known


def _context(context: InboundContext | None) -> dict[str, Any] | None:
    if context is None:
        return None
    return {
        "forwarded": context.forwarded,
        "frequently_forwarded": context.frequently_forwarded,
        "message_id": context.id,
    }


def _digits(number: str | None) -> str | None:
    if not number or number.isdigit():
        return number
    return "".join(filter(str.isdigit, number))


def clean(text: str) -> str:
    """Replace NUL, which PostgreSQL's text cannot hold."""
    return text.replace("\0", "\ufffd")
