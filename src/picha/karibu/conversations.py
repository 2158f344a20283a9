"""What our API tells about conversations, and how they are marked as read: one sender and one contact make one."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from picha.karibu.shape import in_utc, read

_HINTS = {"up_to": "up_to is a time with its zone, such as 2026-01-31T12:00:00Z, or left out for now."}


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The 24 hours after a person's last message, in which an image may be sent to them."""

    open: bool
    expires_at: datetime | None = None


class ConversationContact(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the person beyond their number; `group_id` is there instead where the thread is a group's."""

    identity_key_hash: str | None = None
    user_id: str | None = None
    group_id: str | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One thread, of a number and a customer or a group.

    - `recipient_phone`: digits; null for a group and a person known by a user id alone
    - `is_active`: always; a thread that was deleted is in no list
    - `unread_count`: of what came in, how many were not marked as read
    - `contact_profile_name`: what the customer calls themselves
    - `window`: never open for a group: this gateway hears groups and sends to people
    """

    id: UUID
    sender_id: UUID
    recipient_phone: str | None = None
    is_active: bool = True
    unread_count: int = 0
    contact_profile_name: str | None = None
    last_message_at: datetime | None = None
    window: Window
    contact: ConversationContact
    created_at: datetime
    updated_at: datetime


class ConversationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many threads there are, have an open window, and have something unread.

    Each is counted to 10,000; `total_is_exact` is false where one of them is more. Threads are assigned to nobody here:
    `unassigned` is 0.
    """

    total: int
    open: int
    unread: int
    unassigned: int = 0
    total_is_exact: bool = True


class MarkRead(msgspec.Struct, frozen=True, kw_only=True):
    """Up to when a thread was read, by `created_at` of its messages; None is all of it."""

    up_to: Annotated[datetime, Meta(tz=True)] | None = None


class ConversationRead(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a thread's messages were unread before."""

    conversation_id: UUID
    messages_marked_read: int


class ConversationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """The thread is out of lists, with all that was said in it."""

    conversation_id: UUID
    deleted: bool = True


def decode_mark_read(body: bytes) -> MarkRead:
    """Return what `body` asks for, its time in UTC; no body asks for all.

    Raises:
        Malformed: the shape is wrong, with field `up_to` for what is no time.
    """
    mark = read(body, MarkRead, _HINTS) if body.strip() else MarkRead()
    return MarkRead(up_to=in_utc(mark.up_to, "up_to", _HINTS))
