"""What our API tells about senders; these routes answer bare, without the envelope."""

from uuid import UUID

import msgspec

from picha.karibu.sends import ImagePolicy
from picha.karibu.shape import read


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """One business number; `display_number` is digits.

    `environment` (test or live) and `image_policy`, which holds for sends that name none, are ours beside Karibu's
    fields.
    """

    id: UUID
    whatsapp_account_id: UUID
    phone_number_id: str
    display_number: str
    label: str
    is_default: bool
    is_active: bool
    environment: str
    image_policy: ImagePolicy


class SenderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed about a sender."""

    image_policy: ImagePolicy


def decode_change(body: bytes) -> SenderChange:
    """Return the change that `body` asks for; raises `Malformed`."""
    return read(body, SenderChange, {"image_policy": "image_policy is auto or strict."})
