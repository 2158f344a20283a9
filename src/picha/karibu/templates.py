"""What our API tells about message templates; these routes answer bare, without the envelope.

The fields are Karibu's. `quality_score` and the words of `category` and `status` are Meta's where Karibu has no own.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

CATEGORIES = {"AUTHENTICATION": "AUTH"}
"""Karibu's words for categories of Meta's, where they differ."""
STATUSES = {"PENDING": "IN_REVIEW"}
"""Karibu's words for statuses of Meta's, where they differ."""
HOLDS_MAX_CHARS = 200


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A template in one language.

    `params` are the names of its variables in their order, the keys of `variables` in a send. `details` are its
    components as Meta tells of them. Times are those at which the gateway learnt it.
    """

    id: UUID
    name: str
    status: str
    is_deleted: bool
    language: str
    category: str
    params: list[str]
    details: dict[str, Any]
    template_type: Literal["standard", "authentication", "flow", "limited_time_offer"]
    parameter_format: Literal["NAMED", "POSITIONAL"]
    quality_score: str | None
    whatsapp_sender_number_id: UUID | None
    created_at: datetime
    updated_at: datetime
    approved_at: datetime | None
    last_sent_at: datetime | None
    rejection_reason_code: str | None
    rejection_reason_text: str | None


class TemplatePage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list; `cursor_next` asks for the next, null at the end."""

    items: list[Template]
    cursor_next: str | None
    total_count: int | None
