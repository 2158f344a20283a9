"""What is told of a message that has neither picture nor text."""

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "video": "A video",
    "audio": "An audio file",
    "document": "A document",
    "sticker": "A sticker",
    "location": "A place",
    "contacts": "A contact",
    "order": "An order",
    "interactive": "An answer to a form",
    "request_welcome": "A request to be greeted",
}
_FILENAME_MAX_CHARS = 80
_NOT_PASSED_ON = "A message that WhatsApp does not pass on."


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


def told_of(message_type: str, facts: Mapping[str, Any]) -> str:
    """Return what is told in the place of a message that is not shown: what it is, and why not."""
    if message_type == "unsupported":
        kind = (facts.get("unsupported") or {}).get("type")
        return f"A message of the kind {kind}, which WhatsApp does not pass on." if kind else _NOT_PASSED_ON
    return f"{_thing(message_type, facts)}, which this inbox does not show."


def _thing(message_type: str, facts: Mapping[str, Any]) -> str:
    media = facts.get("media") or {}
    if message_type == "audio" and media.get("voice"):
        return "A voice message"
    if message_type == "document" and media.get("filename"):
        return f"The document {str(media['filename'])[:_FILENAME_MAX_CHARS]}"
    return _KINDS.get(message_type, f"A message of the kind {message_type[:40]}")
