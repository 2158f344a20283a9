"""What our API tells about messages. Every member is always written, as null where there is nothing to tell.

Times are aware UTC and go out as RFC 3339 with a Z.
"""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from picha.karibu.media import Note, Original

T = TypeVar("T")

MessageStatus = Literal["pending", "sent", "delivered", "read", "failed", "received"]
Phase = Literal["image_wait", "queued", "sending", "unknown", "submitted", "failed", "cancelled"]
MediaState = Literal["pending", "stored", "mismatch", "unavailable"]


class ContentContext(msgspec.Struct, frozen=True, kw_only=True):
    """Where a message comes from: forwarded, forwarded often, or a reply to `message_id`, which is the provider's."""

    forwarded: bool | None = None
    frequently_forwarded: bool | None = None
    message_id: str | None = None


class WelcomeMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The greeting of an advertisement."""

    text: str | None = None


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """The advertisement that a message was started from, in the names of Meta's image webhook reference."""

    source_url: str | None = None
    source_id: str | None = None
    source_type: str | None = None
    body: str | None = None
    headline: str | None = None
    media_type: str | None = None
    image_url: str | None = None
    video_url: str | None = None
    thumbnail_url: str | None = None
    ctwa_clid: str | None = None
    welcome_message: WelcomeMessage | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a message holds, in both directions.

    - `sha256`: hexadecimal
    - `width`: in pixels
    - `height`: in pixels
    - `file_id`: the picture, kept here
    - `media_url`: the caller's own on sends; null on messages received
    - `url`: a signed link to the picture, which lives ten minutes
    - `changes`: what was done to the picture
    - `original`: what it was before
    - `notes`: what is worth knowing of it
    - `state`: whether the picture is kept here
    - `context`: where the message comes from
    - `referral`: the advertisement that it was started from
    - `body`: the text of a text message
    - `facts`: what a message of another kind carries, in Meta's names: `media` (of a video, document, audio or sticker,
      whose bytes are not fetched), `reaction`, `edit`, `revoke`, `unsupported`, `system`, `errors`, or the member of
      its type
    """

    caption: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    file_id: str | None = None
    media_url: str | None = None
    url: str | None = None
    changes: list[str] = []
    original: Original | None = None
    notes: list[Note] = []
    state: MediaState | None = None
    context: ContentContext | None = None
    referral: Referral | None = None
    body: str | None = None
    facts: dict[str, Any] = {}


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known about a message that did not fail: `DUPLICATE_CONFIRMED`, or Meta's number of a failure."""

    code: str
    text: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message, as a list item and by itself.

    - `id`: our id, to be used in paths: the `message_id` of a send's answer
    - `message_id`: the provider's, as Karibu has it in lists
    - `provider_message_id`: the same without the trap
    - `sender`: the business's number, in digits
    - `recipient`: the customer's number, in digits; null where only a user id is known
    - `is_echo`: the business sent it from its own phone
    - `group_id`: the group in which it was written
    - `status`: as Karibu has it; what people wrote is received
    - `phase`: where a send is on its way; null for what people wrote
    - `waiting_for`: the message of the same conversation that goes first
    - `attempts`: how often it was handed to WhatsApp
    - `reply`: told by itself only: the message that answered it
    - `paired_message_id`: of a send the message that answered it, otherwise the send that it answers
    - `error_code`: a number of Meta's, or a word of ours
    - `error_detail`: what happened, and what to do
    - `warnings`: what is to be known of it though it did not fail
    - `client_reference`: your own name for it, from the send
    - `batch_id`: the batch that it belongs to
    """

    id: UUID
    message_id: str | None = None
    provider_message_id: str | None = None
    conversation_id: UUID
    sender_id: UUID
    sender: str
    recipient: str | None = None
    is_outbound: bool
    is_echo: bool = False
    group_id: str | None = None
    message_type: str = "image"
    status: MessageStatus
    phase: Phase | None = None
    waiting_for: UUID | None = None
    attempts: int = 0
    content: Content
    reply: dict[str, Any] | None = None
    paired_message_id: UUID | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_detail: str | None = None
    warnings: list[Warned] = []
    client_reference: str | None = None
    batch_id: UUID | None = None
    created_at: datetime
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None
    contact_profile_name: str | None = None


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list; `total` is exact to 10,000, and 10,000 with `total_is_exact` false beyond.

    It is false, too, where a search did not look at everything.
    """

    items: list[T]
    total: int
    limit: int
    offset: int
    total_is_exact: bool = True


class TimelineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a message's life: a decision of ours, an attempt at sending, or evidence from the provider."""

    at: datetime
    kind: Literal["decision", "attempt", "evidence"]
    text: str
    attempt: int | None = None
    code: str | None = None


class ReadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The customer sees that a message was read, and with it all that they wrote before."""

    message_id: UUID
    status: Literal["read"] = "read"


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The life of a message, oldest first."""

    items: list[TimelineItem]
