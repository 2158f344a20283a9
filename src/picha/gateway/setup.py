"""First-run setup: a workspace with one app, one key and one test sender, made once and found again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from picha.gateway.domain.keys import PresentedKey, compose, parse
from picha.gateway.domain.staff import link_path
from picha.gateway.meta.graph import open_graph
from picha.gateway.settings import API_KEY_FILE
from picha.gateway.store import keys, sessions, staff, tenants
from picha.gateway.store.keys import KeyView
from picha.gateway.store.pool import Pool, open_pool
from picha.gateway.store.tenants import App, NewAccount
from picha.gateway.store.vault import Vault, ensure_ring, keep_private, read_ring
from picha.kit.ids import Ids, base62
from picha.kit.secrets import Secret

_GRAPH_VERSION = "v25.0"
META_URL = f"https://graph.facebook.com/{_GRAPH_VERSION}"


@dataclass(frozen=True, slots=True)
class TestWorkspace:
    """What a newcomer needs to send the first picture through the sandbox."""

    __test__ = False

    api_key: str
    app_id: UUID
    sender: str
    phone_number_id: str
    # The path of a link that lets the first admin in, once.
    sign_in_path: str


def ensure_test_workspace(dsn: str, *, home: Path, sandbox: Mapping[str, str], ring: str = "") -> TestWorkspace:
    """Make, or find again, the workspace whose only sender is the sandbox's number.

    `sandbox` is its ready line, `ring` the master key ring where it does not lie in `home`. The API key's text is kept
    in `home` (mode 0600) because the database has only its digest. Running it again changes only where the sandbox is
    found, and makes a new sign-in link; a key that was revoked or has ended since gives way to a new one.

    Raises:
        GraphCallError: the sandbox does not tell its number.
        VaultError: the key ring cannot be read.
    """
    vault = Vault(read_ring(ring) if ring else ensure_ring(home / "keys"))
    account = NewAccount(
        environment="test",
        waba_id=sandbox["waba_id"],
        meta_app_id=sandbox["app_id"],
        graph_url=f"{sandbox['base_url'].rstrip('/')}/{_GRAPH_VERSION}",
        access_token=Secret(sandbox["access_token"]),
        app_secret=Secret(sandbox["app_secret"]),
        verify_token=Secret(sandbox["verify_token"]),
    )
    return asyncio.run(_ensure(dsn, vault, home / API_KEY_FILE, account, sandbox["phone_number_id"]))


async def _ensure(dsn: str, vault: Vault, kept: Path, account: NewAccount, phone_number_id: str) -> TestWorkspace:
    ids = Ids()
    async with open_pool(dsn) as pool:
        app = await tenants.first_app(pool) or await tenants.add_workspace(pool, ids, "Default")
        text, app_id = await _ensure_key(pool, ids, app, kept)
        number = await put_number(pool, vault, ids, app, account, phone_number_id=phone_number_id)
        token = await sessions.invite(pool, await staff.ensure_admin(pool, ids, app.workspace_id))
    return TestWorkspace(text, app_id, number, phone_number_id, link_path(token))


async def _ensure_key(pool: Pool, ids: Ids, app: App, kept: Path) -> tuple[str, UUID]:
    """Return the key of an earlier run, or a new one that is kept, readable by its owner only; and whose it is."""
    text = _text(kept)
    key = parse(text)
    known = await _known(pool, key)
    if key is None or (known and not known.is_active):
        text, key = fresh_key("test")
        known = None
        keep_private(kept, text + "\n")
    if known is None:
        await keys.add(pool, ids, app, key)
    return text, known.app_id if known else app.app_id


def _text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


async def _known(pool: Pool, key: PresentedKey | None) -> KeyView | None:
    found = await keys.listed(pool, only=key.public_id) if key else []
    return found[0] if found else None


def fresh_key(environment: str) -> tuple[str, PresentedKey]:
    """Make the text of a new key, which nobody can tell once it is lost, and what is stored of it."""
    text = compose(environment, base62(8), base62(32))
    key = parse(text)
    assert key is not None  # noqa: S101 - what is composed can be parsed
    return text, key


async def put_number(pool: Pool, vault: Vault, ids: Ids, app: App, account: NewAccount, *, phone_number_id: str) -> str:
    """Set a number up, or renew its account's secrets, once Meta has told which number it is; return its digits.

    Raises:
        GraphCallError: Meta does not tell, so that nothing is changed.
        NumberTakenError: another workspace has it.
    """
    async with open_graph() as graph:
        number = await graph.number(account, phone_number_id)
    return await tenants.put_account(
        pool,
        vault,
        ids,
        app,
        account,
        phone_number_id=phone_number_id,
        display_number=number.display_phone_number,
        per_second=number.messages_per_second,
    )
