"""The callback token of an attempt: our own name for it, which every status carries back.

It is the attempt's id and an 8-byte MAC, so that a status proves which attempt it speaks of even when the answer to the
send was lost, and a stranger's token binds nothing. It holds no phone number and no tenant.
"""

import base64
import hmac
from collections.abc import Iterable
from uuid import UUID

_MAC = 8
_ID = 16


def make(key: bytes, attempt: UUID) -> str:
    """Return the token of `attempt`: 32 characters of URL-safe base64."""
    return base64.urlsafe_b64encode(attempt.bytes + _mac(key, attempt.bytes)).decode()


def read(keys: Iterable[bytes], token: str | None) -> UUID | None:
    """Return the attempt that `token` proves under one of `keys`, or None when it is not one of ours."""
    if token is None:
        return None
    try:
        plain = base64.urlsafe_b64decode(token.encode("ascii"))
    except ValueError:
        return None
    if len(plain) != _ID + _MAC or not any(hmac.compare_digest(plain[_ID:], _mac(key, plain[:_ID])) for key in keys):
        return None
    return UUID(bytes=plain[:_ID])


def _mac(key: bytes, attempt: bytes) -> bytes:
    return hmac.digest(key, attempt, "sha256")[:_MAC]
