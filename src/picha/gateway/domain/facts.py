"""What has happened, as the world outside told it, in words of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Person:
    """What a webhook teaches about the one who wrote: addresses by kind (phone, wa_id, bsuid), name, identity hash."""

    addresses: Mapping[str, str]
    name: str | None = None
    identity_key_hash: str | None = None


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A customer's message reached one of our numbers.

    `window_until` is when the window it opens ends, or None if it opens none. `reply_to` is the wamid it quotes.
    `image_state` is `pending` when there is a picture to fetch, `unavailable` when an image message came without one,
    None for other kinds. `facts` is what the message carries beside its caption: `media` (id, url, mime_type, sha256),
    `context`, `referral`, `text`, `group_id`, `errors`, and what only one type has (`reaction`, `edit`, `revoke`,
    `unsupported`, `system`).
    """

    workspace_id: UUID
    sender_id: UUID
    wamid: str
    person: Person
    message_type: str
    provider_at: datetime
    received_at: datetime
    window_until: datetime | None
    caption: str | None = None
    reply_to: str | None = None
    image_state: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


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
