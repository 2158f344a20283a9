"""Take a webhook in: verify its signature, keep the raw bytes durably, only then let it be answered 200."""

import hashlib
import hmac
from collections.abc import Sequence
from enum import Enum, auto

from picha.cloudapi import signature
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.store import raw
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.pool import Pool
from picha.gateway.store.raw import Verified
from picha.kit.ids import Ids

SIGNATURE_HEADER = signature.HEADER


class Taken(Enum):
    """How a webhook was received."""

    KEPT = auto()
    REFUSED = auto()


class Intake:
    """Receives webhooks. Enter it as a context: its group commit runs inside."""

    def __init__(self, pool: Pool, book: AccountBook, ids: Ids) -> None:
        self._book, self._ids = book, ids

        async def keep(verified: Sequence[Verified]) -> Sequence[None]:
            await raw.keep(pool, verified)
            return [None] * len(verified)

        self.group: GroupCommit[Verified, None] = GroupCommit(keep)

    async def take(self, body: bytes, header: str | None) -> Taken:
        """Verify `body` against the app secrets and keep it; the same bytes again change nothing.

        Raises:
            OverloadedError: too many wait for the database; Meta tries again.
        """
        # Each is tried, so that the time that it takes does not tell which one it was.
        apps = [
            meta_app_id
            for meta_app_id, secret in await self._book.app_secrets()
            if signature.verify([secret.reveal()], body, header)
        ]
        if not apps:
            return Taken.REFUSED
        await self.group.submit(Verified(self._ids.uuid(), min(apps), hashlib.sha256(body).digest(), body))
        return Taken.KEPT

    async def shakes_hands(self, mode: str | None, verify_token: str | None) -> bool:
        """Tell whether a subscription's handshake names a verify token of ours; every account is compared."""
        presented = (verify_token or "").encode("utf-8", "surrogatepass")
        known = [
            hmac.compare_digest(account.verify_token.reveal().encode(), presented) for account in await self._book.all()
        ]
        return mode == "subscribe" and any(known)
