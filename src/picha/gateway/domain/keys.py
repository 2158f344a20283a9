"""The text of an API key: `picha_<test|live>_`, 8 characters of public id, 32 of secret, 6 of checksum.

Only the SHA-256 of the whole text is stored; the public id finds the row, the checksum spares the database a typo.
"""

import hashlib
import hmac
import zlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

_PUBLIC = 8
_SECRET = 32
_CHECK = 6
OVERLAP_MAX = timedelta(days=30)
"""How long a key that was rotated may go on beside the one that takes its place."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Scope(StrEnum):
    """What a key may do: send pictures and take them back, read, or manage the numbers themselves."""

    SEND = "send"
    READ = "read"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A well-formed key as somebody presented it."""

    environment: str
    public_id: str
    digest: bytes

    def matches(self, digest: bytes) -> bool:
        """Tell in constant time whether this is the key whose SHA-256 is `digest`."""
        return hmac.compare_digest(self.digest, digest)


def compose(environment: str, public_id: str, secret: str) -> str:
    """Return the text of a key made of 8 and 32 base62 characters."""
    body = f"picha_{environment}_{public_id}{secret}"
    return body + _checksum(body)


def parse(text: str) -> PresentedKey | None:
    """Read a key, or None for a text that cannot be one."""
    prefix, _, rest = text.rpartition("_")
    environment = {"picha_test": "test", "picha_live": "live"}.get(prefix)
    well_formed = len(rest) == _PUBLIC + _SECRET + _CHECK and rest.isascii() and rest.isalnum()
    if environment is None or not well_formed or _checksum(text[:-_CHECK]) != text[-_CHECK:]:
        return None
    return PresentedKey(environment, rest[:_PUBLIC], hashlib.sha256(text.encode()).digest())


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
