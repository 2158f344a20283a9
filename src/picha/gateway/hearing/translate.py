"""From Meta's words to ours: one webhook item, one fact. The only way inward."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from picha.cloudapi.webhooks import EchoItem, ErrorItem, InboundMessage, MessageItem, OtherItem, StatusItem, when
from picha.gateway.domain.facts import MessageReceived, Notice, StatusSeen
from picha.gateway.hearing import said
from picha.gateway.hearing.said import Arrival
from picha.gateway.meta import tokens
from picha.gateway.meta.classify import explain
from picha.gateway.meta.times import Times
from picha.gateway.store.tenants import Owner, Route
from picha.kit.ids import named

Fact = MessageReceived | StatusSeen | Notice
_OfNumber = MessageItem | StatusItem | ErrorItem | EchoItem

# Webhooks tell whole seconds, and a clock that was asked is known no better.
_SAME_MOMENT = timedelta(seconds=1)
# A change of these fields without any of their lists is none that Meta documents.
_OF_LISTS = frozenset({"messages", "smb_message_echoes"})


def fact(item: _OfNumber, arrival: Arrival, times: Times, token_keys: Sequence[bytes]) -> Fact:
    """Return the fact that a webhook item tells about the sender at which it arrived.

    Raises:
        ValueError: the item holds nonsense; the text says which.
    """
    match item:
        case StatusItem():
            return _status(item, arrival, token_keys)
        case ErrorItem():
            return _error(item, arrival)
        case EchoItem():
            return said.echo(item, arrival)
        case MessageItem():
            return said.message(item, arrival, times.shifted(arrival.route.account_id, arrival.at))


def news(item: OtherItem, owner: Owner | None, body: UUID, received_at: datetime) -> Notice:
    """Return the fact that a change of any other field tells about the account that `owner` names.

    Raises:
        ValueError: the account is not ours, or the change is none that has a meaning.
    """
    if item.field in _OF_LISTS:
        raise ValueError(f"A change of {item.field} without any of the lists that it should hold.")
    if owner is None:
        raise ValueError("No account of this Meta app has the entry's id.")
    value = msgspec.json.decode(item.raw)
    new = named(body, item.field.encode() + item.raw)
    return Notice(new, owner.workspace_id, owner.account_id, None, item.field, value, received_at)


def is_from_the_future(message: InboundMessage, route: Route | None, received_at: datetime, times: Times) -> bool:
    """Tell whether a test account's message is later than its sandbox's clock as last asked: it may have been moved."""
    if route is None or route.environment != "test":
        return False
    try:
        return when(message.timestamp) > times.shifted(route.account_id, received_at) + _SAME_MOMENT
    except (ValueError, OverflowError):
        return False


def _status(item: StatusItem, arrival: Arrival, token_keys: Sequence[bytes]) -> StatusSeen:
    status = item.status
    error = status.errors[0] if status.errors else None
    return StatusSeen(
        workspace_id=arrival.route.workspace_id,
        sender_id=arrival.route.sender_id,
        wamid=said.clean(status.id),
        status=said.clean(status.status),
        provider_at=when(status.timestamp),
        received_at=arrival.at,
        code=error.code if error else 0,
        title=said.clean(error.title or error.message or "") if error else "",
        detail=explain(error.code, error.details or "") if error else "",
        attempt=tokens.read(token_keys, status.biz_opaque_callback_data),
    )


def _error(item: ErrorItem, arrival: Arrival) -> Notice:
    error = item.error
    return Notice(
        id=named(arrival.body, item.raw),
        workspace_id=arrival.route.workspace_id,
        account_id=arrival.route.account_id,
        sender_id=arrival.route.sender_id,
        field="errors",
        value=msgspec.json.decode(item.raw),
        received_at=arrival.at,
        code=error.code,
        title=error.title or error.message,
        detail=explain(error.code, error.details or ""),
    )
