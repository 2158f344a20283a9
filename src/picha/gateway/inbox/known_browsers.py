"""The marks of browsers in which somebody signed in before: a mark lets nobody in, it tells them from strangers.

OWASP calls them device cookies. Whoever guesses at a name from elsewhere is shut out without shutting its person out.
"""

import hmac
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from picha.kit.ids import base62

_NONCE_CHARACTERS = 22


class KnownBrowsers:
    """Makes and checks marks. `keys` are derived from the master keys, the newest first: every process signs alike."""

    def __init__(self, keys: Callable[[], Sequence[bytes]]) -> None:
        self._keys = keys

    def mark(self, person: UUID, password_hash: str) -> str:
        """Return a new mark, which holds for one person until their password is another."""
        nonce = base62(_NONCE_CHARACTERS)
        return f"{nonce}.{_signed(self._keys()[0], nonce, person, password_hash)}"

    def known(self, marks: Iterable[str], person: UUID | None, password_hash: str | None) -> str | None:
        """Return the mark that was made here for this person with this password, if there is one."""
        for mark in marks:
            nonce, _, signature = mark.partition(".")
            shown = signature.encode("utf-8", "surrogatepass")
            if any(
                hmac.compare_digest(_signed(key, nonce, person, password_hash).encode(), shown) for key in self._keys()
            ):
                return mark
        return None


def _signed(key: bytes, nonce: str, person: UUID | None, password_hash: str | None) -> str:
    content = f"{nonce}|{person}|{password_hash}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, content, "sha256").hex()
