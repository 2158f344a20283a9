"""What may be asked for in the query of a read, with its limits."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from picha.karibu.events import EventName
from picha.karibu.reads import MessageStatus
from picha.karibu.webhooks import DeliveryStatus

LIMIT_MAX = 200
LIMIT = 100
OFFSET_MAX = 10_000
CONVERSATIONS_MAX = 100
CONVERSATIONS = 50
EVENTS_MAX = 1000
SEARCH_MAX_CHARS = 64
SENDER_MAX_CHARS = 64
TEMPLATES = 50
HOLDS_MAX_CHARS = 200
WORD_MAX_CHARS = 64

LATEST = "latest"
CURSOR = r"[0-9]{1,20}\.[0-9]{1,20}"
"""How the cursor of events looks."""

_Word = Annotated[str, Meta(min_length=1, max_length=WORD_MAX_CHARS)]
_Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="How many items are told.")]
_Offset = Annotated[int, Meta(ge=0, le=OFFSET_MAX, description="How many items are passed over.")]
_BEFORE = "The `id` of the last item of an earlier page: the list begins behind it, however far that is."
_Sender = Annotated[
    str,
    Meta(min_length=1, max_length=SENDER_MAX_CHARS, description="One of your numbers, or its phone_number_id."),
]
_SenderId = Annotated[UUID, Meta(description="The id of a sender.")]
_After = Annotated[
    str,
    Meta(
        pattern=f"^({LATEST}|{CURSOR})$",
        description=f"The `cursor` of an earlier answer; `{LATEST}` for what happens from now on.",
    ),
]  # fmt: skip


class MessagesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages; times are of `created_at` and name their zone."""

    conversation_id: Annotated[UUID, Meta(description="The id of a conversation.")] | None = None
    message_type: Annotated[str, Meta(min_length=1, description="A kind, such as `image` or `text`.")] | None = None
    status: Annotated[list[MessageStatus], Meta(description="May stand several times: any of them.")] = []
    direction: Literal["inbound", "outbound"] | None = None
    since: Annotated[datetime, Meta(tz=True, description="From this moment on.")] | None = None
    until: Annotated[datetime, Meta(tz=True, description="Before this moment.")] | None = None
    before: Annotated[UUID, Meta(description=_BEFORE)] | None = None
    limit: _Limit = LIMIT
    offset: _Offset = 0


class ConversationsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which threads; of `sender` and `sender_id` the first wins."""

    sender: _Sender | None = None
    sender_id: _SenderId | None = None
    recipient: Annotated[str, Meta(pattern=r"^\+?[0-9]{4,20}$", description="The customer's whole number.")] | None = (
        None
    )
    status: Annotated[Literal["all", "open", "unread"], Meta(description="Open: its window is.")] = "all"
    search: (
        Annotated[str, Meta(max_length=SEARCH_MAX_CHARS, description="A part of the customer's name or number.")] | None
    ) = None
    since: Annotated[datetime, Meta(tz=True, description="Active from this moment on.")] | None = None
    before: Annotated[UUID, Meta(description=_BEFORE)] | None = None
    limit: Annotated[int, Meta(ge=1, le=CONVERSATIONS_MAX, description="How many items are told.")] = CONVERSATIONS
    offset: _Offset = 0


class SummaryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose threads; `sender` wins."""

    sender: _Sender | None = None
    sender_id: _SenderId | None = None


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From where on; without `after` from the oldest event that is kept."""

    after: _After | None = None
    limit: Annotated[int, Meta(ge=1, le=EVENTS_MAX, description="How many events are told.")] = LIMIT


class NoticesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which notices."""

    sender_id: _SenderId | None = None
    limit: _Limit = LIMIT
    offset: _Offset = 0


class SendersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which numbers; True, true and 1 are the same."""

    is_active: Annotated[bool, Meta(description="Only those that may send, or may not.")] | None = None
    is_default: Annotated[bool, Meta(description="Only the default one, or the others.")] | None = None


class DeliveriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries of a webhook."""

    status: DeliveryStatus | None = None
    event: Annotated[EventName, Meta(description="Looked for among the newest 100,000.")] | None = None
    limit: _Limit = LIMIT
    offset: _Offset = 0


class StatsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From when on deliveries are counted."""

    since: Annotated[datetime, Meta(tz=True, description="From this moment on; seven days, unless told.")] | None = None


class TemplatesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which templates; what may stand several times means any of them."""

    sender_id: _SenderId | None = None
    status: Annotated[list[_Word], Meta(description="Such as `APPROVED`; Meta's words serve as well.")] = []
    category: Annotated[list[_Word], Meta(description="Such as `UTILITY`; Meta's words serve as well.")] = []
    language: Annotated[list[_Word], Meta(description="Such as `en_US`.")] = []
    name_or_content: (
        Annotated[str, Meta(max_length=HOLDS_MAX_CHARS, description="A part of its name or text, in any case.")] | None
    ) = None
    sort: Literal["updated_desc", "updated_asc", "created_desc", "name_asc", "name_desc"] = "updated_desc"
    cursor: (
        Annotated[str, Meta(pattern="^[0-9]{1,5}$", description="The `cursor_next` of an earlier answer.")] | None
    ) = None
    limit: _Limit = TEMPLATES


class SignedLinkQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a link to a picture; both come with `content.url`, and nobody else can make them."""

    expires: Annotated[str, Meta(description="Until when the link holds, in seconds since 1970.")] | None = None


class EventsHeaders(msgspec.Struct, frozen=True, kw_only=True, rename={"last_event_id": "Last-Event-ID"}):
    """Where a stream goes on that was cut."""

    last_event_id: (
        Annotated[
            str,
            Meta(
                pattern=f"^({CURSOR})?$",
                description="The id of the last event that came, of a stream that was cut; wins over `after`.",
            ),
        ]
        | None
    ) = None


class RangeHeaders(msgspec.Struct, frozen=True, kw_only=True, rename={"range": "Range"}):
    """Which part of the bytes; what makes no sense is answered with all."""

    range: Annotated[str, Meta(description="Such as `bytes=0-1023`.")] | None = None
