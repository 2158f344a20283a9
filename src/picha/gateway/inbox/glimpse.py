"""The last that was said in a conversation, in one line: an icon, the words, and what became of it."""

from dataclasses import dataclass
from uuid import UUID

from picha.gateway.store.inbox_list import Row

# What stands for a message that has no words of its own.
_KINDS = {
    "image": ("picture", "Photo"),
    "video": ("video", "Video"),
    "audio": ("voice", "Voice message"),
    "document": ("document", "Document"),
    "sticker": ("sticker", "Sticker"),
    "location": ("place", "Location"),
    "contacts": ("somebody", "Contact"),
    "reaction": ("", "Took a reaction back"),
    "interactive": ("", "Answered by a button"),
    "button": ("", "Answered by a button"),
    "order": ("", "Order"),
    "template": ("", "Template"),
    "system": ("", "Has another number now"),
    "edit": ("", "Edited a message"),
    "revoke": ("", "Deleted a message"),
    "unsupported": ("", "A message that WhatsApp does not pass on"),
}
_OTHER = ("", "Message")
# What became of what we sent: the icon, the word for who cannot see it, and how it is marked.
_BECAME = {
    "pending": ("clock", "Waiting to be sent", ""),
    "sent": ("tick", "Sent", ""),
    "delivered": ("ticks", "Delivered", ""),
    "read": ("ticks", "Read", "is-read"),
    "failed": ("warning", "Not sent", "is-failed"),
}
_UNKNOWN = ("clock", "Being confirmed", "is-unknown")
_CANCELLED = ("closed", "Cancelled", "")


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One line of a message; `became` is what became of what we sent, `picture` is the last one, shown small."""

    icon: str
    words: str
    is_ours: bool
    became: tuple[str, str, str] | None
    picture: UUID | None


def glimpse(row: Row) -> Glimpse | None:
    """Return the line for the last message of a thread, None where nothing of it is left."""
    if row.last_id is None or row.message_type is None:
        return None
    icon, otherwise = _KINDS.get(row.message_type, _OTHER)
    words = f"Reacted {row.emoji}" if row.emoji else row.text or row.caption or otherwise
    is_ours = bool(row.is_outbound)
    return Glimpse(icon, words, is_ours, _became(row) if is_ours else None, row.file_id)


def _became(row: Row) -> tuple[str, str, str] | None:
    if row.phase == "cancelled":
        return _CANCELLED
    if row.phase == "unknown" and row.status == "pending":
        return _UNKNOWN
    return _BECAME.get(row.status or "")
