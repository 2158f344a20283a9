"""From Meta's words to ours: one webhook item, one fact. The only way inward."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from picha.cloudapi.limits import SERVICE_WINDOW
from picha.cloudapi.webhooks import Item, MessageItem, StatusItem, when
from picha.gateway.domain import window
from picha.gateway.domain.facts import MessageReceived, Person, StatusSeen
from picha.gateway.meta import tokens
from picha.gateway.meta.classify import explain
from picha.gateway.meta.times import Times
from picha.gateway.store.tenants import Route

# News about a person rather than from them opens no window.
_OPENS_NO_WINDOW = frozenset({"system"})
# Members that only one type of message has; they are kept with it as they came.
_OF_ONE_TYPE = ("reaction", "edit", "revoke", "unsupported", "system")
# Webhooks tell whole seconds, and a clock that was asked is known no better.
_SAME_MOMENT = timedelta(seconds=1)


def fact(
    item: Item, route: Route | None, received_at: datetime, times: Times, token_key: bytes
) -> MessageReceived | StatusSeen:
    """Return the fact that a webhook item tells about the sender that `route` names.

    Raises:
        ValueError: the item is none that the gateway acts on, is about a number that is not ours, or holds nonsense;
            the text says which.
    """
    if not isinstance(item, MessageItem | StatusItem):
        raise ValueError("Kept for a person to look at: nothing here acts on this kind of update.")  # noqa: TRY004
    if route is None:
        raise ValueError("No sender of this Meta app has the item's phone_number_id.")
    if isinstance(item, StatusItem):
        return _status(item, route, received_at, token_key)
    return _message(item, route, received_at, times.shifted(route.account_id, received_at))


def is_from_the_future(item: Item, route: Route | None, received_at: datetime, times: Times) -> bool:
    """Tell whether a test account's message is later than its sandbox's clock as last asked: it may have been moved."""
    if route is None or route.environment != "test" or not isinstance(item, MessageItem):
        return False
    try:
        return when(item.message.timestamp) > times.shifted(route.account_id, received_at) + _SAME_MOMENT
    except (ValueError, OverflowError):
        return False


def _status(item: StatusItem, route: Route, received_at: datetime, token_key: bytes) -> StatusSeen:
    status = item.status
    error = status.errors[0] if status.errors else None
    return StatusSeen(
        workspace_id=route.workspace_id,
        sender_id=route.sender_id,
        wamid=_clean(status.id),
        status=_clean(status.status),
        provider_at=when(status.timestamp),
        received_at=received_at,
        code=error.code if error else 0,
        title=_clean(error.title or error.message or "") if error else "",
        detail=_clean(explain(error.code, error.details or "")) if error else "",
        attempt=tokens.read(token_key, status.biz_opaque_callback_data),
    )


def _message(item: MessageItem, route: Route, received_at: datetime, domain_at: datetime) -> MessageReceived:
    message = item.message
    provider_at, media = when(message.timestamp), message.image
    state = None
    if message.type == "image":
        state = "pending" if media and media.id else "unavailable"
    caption = media.caption if media else None
    # What a member writes in a group opens the window of the group, not theirs.
    opens_window = message.type not in _OPENS_NO_WINDOW and message.group_id is None
    return MessageReceived(
        workspace_id=route.workspace_id,
        sender_id=route.sender_id,
        wamid=_clean(message.id),
        person=_person(item),
        message_type=_clean(message.type),
        provider_at=provider_at,
        received_at=received_at,
        window_until=window.closes_at(provider_at, domain_at, SERVICE_WINDOW) if opens_window else None,
        caption=_clean(caption) if caption else None,
        reply_to=_clean(message.context.id) if message.context and message.context.id else None,
        image_state=state,
        facts=_facts(item),
    )


def _person(item: MessageItem) -> Person:
    """Collect what answers to the writer; the phone may differ from the wa_id, and either may be missing."""
    contact, message = item.contact, item.message
    addresses = {
        "wa_id": _digits((contact.wa_id if contact else None) or message.from_),
        "phone": _digits(message.from_),
        "bsuid": (contact.user_id if contact else None) or message.from_user_id,
    }
    known = {kind: _clean(value) for kind, value in addresses.items() if value}
    if not known:
        raise ValueError("The message names nobody it came from.")
    return Person(
        known,
        name=_clean(contact.profile.name) if contact and contact.profile and contact.profile.name else None,
        identity_key_hash=_clean(contact.identity_key_hash) if contact and contact.identity_key_hash else None,
    )


def _facts(item: MessageItem) -> dict[str, Any]:
    """Return what the message carries beside its caption; a referral keeps Meta's names."""
    message = item.message
    found: dict[str, Any] = {}
    if (media := message.media) is not None:
        found["media"] = {"id": media.id, "url": media.url, "mime_type": media.mime_type, "sha256": media.sha256}
    if (context := message.context) is not None:
        found["context"] = {
            "forwarded": context.forwarded,
            "frequently_forwarded": context.frequently_forwarded,
            "message_id": context.id,
        }
    if message.referral is not None:
        found["referral"] = msgspec.to_builtins(message.referral)
    if message.text is not None:
        found["text"] = message.text.body
    if message.group_id is not None:
        found["group_id"] = message.group_id
    for name in _OF_ONE_TYPE:
        if (member := getattr(message, name)) is not None:
            found[name] = msgspec.to_builtins(member)
    if message.errors:
        found["errors"] = msgspec.to_builtins(message.errors)
    cleaned: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found).replace(b"\\u0000", b"\\ufffd"))
    return cleaned


def _digits(number: str | None) -> str | None:
    return "".join(filter(str.isdigit, number)) if number else None


def _clean(text: str) -> str:
    """Replace NUL, which PostgreSQL's text cannot hold."""
    return text.replace("\0", "\ufffd")
