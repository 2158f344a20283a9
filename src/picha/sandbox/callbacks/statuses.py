"""The webhook bodies that tell what became of a send.

In the dialect of 2026 `contacts` is on statuses. Meta leaves it off a failed one; the superset keeps it there, because
the most used Python client reads it unasked. A send to a group has a status for each participant, several in one body
(Meta's group messaging and status pages); in the dialect of 2025 `sent` and `failed` have one for the whole group, as
that year's examples do.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.limits import SERVICE_WINDOW
from picha.sandbox.accounts import Number
from picha.sandbox.callbacks.documents import body, contact, error
from picha.sandbox.dialect import Dialect
from picha.sandbox.on_the_way import Send
from picha.sandbox.person import Person
from picha.sandbox.records import SendAccepted, StatusMade
from picha.sandbox.switches import Switches

# User names are told with these alone.
_WITH_USERNAME = frozenset({"delivered", "read"})


def status(
    send: Send, made: StatusMade, people: Sequence[Person], number: Number, *, dialect: Dialect, switches: Switches
) -> bytes:
    """Return the body that tells of a status of a send to `people`, who are none when it is of a whole group."""
    accepted, is_new = send.accepted, dialect is Dialect.Y2026
    told = [_status(accepted, made, person, is_new=is_new) for person in people or (None,)]
    if switches.participant_key == "participant_recipient_id":
        told = [_renamed(one) for one in told]
    has_username = made.status in _WITH_USERNAME
    contacts = [contact(one, dialect, username=one.username if has_username else None) for one in people]
    return body(number, contacts=contacts if is_new else [], statuses=told)


def _status(accepted: SendAccepted, made: StatusMade, person: Person | None, *, is_new: bool) -> webhooks.Status:
    is_for_group = accepted.group_id is not None
    wa_id = person.wa_id if person else None
    user_id = person.user_id if person and is_new else None
    hides_user = made.status == "failed" and accepted.recipient is None
    return webhooks.Status(
        id=made.wamid,
        status=made.status,
        timestamp=str(int(made.at)),
        recipient_id=accepted.group_id or wa_id,
        recipient_user_id=user_id if not is_for_group and not hides_user else None,
        recipient_type="group" if is_for_group else None,
        recipient_participant_id=wa_id if is_for_group else None,
        recipient_participant_user_id=user_id if is_for_group else None,
        recipient_identity_key_hash=accepted.identity_key_hash,
        biz_opaque_callback_data=accepted.biz_opaque_callback_data,
        conversation=None if is_new else _conversation(made),
        pricing=_pricing(accepted, made),
        errors=[] if made.code is None else [error(made.code, made.details)],
    )


def _renamed(status: webhooks.Status) -> webhooks.Status:
    """Return a status with the member of a group under the second name that Meta's pages have for it."""
    member = status.recipient_participant_id
    return msgspec.structs.replace(status, recipient_participant_id=None, participant_recipient_id=member)


def _conversation(made: StatusMade) -> webhooks.Conversation | None:
    if made.status not in ("sent", "delivered"):
        return None
    expires = str(int(made.at + SERVICE_WINDOW.total_seconds())) if made.status == "sent" else None
    return webhooks.Conversation(
        id=hashlib.sha256(made.wamid.encode()).hexdigest()[:32],
        expiration_timestamp=expires,
        origin=webhooks.ConversationOrigin(type="service"),
    )


def _pricing(accepted: SendAccepted, made: StatusMade) -> webhooks.Pricing | None:
    if made.status not in ("sent", "delivered"):
        return None
    if accepted.type == "template":
        # Meta lets it be free while the window is open; here it always costs what it costs when the window is closed.
        return webhooks.Pricing(billable=True, pricing_model="PMP", type="regular", category="utility")
    if accepted.group_id is not None:
        return webhooks.Pricing(
            billable=False, pricing_model="PMP", type="free_group_customer_service", category="group_service"
        )
    return webhooks.Pricing(billable=False, pricing_model="PMP", type="free_customer_service", category="service")
