"""The webhook bodies the sandbox writes, in two dialects.

`2026` is a superset: it names people by business-scoped user id and puts `contacts` on statuses, as Meta does since
that year. Meta leaves `contacts` off a failed status; the superset keeps it there, because the most used Python client
reads it unasked. `2025` is the form of Meta's image webhook reference of December 2025, word for word.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.errors import lookup
from picha.cloudapi.limits import SERVICE_WINDOW
from picha.sandbox import records
from picha.sandbox.accounts import Number
from picha.sandbox.dialect import Dialect
from picha.sandbox.on_the_way import Send
from picha.sandbox.person import Person

_ERRORS_PAGE = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"


class InboundDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an inbound message that the world need not remember."""

    image: webhooks.InboundImage | None = None
    text: webhooks.Text | None = None
    context: webhooks.InboundContext | None = None
    referral: webhooks.Referral | None = None


def inbound(
    heard: records.MessageHeard, person: Person, details: InboundDetails, number: Number, dialect: Dialect
) -> bytes:
    """Return the body that tells of a message a person wrote."""
    is_new = dialect is Dialect.Y2026
    message = webhooks.InboundMessage(
        from_=heard.wa_id,
        from_user_id=person.user_id if is_new else None,
        id=heard.id,
        timestamp=str(int(heard.at)),
        type=heard.type,
        image=details.image,
        text=details.text,
        context=details.context,
        referral=details.referral,
    )
    return _body(
        number,
        contacts=[_contact(person, dialect, heard.identity_key_hash)],
        messages=[message],
        statuses=[],
    )


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
    return _body(number, contacts=[], messages=[message], statuses=[])


def status(send: Send, made: records.StatusMade, person: Person | None, number: Number, dialect: Dialect) -> bytes:
    """Return the body that tells of a status; `person` is None when only a user id nobody knows was given."""
    accepted, is_new = send.accepted, dialect is Dialect.Y2026
    user_id = person.user_id if person else accepted.recipient
    hides_user = made.status == "failed" and accepted.recipient is None
    document = webhooks.Status(
        id=made.wamid,
        status=made.status,
        timestamp=str(int(made.at)),
        recipient_id=person.wa_id if person else None,
        recipient_user_id=user_id if is_new and not hides_user else None,
        recipient_identity_key_hash=accepted.identity_key_hash,
        biz_opaque_callback_data=accepted.biz_opaque_callback_data,
        conversation=None if is_new else _conversation(made),
        pricing=_pricing(accepted, made),
        errors=_errors(made),
    )
    contact = _contact(person, dialect) if person else webhooks.Contact(user_id=user_id)
    return _body(number, contacts=[contact] if is_new else [], messages=[], statuses=[document])


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


def _contact(person: Person, dialect: Dialect, identity_key_hash: str | None = None) -> webhooks.Contact:
    return webhooks.Contact(
        profile=webhooks.Profile(name=person.name) if person.name else None,
        wa_id=person.wa_id,
        user_id=person.user_id if dialect is Dialect.Y2026 else None,
        identity_key_hash=identity_key_hash,
    )


def _conversation(made: records.StatusMade) -> webhooks.Conversation | None:
    if made.status not in ("sent", "delivered"):
        return None
    expires = str(int(made.at + SERVICE_WINDOW.total_seconds())) if made.status == "sent" else None
    return webhooks.Conversation(
        id=hashlib.sha256(made.wamid.encode()).hexdigest()[:32],
        expiration_timestamp=expires,
        origin=webhooks.ConversationOrigin(type="service"),
    )


def _pricing(accepted: records.SendAccepted, made: records.StatusMade) -> webhooks.Pricing | None:
    if made.status not in ("sent", "delivered"):
        return None
    if accepted.type == "template":
        # Meta lets it be free while the window is open; here it always costs what it costs when the window is closed.
        return webhooks.Pricing(billable=True, pricing_model="PMP", type="regular", category="utility")
    return webhooks.Pricing(billable=False, pricing_model="PMP", type="free_customer_service", category="service")


def _errors(made: records.StatusMade) -> list[webhooks.WebhookError]:
    if made.code is None:
        return []
    title = lookup(made.code).title
    data = webhooks.ErrorData(details=made.details)
    return [webhooks.WebhookError(code=made.code, title=title, message=title, error_data=data, href=_ERRORS_PAGE)]


def _body(
    number: Number,
    *,
    contacts: list[webhooks.Contact],
    messages: list[webhooks.InboundMessage],
    statuses: list[webhooks.Status],
) -> bytes:
    metadata = webhooks.Metadata(
        display_phone_number=number.display_phone_number, phone_number_id=number.phone_number_id
    )
    value = webhooks.Value(metadata=metadata, contacts=contacts, messages=messages, statuses=statuses)
    entry = webhooks.Entry(id=number.waba_id, changes=[webhooks.Change(value=value)])
    return webhooks.write(webhooks.Envelope(entry=[entry]))
