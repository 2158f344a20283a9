"""Workspaces, apps, accounts and senders: who is who, through which number, with which secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from picha.gateway.domain.admission import Sender
from picha.gateway.store import audit
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.vault import Vault, VaultError
from picha.kit.ids import Ids
from picha.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Account:
    """A WhatsApp business account with its opened secrets.

    `previous_app_secret` is there while the app secret is being rotated: webhooks may still be signed with it.
    """

    id: UUID
    workspace_id: UUID
    environment: str
    waba_id: str
    meta_app_id: str
    graph_url: str
    access_token: Secret
    app_secret: Secret
    verify_token: Secret
    previous_app_secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where an inbound item belongs: the sender that a phone_number_id is, and its workspace."""

    workspace_id: UUID
    sender_id: UUID
    environment: str
    account_id: UUID


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an account is."""

    workspace_id: UUID
    account_id: UUID


_ACCOUNTS = "SELECT *, coalesce(previous_until > now(), false) AS is_rotating FROM account ORDER BY id"


async def accounts(pool: Pool, vault: Vault) -> list[Account]:
    """Return every account with its secrets opened."""
    return [_account(row, vault) for row in await pool.fetch(_ACCOUNTS)]


def _account(row: asyncpg.Record, vault: Vault) -> Account:
    def opened(column: str) -> Secret:
        return vault.open(row[column], row["workspace_id"], "account", row["id"], column)

    return Account(
        id=row["id"],
        workspace_id=row["workspace_id"],
        environment=row["environment"],
        waba_id=row["waba_id"],
        meta_app_id=row["meta_app_id"],
        graph_url=row["graph_url"],
        access_token=opened("access_token"),
        app_secret=opened("app_secret"),
        verify_token=opened("verify_token"),
        previous_app_secret=opened("previous_app_secret") if row["is_rotating"] else None,
    )


_SENDERS = """
SELECT workspace_id, id, account_id, environment, phone_number_id, display_number, is_active, image_policy, is_default
FROM unnest($1::uuid[]) AS asked (workspace_id) JOIN sender USING (workspace_id) ORDER BY is_default DESC, id
"""


async def senders(pool: Pool, workspaces: Sequence[UUID]) -> dict[UUID, list[Sender]]:
    """Return the senders of each workspace, the default one first."""
    found: dict[UUID, list[Sender]] = {workspace: [] for workspace in workspaces}
    for row in await pool.fetch(_SENDERS, list(workspaces)):
        found[row["workspace_id"]].append(Sender(*list(row)[1:]))
    return found


async def sender(pool: Pool, sender_id: UUID) -> Sender | None:
    """Return one sender."""
    row = await pool.fetchrow(
        "SELECT id, account_id, environment, phone_number_id, display_number, is_active, image_policy FROM sender"
        " WHERE id = $1",
        sender_id,
    )
    return Sender(*row) if row else None


_SET_DEFAULT = """
UPDATE sender SET is_default = (sender.id = $1) FROM sender AS chosen
WHERE chosen.id = $1 AND sender.workspace_id = chosen.workspace_id AND sender.environment = chosen.environment
    AND sender.is_default <> (sender.id = $1)
"""


async def set_default(pool: Pool, sender_id: UUID, *, who: str = audit.CLI) -> None:
    """Make a number the default one of its workspace and environment, in the place of the former."""

    async def work(connection: Connection) -> None:
        await connection.execute(_SET_DEFAULT, sender_id)
        await audit.note_of_sender(connection, sender_id, who, "sender.changed", is_default=True)

    await in_transaction(pool, work)


async def set_image_policy(pool: Pool, sender_id: UUID, policy: str, *, who: str = audit.CLI) -> None:
    """Change what holds for a number's sends that name no image policy."""

    async def work(connection: Connection) -> None:
        await connection.execute("UPDATE sender SET image_policy = $2 WHERE id = $1", sender_id, policy)
        await audit.note_of_sender(connection, sender_id, who, "sender.changed", image_policy=policy)

    await in_transaction(pool, work)


_ROUTES = """
SELECT account.meta_app_id, phone_number_id, sender.workspace_id, sender.id, sender.environment, account_id
FROM sender JOIN account ON account.id = account_id
WHERE account.meta_app_id = ANY($1::text[]) AND phone_number_id = ANY($2::text[])
"""


async def routes(
    connection: Connection, meta_apps: Sequence[str], numbers: Sequence[str]
) -> dict[tuple[str, str], Route]:
    """Find the senders that (Meta app, phone_number_id) name; a number bound to another app's secret is not found."""
    rows = await connection.fetch(_ROUTES, list(meta_apps), list(numbers))
    return {
        (row["meta_app_id"], row["phone_number_id"]): Route(
            row["workspace_id"], row["id"], row["environment"], row["account_id"]
        )
        for row in rows
    }


_OWNERS = """
SELECT DISTINCT ON (meta_app_id, waba_id) meta_app_id, waba_id, workspace_id, id FROM account
WHERE meta_app_id = ANY($1::text[]) AND waba_id = ANY($2::text[]) ORDER BY meta_app_id, waba_id, id
"""


async def owners(
    connection: Connection, meta_apps: Sequence[str], wabas: Sequence[str]
) -> dict[tuple[str, str], Owner]:
    """Find whose the accounts are that (Meta app, WABA id) name; one of another app's secret is not found."""
    rows = await connection.fetch(_OWNERS, list(meta_apps), list(wabas)) if wabas else []
    return {(row[0], row[1]): Owner(row[2], row[3]) for row in rows}


@dataclass(frozen=True, slots=True)
class App:
    """A developer's app in its workspace."""

    workspace_id: UUID
    app_id: UUID


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as it is set up."""

    environment: str
    waba_id: str
    meta_app_id: str
    graph_url: str
    access_token: Secret
    app_secret: Secret
    verify_token: Secret


class NumberTakenError(Exception):
    """A number is set up in another workspace already."""


async def first_app(pool: Pool) -> App | None:
    """Return the oldest app, if there is any."""
    row = await pool.fetchrow("SELECT workspace_id, id FROM app ORDER BY id LIMIT 1")
    return App(*row) if row else None


async def add_workspace(pool: Pool, ids: Ids, name: str) -> App:
    """Make a workspace with one app of the same name, and the lanes on which its pictures and batches are prepared."""
    app = App(ids.uuid(), ids.uuid())
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO workspace (id, name) VALUES ($1, $2)", app.workspace_id, name)
        await connection.execute(
            "INSERT INTO app (id, workspace_id, name) VALUES ($1, $2, $3)", app.app_id, app.workspace_id, name
        )
        await connection.execute("INSERT INTO lane (kind, key) VALUES ('prepare', $1), ('batch', $1)", app.workspace_id)
    return app


async def add_app(pool: Pool, ids: Ids, workspace: UUID, name: str) -> App:
    """Make one more app in a workspace."""
    app = App(workspace, ids.uuid())
    await pool.execute("INSERT INTO app (id, workspace_id, name) VALUES ($1, $2, $3)", app.app_id, workspace, name)
    return app


_CAP = """
UPDATE workspace SET per_day = CASE WHEN $2::int IS NULL THEN per_day WHEN $2 >= 0 THEN $2 END,
    per_month = CASE WHEN $3::int IS NULL THEN per_month WHEN $3 >= 0 THEN $3 END
WHERE id = $1 RETURNING per_day, per_month
"""


async def cap_workspace(pool: Pool, workspace: UUID, *, per_day: int | None, per_month: int | None) -> None:
    """Cap what a workspace may send: None leaves a cap as it is, and less than 0 takes it away."""

    async def work(connection: Connection) -> None:
        row = await connection.fetchrow(_CAP, workspace, per_day, per_month)
        about = dict(row) if row else {}
        await audit.note(connection, audit.CLI, "workspace.capped", workspace=workspace, about=about)

    await in_transaction(pool, work)


async def weigh_workspace(pool: Pool, workspace: UUID, weight: int) -> None:
    """Give a workspace a weight (1 to 100): how much of a busy worker it has beside others."""

    async def work(connection: Connection) -> None:
        await connection.execute("UPDATE workspace SET weight = $2 WHERE id = $1", workspace, weight)
        await audit.note(connection, audit.CLI, "workspace.weighed", workspace=workspace, about={"weight": weight})

    await in_transaction(pool, work)


_PUT_ACCOUNT = """
INSERT INTO account (id, workspace_id, environment, waba_id, meta_app_id, graph_url, access_token, app_secret,
    verify_token)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO UPDATE SET meta_app_id = excluded.meta_app_id, graph_url = excluded.graph_url,
    access_token = excluded.access_token, app_secret = excluded.app_secret, verify_token = excluded.verify_token
"""

_PUT_SENDER = """
INSERT INTO sender (id, workspace_id, account_id, environment, phone_number_id, display_number, per_second, is_default)
VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, 80),
    NOT EXISTS (SELECT FROM sender WHERE workspace_id = $2 AND environment = $4 AND is_default))
ON CONFLICT (environment, phone_number_id) DO UPDATE
    SET display_number = excluded.display_number, account_id = excluded.account_id
    WHERE sender.workspace_id = excluded.workspace_id
RETURNING id, display_number, xmax = 0 AS is_new
"""


_KNOWN = """
SELECT id, workspace_id, meta_app_id, access_token, app_secret, verify_token FROM account
WHERE workspace_id = $1 AND environment = $2 AND waba_id = $3 FOR UPDATE
"""

_PREVIOUS = "UPDATE account SET previous_app_secret = $2, previous_until = now() + interval '7 days' WHERE id = $1"


async def _keep_previous(connection: Connection, vault: Vault, known: asyncpg.Record, account: NewAccount) -> None:
    """Keep the app secret that another of the same app replaces, sealed for its new place."""
    place = known["workspace_id"], "account", known["id"]
    try:
        replaced = vault.open(known["app_secret"], *place, "app_secret")
    except VaultError:
        return  # its master key is gone, so nothing was verified with it any more
    if known["meta_app_id"] == account.meta_app_id and replaced.reveal() != account.app_secret.reveal():
        await connection.execute(_PREVIOUS, known["id"], vault.seal(replaced, *place, "previous_app_secret"))


def _renewed(vault: Vault, known: asyncpg.Record | None, account: NewAccount) -> list[str]:
    """Return which secrets of an account are other ones than before."""

    def is_same(column: str) -> bool:
        if known is None:
            return False
        try:
            former = vault.open(known[column], known["workspace_id"], "account", known["id"], column)
        except VaultError:
            return False
        put: Secret = getattr(account, column)
        return former.reveal() == put.reveal()

    return [column for column in ("access_token", "app_secret", "verify_token") if not is_same(column)]


async def put_account(
    pool: Pool,
    vault: Vault,
    ids: Ids,
    app: App,
    account: NewAccount,
    *,
    phone_number_id: str,
    display_number: str,
    per_second: float | None = None,
) -> str:
    """Set up an account with one number and that number's lanes, or renew its secrets; return the number's digits.

    `per_second` is a new number's pace, 80 unless told; one that is known keeps the pace that its operator chose.
    An app secret that is replaced goes on verifying webhooks for seven days, as long as Meta tries again.

    Raises:
        NumberTakenError: the number is another workspace's; nothing is changed.
    """
    async with pool.acquire() as connection, connection.transaction():
        known = await connection.fetchrow(_KNOWN, app.workspace_id, account.environment, account.waba_id)
        account_id = known["id"] if known else ids.uuid()

        def sealed(column: str) -> bytes:
            return vault.seal(getattr(account, column), app.workspace_id, "account", account_id, column)

        if known:
            await _keep_previous(connection, vault, known, account)

        await connection.execute(
            _PUT_ACCOUNT,
            account_id,
            app.workspace_id,
            account.environment,
            account.waba_id,
            account.meta_app_id,
            account.graph_url,
            sealed("access_token"),
            sealed("app_secret"),
            sealed("verify_token"),
        )
        row = await connection.fetchrow(
            _PUT_SENDER,
            ids.uuid(),
            app.workspace_id,
            account_id,
            account.environment,
            phone_number_id,
            "".join(filter(str.isdigit, display_number)),
            per_second,
        )
        if row is None:
            raise NumberTakenError("Another workspace of this gateway has that number; it can be in one only.")
        await connection.execute(
            "INSERT INTO lane (kind, key) VALUES ('send', $1), ('hear', $1) ON CONFLICT DO NOTHING", row["id"]
        )
        # The account's numbers rest while Meta refuses its token; here it may have got another one.
        await connection.execute(
            "UPDATE sender SET paused_at = NULL, paused_for = NULL WHERE account_id = $1 AND paused_for = 'token'",
            account_id,
        )
        if row["is_new"]:
            await audit.note_of_sender(connection, row["id"], audit.CLI, "sender.added", account=account_id)
        if renewed := _renewed(vault, known, account):
            about = {"account": account_id, "secrets": renewed}
            await audit.note(connection, audit.CLI, "secrets.stored", workspace=app.workspace_id, about=about)
    number: str = row["display_number"]
    return number
