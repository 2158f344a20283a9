"""The signature on Meta's webhooks: HMAC-SHA256 over the raw body, keyed with the app secret."""

import hmac
from collections.abc import Iterable

HEADER = "X-Hub-Signature-256"


def sign(secret: str, body: bytes) -> str:
    """Return the value of the signature header, `sha256=` and 64 lower-case hexadecimal digits.

    `body` is what goes over the wire, byte for byte: JSON that was parsed and written again has another signature.
    """
    return "sha256=" + hmac.digest(_bytes(secret), body, "sha256").hex()


def verify(secrets: Iterable[str], body: bytes, header: str | None) -> bool:
    """Tell whether `header` signs `body` with any of `secrets`; never raises, whatever the header holds.

    Every secret is tried and each comparison takes constant time, so that neither the place of the right secret nor a
    partly right signature shows. An empty secret verifies nothing.
    """
    presented = _bytes(header or "")
    verdict = False
    for secret in secrets:
        matches = hmac.compare_digest(sign(secret, body).encode(), presented)
        verdict |= matches and bool(secret)
    return verdict


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
