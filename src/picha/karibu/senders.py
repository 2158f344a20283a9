"""What our API tells about senders; these routes answer bare, without the envelope."""

from uuid import UUID

import msgspec


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """One business number. `display_number` is digits, `environment` (test or live) is ours beside Karibu's fields."""

    id: UUID
    whatsapp_account_id: UUID
    phone_number_id: str
    display_number: str
    label: str
    is_default: bool
    is_active: bool
    environment: str
