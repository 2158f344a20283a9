"""An idempotency key and what it was used for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Once:
    """A request's idempotency key, and the SHA-256 of what the request asks for (32 bytes)."""

    key: str
    fingerprint: bytes
