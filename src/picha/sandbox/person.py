"""Who a WhatsApp user is to the business."""

import hashlib

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A WhatsApp user the business has heard from."""

    wa_id: str
    user_id: str
    name: str | None = None
    identity_key_hash: str | None = None


def user_id_of(wa_id: str) -> str:
    """Return the business-scoped user id that stands for a phone number in this sandbox, always the same."""
    return f"US.{int.from_bytes(hashlib.sha256(wa_id.encode()).digest()[:7]) + 10**16}"
