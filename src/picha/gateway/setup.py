"""First-run setup: a workspace with one app, one key and one test sender, made once and found again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from picha.gateway.domain.keys import compose, parse
from picha.gateway.meta.graph import open_graph
from picha.gateway.store import tenants
from picha.gateway.store.pool import open_pool
from picha.gateway.store.tenants import NewAccount
from picha.gateway.store.vault import Vault, ensure_ring, keep_private, read_ring
from picha.kit.ids import Ids, base62
from picha.kit.secrets import Secret

_GRAPH_VERSION = "v25.0"


@dataclass(frozen=True, slots=True)
class TestWorkspace:
    """What a newcomer needs to send the first picture through the sandbox."""

    __test__ = False

    api_key: str
    app_id: UUID
    sender: str
    phone_number_id: str


def ensure_test_workspace(dsn: str, *, home: Path, sandbox: Mapping[str, str], keys: str = "") -> TestWorkspace:
    """Make, or find again, the workspace whose only sender is the sandbox's number.

    `sandbox` is its ready line, `keys` the master key ring where it does not lie in `home`. The API key's text is kept
    in `home` (mode 0600) because the database has only its digest. Running it again changes only where the sandbox is
    found.

    Raises:
        GraphCallError: the sandbox does not tell its number.
        VaultError: the key ring cannot be read.
    """
    vault, text = Vault(read_ring(keys) if keys else ensure_ring(home / "keys")), _key_text(home / "api-key")
    account = NewAccount(
        environment="test",
        waba_id=sandbox["waba_id"],
        meta_app_id=sandbox["app_id"],
        graph_url=f"{sandbox['base_url'].rstrip('/')}/{_GRAPH_VERSION}",
        access_token=Secret(sandbox["access_token"]),
        app_secret=Secret(sandbox["app_secret"]),
        verify_token=Secret(sandbox["verify_token"]),
    )
    return asyncio.run(_ensure(dsn, vault, text, account, sandbox["phone_number_id"]))


async def _ensure(dsn: str, vault: Vault, text: str, account: NewAccount, phone_number_id: str) -> TestWorkspace:
    ids = Ids()
    async with open_graph() as graph:
        display_number = await graph.display_number(account, phone_number_id)
    async with open_pool(dsn) as pool:
        app = await tenants.first_app(pool) or await tenants.add_workspace(pool, ids, "Default")
        if (key := parse(text)) and await tenants.find_key(pool, key.public_id) is None:
            await tenants.add_key(pool, ids, app, key)
        number = await tenants.put_account(
            pool, vault, ids, app, account, phone_number_id=phone_number_id, display_number=display_number
        )
    return TestWorkspace(text, app.app_id, number, phone_number_id)


def _key_text(path: Path) -> str:
    """Read the key of an earlier run, or keep a new one, readable by its owner only."""
    if path.exists() and parse(text := path.read_text().strip()):
        return text
    text = compose("test", base62(8), base62(32))
    keep_private(path, text + "\n")
    return text
