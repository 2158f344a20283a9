"""The webhook bodies the sandbox writes, in two dialects; those of statuses are written next door.

`2026` is a superset: it names people by business-scoped user id, as Meta does since that year. `2025` is the form of
Meta's image webhook reference of December 2025, word for word.
"""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.errors import lookup
from picha.sandbox import records
from picha.sandbox.accounts import Number
from picha.sandbox.dialect import Dialect
from picha.sandbox.person import Person

_ERRORS_PAGE = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"


def inbound(
    heard: records.MessageHeard, writer: Person, message: webhooks.InboundMessage, number: Number, dialect: Dialect
) -> bytes:
    """Return the body that tells of a message a person wrote; `message` holds all but who wrote it and where."""
    is_new = dialect is Dialect.Y2026
    message = msgspec.structs.replace(
        message,
        from_=writer.wa_id,
        from_user_id=writer.user_id if is_new else None,
        group_id=heard.group_id,
        unsupported=message.unsupported if is_new else None,
    )
    who = contact(writer, dialect, username=writer.username, identity_key_hash=writer.identity_key_hash)
    return body(number, contacts=[who], messages=[message])


def echo(person: Person, echoed: webhooks.MessageEcho, number: Number, dialect: Dialect) -> bytes:
    """Return the body that tells of a message which the business sent to a person from its phone app."""
    is_new = dialect is Dialect.Y2026
    echoed = msgspec.structs.replace(
        echoed,
        from_=number.display_phone_number,
        to=person.wa_id,
        to_user_id=person.user_id if is_new else None,
    )
    contacts = [contact(person, dialect, username=person.username)] if is_new else []
    return body(number, contacts=contacts, echoes=[echoed])


def errors(number: Number, *found: webhooks.WebhookError) -> bytes:
    """Return the body that tells of errors of the number itself, outside any message."""
    return body(number, found=found)


def error(code: int, details: str | None) -> webhooks.WebhookError:
    """Return an error as webhooks tell it, with the title of Meta's table."""
    title = lookup(code).title
    data = webhooks.ErrorData(details=details)
    return webhooks.WebhookError(code=code, title=title, message=title, error_data=data, href=_ERRORS_PAGE)


def number_changed(changed: records.NumberChanged, number: Number, dialect: Dialect) -> bytes:
    """Return the body that tells that a person moved to another number: a system message without contacts."""
    is_new = dialect is Dialect.Y2026
    who = changed.name or changed.wa_id
    message = webhooks.InboundMessage(
        from_=changed.wa_id,
        from_user_id=changed.previous_user_id if is_new else None,
        id=changed.id,
        timestamp=str(int(changed.at)),
        type="system",
        system=webhooks.SystemChange(
            type="user_changed_number",
            body=f"{who} changed from {changed.wa_id} to {changed.new_wa_id}",
            wa_id=changed.new_wa_id,
            user_id=changed.user_id if is_new else None,
            previous_user_id=changed.previous_user_id if is_new else None,
        ),
    )
    return body(number, messages=[message])


def user_id_changed(changed: records.UserIdChanged, number: Number) -> bytes:
    """Return the body that tells that a person has another user id: a system message, which 2025 did not know."""
    who = changed.name or changed.wa_id or "User"
    message = webhooks.InboundMessage(
        from_=changed.wa_id,
        from_user_id=changed.previous_user_id,
        id=changed.id,
        timestamp=str(int(changed.at)),
        type="system",
        system=webhooks.SystemChange(
            type="user_changed_user_id",
            body=f"{who} changed from {changed.previous_user_id} to {changed.user_id}",
            wa_id=changed.wa_id,
            user_id=changed.user_id,
            previous_user_id=changed.previous_user_id,
        ),
    )
    return body(number, messages=[message])


class _Entry(msgspec.Struct, frozen=True):
    id: str
    changes: list[msgspec.Raw]


class _Envelope(msgspec.Struct, frozen=True):
    object: str
    entry: list[_Entry]


def merged(bodies: Sequence[bytes]) -> bytes:
    """Return one body with the changes of all, each written as it was, and one entry for each account."""
    if len(bodies) == 1:
        return bodies[0]
    envelopes = [msgspec.json.decode(body, type=_Envelope) for body in bodies]
    changes: defaultdict[str, list[msgspec.Raw]] = defaultdict(list)
    for entry in (entry for envelope in envelopes for entry in envelope.entry):
        changes[entry.id] += entry.changes
    return msgspec.json.encode(_Envelope(envelopes[0].object, [_Entry(*entry) for entry in changes.items()]))


def contact(
    person: Person, dialect: Dialect, *, username: str | None = None, identity_key_hash: str | None = None
) -> webhooks.Contact:
    """Return a person as `contacts` names them; a user name is there since 2026."""
    is_new = dialect is Dialect.Y2026
    profile = webhooks.Profile(name=person.name, username=username if is_new else None)
    return webhooks.Contact(
        profile=None if profile == webhooks.Profile() else profile,
        wa_id=person.wa_id,
        user_id=person.user_id if is_new else None,
        identity_key_hash=identity_key_hash,
    )


def body(
    number: Number,
    *,
    contacts: Sequence[webhooks.Contact] = (),
    messages: Sequence[webhooks.InboundMessage] = (),
    statuses: Sequence[webhooks.Status] = (),
    found: Sequence[webhooks.WebhookError] = (),
    echoes: Sequence[webhooks.MessageEcho] = (),
) -> bytes:
    """Return the body of a webhook of one number, with what it tells in it and no empty list."""
    metadata = webhooks.Metadata(
        display_phone_number=number.display_phone_number, phone_number_id=number.phone_number_id
    )
    value = webhooks.Value(
        metadata=metadata,
        contacts=list(contacts),
        messages=list(messages),
        statuses=list(statuses),
        errors=list(found),
        message_echoes=list(echoes),
    )
    change = webhooks.Change(value=value, field="smb_message_echoes" if echoes else "messages")
    return webhooks.write(webhooks.Envelope(entry=[webhooks.Entry(id=number.waba_id, changes=[change])]))
