"""Signed links to pictures: they expire, and hold for one picture of one workspace."""

import hmac
from datetime import timedelta
from uuid import UUID

from picha.kit.clock import Clock

LINK_LIFE = timedelta(minutes=10)


class Links:
    """Makes and checks links. `key` is derived from the master key, so that every process signs alike."""

    def __init__(self, key: bytes, clock: Clock, base_url: str) -> None:
        self._key, self._clock, self._base_url = key, clock, base_url

    def make(self, workspace: UUID, file: UUID) -> str:
        """Return a link to the bytes of `file` that holds for ten minutes."""
        expires = int((self._clock.now() + LINK_LIFE).timestamp())
        signature = self._sign(workspace, file, str(expires))
        return f"{self._base_url}/v1/whatsapp/media/{file}/content?expires={expires}&signature={signature}"

    def holds(self, workspace: UUID, file: UUID, expires: str, signature: str) -> bool:
        """Tell whether `signature` was made here for exactly this and has not expired."""
        genuine = hmac.compare_digest(
            self._sign(workspace, file, expires).encode(), signature.encode("utf-8", "surrogatepass")
        )
        return genuine and expires.isdigit() and int(expires) > self._clock.now().timestamp()

    def _sign(self, workspace: UUID, file: UUID, expires: str) -> str:
        return hmac.digest(self._key, f"{workspace}|{file}|{expires}".encode(), "sha256").hex()
