"""What has happened, as the world outside told it, in words of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Person:
    """What a webhook teaches about the other side: addresses by kind (wa_id, bsuid; phone if it differs from wa_id).

    `former` are the addresses that it says they had until now. Name and identity hash are None where nothing is told.
    """

    addresses: Mapping[str, str]
    name: str | None = None
    identity_key_hash: str | None = None
    former: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message was heard of: a customer's, which reached one of our numbers, or an echo of what the business sent.

    With `is_echo` the business sent it from its own phone, and `person` got it; otherwise `person` wrote it, in the
    group `group_id` if there is one. `window_until` is when the window it opens ends, or None if it opens none.
    `reply_to` is the wamid it quotes. `image_state` is `pending` when there is a picture to fetch, `unavailable` when
    an image message came without one, None for other kinds. `facts` is what the message carries beside its caption:
    `media` (id, url, mime_type, sha256, filename, voice), `context`, `referral`, `text`, `group_id`, `errors`, and
    what only its own type has, under that type's name. `id` is one that sorts as the message arrived; without it the
    message sorts as it is stored.
    """

    workspace_id: UUID
    account_id: UUID
    sender_id: UUID
    wamid: str
    person: Person
    message_type: str
    provider_at: datetime
    received_at: datetime
    window_until: datetime | None = None
    caption: str | None = None
    reply_to: str | None = None
    image_state: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_echo: bool = False
    group_id: str | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Meta told something of a number or an account outside any message.

    `field` is `errors` for an error of the number, which has a `code`; otherwise the subscribed field that changed.
    `sender_id` is None for news of the whole account. `value` is what was told, as it came. The same news of the same
    body has the same `id`.
    """

    id: UUID
    workspace_id: UUID
    account_id: UUID
    sender_id: UUID | None
    field: str
    value: Any
    received_at: datetime
    code: int | None = None
    title: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class StatusSeen:
    """Meta reported a status of a message that left one of our numbers.

    `attempt` is the attempt that the status' callback token proves, if it carried one of ours.
    """

    workspace_id: UUID
    sender_id: UUID
    wamid: str
    status: str
    provider_at: datetime
    received_at: datetime
    code: int = 0
    title: str = ""
    detail: str = ""
    attempt: UUID | None = None
