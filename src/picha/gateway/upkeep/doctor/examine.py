"""The whole examination, in an order in which a trouble explains those after it; a look that fails is a finding too."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from picha.gateway.blobs.opening import open_blobs
from picha.gateway.meta.graph import Graph, GraphCallError, open_graph
from picha.gateway.settings import Settings, SettingsError
from picha.gateway.store import tenants
from picha.gateway.store.pool import Pool, open_unchecked
from picha.gateway.store.tenants import Account
from picha.gateway.store.vault import Vault, VaultError, read_ring
from picha.gateway.upkeep import catalogue
from picha.gateway.upkeep.doctor import database, machine, whatsapp
from picha.gateway.upkeep.doctor.findings import Finding, ok, problem
from picha.kit.clock import Clock
from picha.kit.ids import Ids
from picha.kit.logs import redact

_CALLBACK = "/webhooks/whatsapp"
# Accounts and numbers that are asked about at a time.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Look:
    """One look: what it is called, of what it is, and where its findings come from."""

    check: str
    about: str
    findings: AsyncIterator[Finding]


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at everything that the settings name, and return what was found."""
    found = await _all(_machine(settings))
    try:
        async with open_unchecked(settings.database_url, size=2) as pool:
            found.append(ok("database", "The database answers."))
            found += await _all(_database(pool, settings, clock))
            if not any(one.level == "problem" and one.check == "durability" for one in found):
                found += await _tenants(pool, settings, clock)
    except Exception as error:  # noqa: BLE001 - drivers fail in many ways, and each is a finding
        found.append(_failed("database", "", error))
    return found


async def examine_number(settings: Settings, clock: Clock, sender: UUID) -> list[Finding]:
    """Look at one number: its queue, its account and itself at Meta, and the way from there to us."""
    try:
        async with open_unchecked(settings.database_url, size=2) as pool:
            found = await _all([_Look("backlog", str(sender), database.queue(pool, sender))])
            return found + await _tenants(pool, settings, clock, only=sender)
    except Exception as error:  # noqa: BLE001 - as above
        return [_failed("database", "", error)]


def _machine(settings: Settings) -> list[_Look]:
    return [
        _Look("disk", "", machine.disk(settings.home)),
        _Look("keys", "", machine.keys(None if settings.keys else settings.keys_path)),
        _Look("blobs", "", _blobs(settings)),
    ]


async def _blobs(settings: Settings) -> AsyncIterator[Finding]:
    async for finding in machine.blobs(open_blobs(settings)):
        yield finding


def _database(pool: Pool, settings: Settings, clock: Clock) -> list[_Look]:
    return [
        _Look("sealed", "", _sealed(pool, settings)),
        _Look("durability", "", database.durability(pool)),
        _Look("clock", "", database.clock(pool, clock)),
        _Look("restored", "", database.life(pool)),
        _Look("queues", "", database.queues(pool)),
    ]


async def _sealed(pool: Pool, settings: Settings) -> AsyncIterator[Finding]:
    async for finding in database.under(pool, list(read_ring(settings.ring()))):
        yield finding


async def _tenants(pool: Pool, settings: Settings, clock: Clock, *, only: UUID | None = None) -> list[Finding]:
    """Look at every account and number, or at one number's, and at the way from Meta to us."""
    try:
        accounts = await tenants.accounts(pool, Vault(read_ring(settings.ring())))
    except (VaultError, SettingsError, OSError) as error:
        return [_failed("keys", "", error)]
    if only is not None and (one := await tenants.sender(pool, only)):
        accounts = [account for account in accounts if account.id == one.account_id]
    if not accounts:
        remedy = "`picha up` sets one up at the sandbox, `picha senders add` one at Meta."
        return [problem("accounts", "No WhatsApp account is set up: nothing can be sent or received.", remedy)]
    async with open_graph() as graph:
        return await _all(
            [*_reachability(settings, accounts), *await _whatsapp(pool, graph, accounts, settings, clock, only=only)]
        )


def _reachability(settings: Settings, accounts: Sequence[Account]) -> list[_Look]:
    first = {account.environment: account for account in accounts}
    return [
        _Look(
            "reachability",
            "",
            machine.reachability(
                settings.base_url + _CALLBACK, account.verify_token, is_live=account.environment == "live"
            ),
        )
        for account in first.values()
    ]


async def _whatsapp(
    pool: Pool,
    graph: Graph,
    accounts: Sequence[Account],
    settings: Settings,
    clock: Clock,
    *,
    only: UUID | None = None,
) -> list[_Look]:
    senders = await tenants.senders(pool, list({account.workspace_id for account in accounts}))
    looks, seen = [], set[str]()
    for account in accounts:
        about = str(account.id)
        if account.graph_url not in seen:
            seen.add(account.graph_url)
            looks.append(_Look("clock", about, whatsapp.clock(graph, account, clock)))
        looks.append(_Look("token", about, whatsapp.token(graph, account, clock.now())))
        looks.append(_Look("subscription", about, whatsapp.subscription(graph, account)))
        looks += [
            _Look("number", str(one.id), whatsapp.number(graph, account, one, settings.base_url + _CALLBACK))
            for one in senders[account.workspace_id]
            if one.account_id == account.id and (one.is_active if only is None else one.id == only)
        ]
        if only is not None:
            looks.append(_Look("templates", about, _templates(pool, graph, account)))
    return looks


async def _templates(pool: Pool, graph: Graph, account: Account) -> AsyncIterator[Finding]:
    """Ask for the templates again, because whoever looks at one number may have just made one."""
    count = await catalogue.refresh(pool, graph, account, Ids())
    yield ok("templates", f"{count} templates are known, as of now.", about=str(account.id))


async def _all(looks: Sequence[_Look]) -> list[Finding]:
    """Take several looks at a time, and return what they find in the order in which they were named."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def take(look: _Look) -> list[Finding]:
        async with room:
            try:
                return [finding async for finding in look.findings]
            except Exception as error:  # noqa: BLE001 - a look that fails is a finding, and hides no other
                return [_failed(look.check, look.about, error)]

    return [finding for found in await asyncio.gather(*map(take, looks)) for finding in found]


_REMEDIES: dict[str, str] = {
    "database": "See that PostgreSQL runs and PICHA_DATABASE_URL names it; `picha migrate` makes what it lacks.",
    "keys": "PICHA_KEYS or PICHA_KEYS_FILE names the ring that the accounts were set up with.",
    "blobs": "See docs/storage.md for the settings of the blob store.",
}
_META = "See that this machine reaches the Graph API, and what Meta says here about the token."


def _failed(check: str, about: str, error: Exception) -> Finding:
    if isinstance(error, GraphCallError):
        return problem(check, f"Meta did not tell: {error.detail}", _META, about=about)
    what = redact(f"{type(error).__name__}: {error}").rstrip(". ")
    remedy = _REMEDIES.get(check, "The message tells what stands in the way.")
    return problem(check, f"It could not be looked at. {what}.", remedy, about=about)
