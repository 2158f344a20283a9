"""What our API tells of numbers and accounts outside any message; ours, Karibu has nothing like it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that WhatsApp told of a number or of its account.

    `field` is `errors` for an error of the number, with its `code`, `title` and `detail` (what it means and what to
    do); otherwise the subscribed field that changed, such as `phone_number_quality_update`. `sender_id` is null for
    news of the whole account. `value` is what was told, as it came.
    """

    id: UUID
    whatsapp_account_id: UUID
    sender_id: UUID | None = None
    field: str
    code: int | None = None
    title: str | None = None
    detail: str | None = None
    value: Any
    received_at: datetime
