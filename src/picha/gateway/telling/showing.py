"""From a stored message to the document that the API shows."""

from typing import Any
from uuid import UUID

import msgspec

from picha.gateway.store.views import MessageView
from picha.gateway.telling.links import Links
from picha.karibu.media import Note, Original
from picha.karibu.reads import Content, ContentContext, MediaState, Message, Referral, Warned

# What a message carries that has fields of its own.
_SHOWN = frozenset({"context", "referral", "text", "group_id", "let_go"})


def show(view: MessageView, links: Links, workspace: UUID) -> Message:
    """Return the document of one message; its picture's link is made anew and holds ten minutes."""
    return msgspec.convert(
        {
            "id": view.id,
            "message_id": view.provider_message_id,
            "provider_message_id": view.provider_message_id,
            "conversation_id": view.conversation_id,
            "sender_id": view.sender_id,
            "sender": view.sender,
            "recipient": view.recipient,
            "is_outbound": view.is_outbound,
            "is_echo": view.is_echo,
            "group_id": view.facts.get("group_id"),
            "message_type": view.message_type,
            "status": view.status,
            "phase": view.phase if view.is_outbound else None,
            "waiting_for": view.waiting_for,
            "attempts": 0 if view.is_echo else view.attempts,
            "content": _content(view, links, workspace),
            "paired_message_id": view.paired_id,
            "error_code": view.error_code,
            "error_message": view.error_message,
            "error_detail": view.error_detail,
            "warnings": _warnings(view),
            "client_reference": view.client_reference,
            "batch_id": view.batch_id,
            "created_at": view.created_at,
            "sent_at": view.sent_at,
            "delivered_at": view.delivered_at,
            "read_at": view.read_at,
            "failed_at": view.failed_at,
            "contact_profile_name": view.contact_name,
        },
        Message,
    )


def _warnings(view: MessageView) -> list[Warned]:
    found = []
    if view.warning_code is not None:
        text = f"WhatsApp also reported a failure, although it had arrived: {view.warning_detail}"
        found.append(Warned(code=view.warning_code, text=text))
    if view.duplicates:
        text = f"WhatsApp took this message {view.duplicates + 1} times: the customer may have it as often."
        found.append(Warned(code="DUPLICATE_CONFIRMED", text=text))
    return found


def _content(view: MessageView, links: Links, workspace: UUID) -> Content:
    facts, media = view.facts, view.facts.get("media") or {}
    return Content(
        caption=view.caption,
        mime_type=view.mime_type or media.get("mime_type"),
        sha256=view.digest.hex() if view.digest else None,
        size_bytes=view.size_bytes,
        width=view.width,
        height=view.height,
        file_id=str(view.file_id) if view.file_id else None,
        media_url=view.media_url,
        url=links.make(workspace, view.file_id) if view.file_id else None,
        changes=view.changes or [],
        original=msgspec.convert(view.came, Original | None),
        notes=msgspec.convert(view.notes or [], list[Note]),
        state=msgspec.convert(view.image_state, MediaState | None),
        context=_context(view),
        referral=msgspec.convert(facts["referral"], Referral) if "referral" in facts else None,
        body=facts.get("text"),
        facts=_own_facts(view),
    )


def _context(view: MessageView) -> ContentContext | None:
    """Return what came with the message, or else of a send what it quotes."""
    if "context" in view.facts:
        return msgspec.convert(view.facts["context"], ContentContext)
    return ContentContext(message_id=view.reply_to) if view.reply_to else None


def _own_facts(view: MessageView) -> dict[str, Any]:
    """Return what a message carries that no other field shows; an address at Meta is for whoever has the token."""
    own = {name: fact for name, fact in view.facts.items() if name not in _SHOWN}
    if view.message_type == "image":
        own.pop("media", None)
    elif "media" in own:
        own["media"] = {name: fact for name, fact in own["media"].items() if name != "url"}
    return own
