"""Reading a webhook body into its items, so that one that cannot be understood never sinks its neighbours.

Every level of the body is a list (entries, changes, messages, statuses, errors) and each is opened by itself. An item
keeps its own bytes, cut from the body and never written anew.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from picha.cloudapi.updates import Contact, InboundMessage, MessageEcho, Metadata, Status, WebhookError
from picha.cloudapi.webhook_items import EchoItem, ErrorItem, MessageItem, OtherItem, Reading, StatusItem, Trouble

_T = TypeVar("_T")


class _Envelope(msgspec.Struct):
    entry: list[msgspec.Raw]


class _Entry(msgspec.Struct):
    changes: list[msgspec.Raw]
    id: str = ""


class _Change(msgspec.Struct):
    field: str
    value: msgspec.Raw


class _Value(msgspec.Struct):
    metadata: Metadata
    contacts: list[msgspec.Raw] | None = None
    messages: list[msgspec.Raw] | None = None
    statuses: list[msgspec.Raw] | None = None
    errors: list[msgspec.Raw] | None = None
    message_echoes: list[msgspec.Raw] | None = None


# The lists that are read in the changes of each field.
_LISTS = {"messages": ("messages", "statuses", "errors"), "smb_message_echoes": ("message_echoes",)}
_NO_VALUE = _Value(metadata=Metadata(phone_number_id=""))

_envelope = msgspec.json.Decoder(_Envelope)
_entry = msgspec.json.Decoder(_Entry)
_change = msgspec.json.Decoder(_Change)
_value = msgspec.json.Decoder(_Value)
_contact = msgspec.json.Decoder(Contact)
_message = msgspec.json.Decoder(InboundMessage)
_echo = msgspec.json.Decoder(MessageEcho)
_status = msgspec.json.Decoder(Status)
_error = msgspec.json.Decoder(WebhookError)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])

# Members whose loss leaves a message or status worth having.
_SPARE = {
    "from_user_id",
    "group_id",
    "context",
    "referral",
    "system",
    "reaction",
    "edit",
    "revoke",
    "unsupported",
    "to_user_id",
    "errors",
    "recipient_parent_user_id",
    "recipient_type",
    "recipient_participant_user_id",
    "recipient_identity_key_hash",
    "conversation",
    "pricing",
}
_PLACE = re.compile(r"at `\$\.(\w+)")
_SECONDS = re.compile(r"[0-9]{1,11}\Z")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# An escape in JSON: a pair of surrogates, a surrogate alone (group 1), or any other.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


def read(body: bytes) -> Reading:
    """Return every item of a webhook body, and a trouble for each part that cannot be understood; never raises.

    Messages, statuses, errors and echoes come typed; other changes come as `OtherItem`. A body that is no JSON, or no
    envelope, is one trouble at path `$`. Half a surrogate pair, which a cut text can end in and no JSON reader takes,
    is read as U+FFFD.
    """
    reading = Reading()
    envelope = _open(reading, _envelope, body, "$")
    if envelope is None and (mended := _mend(body)) != body:
        reading = Reading()
        envelope = _open(reading, _envelope, mended, "$")
    for i, raw_entry in enumerate(envelope.entry if envelope else ()):
        entry = _open(reading, _entry, raw_entry, f"$.entry[{i}]")
        for j, raw_change in enumerate(entry.changes if entry else ()):
            path = f"$.entry[{i}].changes[{j}]"
            change = _open(reading, _change, raw_change, path)
            if entry and change:
                _read_change(reading, entry.id, change, path + ".value")
    return reading


def when(timestamp: str) -> datetime:
    """Return the moment that a webhook's timestamp (seconds since 1970 as text) names, aware and in UTC.

    Raises:
        ValueError: the text is not such a number, or lies beyond the year 5138.
    """
    if not _SECONDS.match(timestamp):
        raise ValueError("a webhook timestamp is whole seconds since 1970, in digits")
    return datetime.fromtimestamp(int(timestamp), UTC)


def _mend(body: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)


def _open(reading: Reading, decoder: msgspec.json.Decoder[_T], raw: bytes | msgspec.Raw, path: str) -> _T | None:
    try:
        return decoder.decode(raw)
    except _UNREADABLE as error:
        reading.troubles.append(Trouble(path=path, reason=str(error), raw=bytes(raw)))
        return None


def _read_change(reading: Reading, waba_id: str, change: _Change, path: str) -> None:
    value = _open(reading, _value, change.value, path) if change.field in _LISTS else _NO_VALUE
    if value is None:
        return
    if not any(getattr(value, name) for name in _LISTS.get(change.field, ())):
        reading.items.append(OtherItem(waba_id=waba_id, field=change.field, raw=bytes(change.value)))
        return
    contacts = [contact for contact, _, _ in _each(reading, _contact, value.contacts, path + ".contacts")]
    if change.field == "smb_message_echoes":
        _read_echoes(reading, waba_id, value, contacts, path + ".message_echoes")
        return
    _read_messages(reading, waba_id, value, contacts, path + ".messages")
    _read_statuses(reading, waba_id, value, contacts, path + ".statuses")
    for error, raw, _ in _each(reading, _error, value.errors, path + ".errors"):
        reading.items.append(ErrorItem(waba_id=waba_id, metadata=value.metadata, error=error, raw=raw))


def _read_messages(reading: Reading, waba_id: str, value: _Value, contacts: list[Contact], path: str) -> None:
    found = list(_each(reading, _message, value.messages, path))
    one_sender = len({(message.from_, message.from_user_id) for message, _, _ in found}) == 1
    for message, raw, left_out in found:
        contact = _who(contacts, message.from_, message.from_user_id, sole=one_sender)
        reading.items.append(
            MessageItem(
                waba_id=waba_id,
                metadata=value.metadata,
                contact=contact,
                message=message,
                raw=raw,
                left_out=left_out,
            )
        )


def _read_statuses(reading: Reading, waba_id: str, value: _Value, contacts: list[Contact], path: str) -> None:
    found = list(_each(reading, _status, value.statuses, path))
    one_recipient = len({phone or user_id for phone, user_id in (_recipient(status) for status, _, _ in found)}) == 1
    for status, raw, left_out in found:
        contact = _who(contacts, *_recipient(status), sole=one_recipient)
        reading.items.append(
            StatusItem(
                waba_id=waba_id,
                metadata=value.metadata,
                status=status,
                contact=contact,
                raw=raw,
                left_out=left_out,
            )
        )


def _recipient(status: Status) -> tuple[str | None, str | None]:
    """Return the phone number and the user id that a status is about, in a group the participant's."""
    return (
        status.participant or status.recipient_id,
        status.recipient_participant_user_id or status.recipient_user_id,
    )


def _read_echoes(reading: Reading, waba_id: str, value: _Value, contacts: list[Contact], path: str) -> None:
    for echo, raw, left_out in _each(reading, _echo, value.message_echoes, path):
        contact = _who(contacts, echo.to, echo.to_user_id, sole=len(value.message_echoes or ()) == 1)
        reading.items.append(
            EchoItem(waba_id=waba_id, metadata=value.metadata, echo=echo, contact=contact, raw=raw, left_out=left_out)
        )


def _each(
    reading: Reading, decoder: msgspec.json.Decoder[_T], raws: Sequence[msgspec.Raw] | None, path: str
) -> Iterator[tuple[_T, bytes, tuple[str, ...]]]:
    for index, raw in enumerate(raws or ()):
        try:
            yield decoder.decode(raw), bytes(raw), ()
        except _UNREADABLE as error:
            salvaged = _salvage(decoder, raw, error)
            if salvaged is None:
                reading.troubles.append(Trouble(path=f"{path}[{index}]", reason=str(error), raw=bytes(raw)))
            else:
                yield salvaged[0], bytes(raw), salvaged[1]


def _salvage(
    decoder: msgspec.json.Decoder[_T], raw: msgspec.Raw, error: Exception
) -> tuple[_T, tuple[str, ...]] | None:
    """Decode once more without the spare members that stand in the way, or give up."""
    left_out: list[str] = []
    while isinstance(error, msgspec.ValidationError):
        place = _PLACE.search(str(error))
        if place is None or place[1] not in _SPARE or place[1] in left_out:
            return None
        left_out.append(place[1])
        try:
            members = {name: value for name, value in _members.decode(raw).items() if name not in left_out}
            return decoder.decode(msgspec.json.encode(members)), tuple(left_out)
        except _UNREADABLE as next_error:
            error = next_error
    return None


def _who(contacts: list[Contact], phone: str | None, user_id: str | None, *, sole: bool) -> Contact | None:
    """Pick the contact that an item is about; a person's id and phone number may differ, so a sole pair belongs."""
    digits = phone.removeprefix("+") if phone else None
    for contact in contacts:
        if (user_id and contact.user_id == user_id) or (digits and contact.wa_id == digits):
            return contact
    return contacts[0] if sole and len(contacts) == 1 else None
