"""Signed links to pictures: they expire, and hold for one picture of one workspace."""

import hmac
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from picha.kit.clock import Clock

LINK_LIFE = timedelta(minutes=10)


class Links:
    """Makes and checks links. `keys` are derived from the master keys, the newest first: every process signs alike."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], clock: Clock, base_url: str) -> None:
        self._keys, self._clock, self._base_url = keys, clock, base_url

    def make(self, workspace: UUID, file: UUID) -> str:
        """Return a link to the bytes of `file` that holds for ten minutes."""
        expires = int((self._clock.now() + LINK_LIFE).timestamp())
        signature = _signed(self._keys()[0], workspace, file, str(expires))
        return f"{self._base_url}/v1/whatsapp/media/{file}/content?expires={expires}&signature={signature}"

    def holds(self, workspace: UUID, file: UUID, expires: str, signature: str) -> bool:
        """Tell whether `signature` was made here for exactly this and has not expired."""
        presented = signature.encode("utf-8", "surrogatepass")
        genuine = any(
            hmac.compare_digest(_signed(key, workspace, file, expires).encode(), presented) for key in self._keys()
        )
        return genuine and expires.isdigit() and int(expires) > self._clock.now().timestamp()


def _signed(key: bytes, workspace: UUID, file: UUID, expires: str) -> str:
    return hmac.digest(key, f"{workspace}|{file}|{expires}".encode(), "sha256").hex()
