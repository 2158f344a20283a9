"""What our API tells about conversations: one sender and one contact make one conversation."""

from datetime import datetime
from uuid import UUID

import msgspec


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
    """One thread; `recipient_phone` is digits, or null for a group and a person known by a user id alone.

    The window of a group's thread is never open: this gateway hears groups and sends to people.
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
