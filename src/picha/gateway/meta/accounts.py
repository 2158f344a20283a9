"""The accounts with their opened secrets, read again at most once a second."""

from collections.abc import Iterable
from uuid import UUID

from picha.gateway.store.pool import Pool
from picha.gateway.store.tenants import Account, accounts
from picha.gateway.store.vault import Vault
from picha.kit.clock import Clock
from picha.kit.secrets import Secret

_FRESH_SECONDS = 1.0


class AccountBook:
    """A process's cache of accounts; a change in the database shows within a second."""

    def __init__(self, pool: Pool, vault: Vault, clock: Clock) -> None:
        self._pool, self._vault, self._clock = pool, vault, clock
        self._known: dict[UUID, Account] = {}
        self._read_at = float("-inf")

    async def all(self) -> Iterable[Account]:
        """Return every account."""
        if self._clock.monotonic() - self._read_at > _FRESH_SECONDS:
            self._known = {account.id: account for account in await accounts(self._pool, self._vault)}
            self._read_at = self._clock.monotonic()
        return self._known.values()

    async def app_secrets(self) -> Iterable[tuple[str, Secret]]:
        """Return each Meta app's id with each secret that verifies its webhooks, however many accounts share them."""
        return {
            (account.meta_app_id, secret)
            for account in await self.all()
            for secret in (account.app_secret, account.previous_app_secret)
            if secret is not None
        }

    async def get(self, account: UUID) -> Account:
        """Return one account; raises `LookupError` for an id that has none."""
        await self.all()
        return self._known[account]
