"""What a message that has neither picture nor text is called in a sentence."""

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "video": "a video",
    "audio": "an audio file",
    "document": "a document",
    "sticker": "a sticker",
    "location": "a place",
    "contacts": "a contact",
    "order": "an order",
    "interactive": "an answer to a form",
    "request_welcome": "a request to be greeted",
}
_FILENAME_MAX_CHARS = 80


def words_of(message_type: str, facts: Mapping[str, Any]) -> str:
    """Return the words that somebody chose by a button or in a list, and a text's own; empty for any other kind."""
    if "text" in facts:
        return str(facts["text"])
    own = facts.get(message_type)
    if not isinstance(own, dict):
        return ""
    found = own.get("text") if message_type == "button" else None
    for name in ("button_reply", "list_reply"):
        reply = own.get(name)
        found = found or (reply.get("title") if isinstance(reply, dict) else None)
    return found if isinstance(found, str) else ""


def thing_of(message_type: str, facts: Mapping[str, Any]) -> str:
    """Return what somebody sent, such as `a voice message`."""
    media = facts.get("media") or {}
    if message_type == "audio" and media.get("voice"):
        return "a voice message"
    if message_type == "document" and media.get("filename"):
        return f"the document {str(media['filename'])[:_FILENAME_MAX_CHARS]}"
    if message_type == "unsupported":
        kind = (facts.get("unsupported") or {}).get("type")
        return (
            f"something that WhatsApp does not pass on ({kind})" if kind else "something that WhatsApp does not pass on"
        )
    return _KINDS.get(message_type, f"a message of the kind {message_type[:40]}")
