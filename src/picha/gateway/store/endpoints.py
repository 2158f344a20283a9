"""Webhooks of customers' programs: where they are, and the secrets that sign what they are told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from picha.gateway.store import audit
from picha.gateway.store.pool import Connection, Pool, in_transaction
from picha.gateway.store.vault import Vault
from picha.kit.ids import Ids
from picha.kit.secrets import Secret


class TakenError(Exception):
    """The app has a webhook for that service already."""


@dataclass(frozen=True, slots=True)
class Whose:
    """The workspace and the environment that a caller's key is of; nothing of any other is found.

    `by` is who asks, as the audit has it: the key's public id.
    """

    workspace_id: UUID
    environment: str
    by: str = audit.CLI


@dataclass(frozen=True, slots=True)
class EndpointView:
    """A webhook as it is shown, without its secrets."""

    id: UUID
    app_id: UUID
    service_type: str
    url: str
    include_inbox: bool
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_for: str | None
    previous_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs for a webhook: its secret, the previous one while it is rotated, and the Ed25519 key in base64."""

    secret: Secret
    previous: Secret | None
    signing_key: Secret


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook as a worker needs it, to deliver to it."""

    id: UUID
    workspace_id: UUID
    environment: str
    app_id: UUID
    service_type: str
    url: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A webhook as it is set up."""

    app_id: UUID
    service_type: str
    url: str
    include_inbox: bool
    secret: Secret
    signing_key: Secret


_IS_ROTATING = "coalesce(previous_until > now(), false)"
_SHOWN = f"""
id, app_id, service_type, url, include_inbox, failing_since, disabled_at, disabled_for,
CASE WHEN {_IS_ROTATING} THEN previous_until END, created_at, updated_at
"""
_FOUND = f"SELECT {_SHOWN} FROM webhook WHERE workspace_id = $1 AND environment = $2"  # noqa: S608 - constants
_LISTED = f"{_FOUND} AND ($3::uuid IS NULL OR app_id = $3) ORDER BY id"
_ONE = f"{_FOUND} AND id = $3"
_HAS_APP = "SELECT true FROM app WHERE id = $1 AND workspace_id = $2"

_ADD = f"""
INSERT INTO webhook (id, workspace_id, environment, app_id, service_type, url, include_inbox, secret, signing_key)
SELECT $1, workspace_id, $3, id, $5, $6, $7, $8, $9 FROM app WHERE id = $4 AND workspace_id = $2
ON CONFLICT (app_id, environment, service_type) DO NOTHING RETURNING {_SHOWN}
"""  # noqa: S608 - constants
_ADD_LANE = "INSERT INTO lane (kind, key) VALUES ('tell', $1)"
_DROP_LANE = "DELETE FROM lane WHERE kind = 'tell' AND key = $1"
_RING = "SELECT pg_notify('picha_tell', '')"

_SEALED = f"""
SELECT *, {_IS_ROTATING} AS is_rotating FROM webhook WHERE workspace_id = $1 AND environment = $2 AND id = $3
"""  # noqa: S608 - constants
_OPEN = f"SELECT *, {_IS_ROTATING} AS is_rotating FROM webhook WHERE id = $1 AND disabled_at IS NULL"  # noqa: S608 - as above

# A webhook that its failures disabled is tried again when it is enabled, or has moved.
_CHANGE = """
UPDATE webhook SET service_type = coalesce($4, service_type), url = coalesce($5, url),
    include_inbox = coalesce($6, include_inbox), updated_at = now(),
    disabled_at = CASE WHEN NOT $7::boolean THEN coalesce(disabled_at, now()) WHEN {is_back} THEN NULL
        ELSE disabled_at END,
    disabled_for = CASE WHEN NOT $7::boolean THEN 'operator' WHEN {is_back} THEN NULL ELSE disabled_for END,
    failing_since = CASE WHEN {is_back} THEN NULL ELSE failing_since END
WHERE workspace_id = $1 AND environment = $2 AND id = $3 RETURNING id
""".format(is_back="$7 OR $7 IS NULL AND $5 <> url AND coalesce(disabled_for, '') <> 'operator'")
_REPLACE = """
UPDATE webhook SET secret = $2, previous_secret = $3, previous_until = now() + $4::interval, updated_at = now()
WHERE id = $1
"""
_LOCK = "SELECT * FROM webhook WHERE workspace_id = $1 AND environment = $2 AND id = $3 FOR NO KEY UPDATE"
# What waits is many small transactions, so that a webhook for which millions wait is deleted as soon as any.
_FORGET = """
DELETE FROM delivery WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM delivery WHERE webhook_id = $1 AND status = 'pending' LIMIT $2 FOR UPDATE SKIP LOCKED))
"""
_CHUNK, _FORGOTTEN_MOST = 1000, 50_000
_REMOVE = "DELETE FROM webhook WHERE workspace_id = $1 AND environment = $2 AND id = $3 RETURNING id"


async def has_app(pool: Pool, workspace: UUID, app: UUID) -> bool:
    """Tell whether the workspace has that app."""
    return bool(await pool.fetchval(_HAS_APP, app, workspace))


async def listed(pool: Pool, whose: Whose, *, app: UUID | None = None) -> list[EndpointView]:
    """Return the webhooks of one app or of all, the oldest first."""
    return [EndpointView(*row) for row in await pool.fetch(_LISTED, whose.workspace_id, whose.environment, app)]


async def find(pool: Pool, whose: Whose, endpoint: UUID) -> EndpointView | None:
    """Return one webhook."""
    row = await pool.fetchrow(_ONE, whose.workspace_id, whose.environment, endpoint)
    return EndpointView(*row) if row else None


async def add(pool: Pool, vault: Vault, ids: Ids, whose: Whose, new: NewEndpoint) -> EndpointView | None:
    """Set up a webhook of an app and its lane; None when the workspace has no such app.

    Raises:
        TakenError: the app has one for that service.
    """
    endpoint = ids.uuid()
    sealed = [
        vault.seal(secret, *_place(whose.workspace_id, endpoint), column)
        for column, secret in (("secret", new.secret), ("signing_key", new.signing_key))
    ]

    async def work(connection: Connection) -> EndpointView | None:
        row = await connection.fetchrow(
            _ADD,
            endpoint,
            whose.workspace_id,
            whose.environment,
            new.app_id,
            new.service_type,
            new.url,
            new.include_inbox,
            *sealed,
        )
        if row is None:
            if await connection.fetchval(_HAS_APP, new.app_id, whose.workspace_id):
                raise TakenError
            return None
        await connection.execute(_ADD_LANE, endpoint)
        await _note(connection, whose, endpoint, "webhook.added", app=new.app_id, service_type=new.service_type)
        return EndpointView(*row)

    return await in_transaction(pool, work)


async def secrets(pool: Pool, vault: Vault, whose: Whose, endpoint: UUID) -> Secrets | None:
    """Return the secrets of one webhook, opened."""
    row = await pool.fetchrow(_SEALED, whose.workspace_id, whose.environment, endpoint)
    return _opened(row, vault) if row else None


async def opened(pool: Pool, vault: Vault, endpoint: UUID) -> Endpoint | None:
    """Return the webhook of a lane with its secrets opened; None when it is gone or disabled."""
    row = await pool.fetchrow(_OPEN, endpoint)
    if row is None:
        return None
    return Endpoint(
        id=row["id"],
        workspace_id=row["workspace_id"],
        environment=row["environment"],
        app_id=row["app_id"],
        service_type=row["service_type"],
        url=row["url"],
        secrets=_opened(row, vault),
    )


async def change(
    pool: Pool,
    vault: Vault,
    whose: Whose,
    endpoint: UUID,
    *,
    service_type: str | None = None,
    url: str | None = None,
    secret: Secret | None = None,
    include_inbox: bool | None = None,
    is_enabled: bool | None = None,
) -> EndpointView | None:
    """Change what is not None about a webhook; None when there is no such one. Another secret holds at once.

    Raises:
        TakenError: the app has another one for that service.
    """

    async def work(connection: Connection) -> EndpointView | None:
        asked = (whose.workspace_id, whose.environment, endpoint)
        if await connection.fetchval(_CHANGE, *asked, service_type, url, include_inbox, is_enabled) is None:
            return None
        if secret is not None:
            await _replace(connection, vault, whose, endpoint, secret, overlap=timedelta())
        await connection.execute(_RING)
        told = {"service_type": service_type, "url": url, "secret": secret, "include_inbox": include_inbox}
        fields = [name for name, value in (told | {"is_enabled": is_enabled}).items() if value is not None]
        await _note(connection, whose, endpoint, "webhook.changed", fields=fields)
        row = await connection.fetchrow(_ONE, *asked)
        return EndpointView(*row) if row else None

    try:
        return await in_transaction(pool, work)
    except asyncpg.UniqueViolationError:
        raise TakenError from None


async def rotate(
    pool: Pool, vault: Vault, whose: Whose, endpoint: UUID, secret: Secret, *, overlap: timedelta
) -> EndpointView | None:
    """Put a new secret beside the former one, which signs for the `overlap`; None when there is no such webhook."""

    async def work(connection: Connection) -> EndpointView | None:
        await _replace(connection, vault, whose, endpoint, secret, overlap=overlap)
        row = await connection.fetchrow(_ONE, whose.workspace_id, whose.environment, endpoint)
        if row is None:
            return None
        await _note(connection, whose, endpoint, "webhook.secret_rotated", overlap_s=overlap.total_seconds())
        return EndpointView(*row)

    return await in_transaction(pool, work)


async def remove(pool: Pool, whose: Whose, endpoint: UUID) -> bool:
    """Delete a webhook with what waits for it; tell whether there was one.

    What was delivered goes with its event, as does what waits beyond `_FORGOTTEN_MOST`: nobody finds it any more.
    """

    async def work(connection: Connection) -> bool:
        if await connection.fetchval(_REMOVE, whose.workspace_id, whose.environment, endpoint) is None:
            return False
        await connection.execute(_DROP_LANE, endpoint)
        await _note(connection, whose, endpoint, "webhook.deleted")
        return True

    is_gone = await in_transaction(pool, work)
    for _ in range(_FORGOTTEN_MOST // _CHUNK if is_gone else 0):
        if await pool.execute(_FORGET, endpoint, _CHUNK) != f"DELETE {_CHUNK}":
            break
    return is_gone


async def _note(connection: Connection, whose: Whose, endpoint: UUID, deed: str, **about: Any) -> None:
    about |= {"webhook": endpoint}
    await audit.note(connection, whose.by, deed, workspace=whose.workspace_id, about=about)


async def _replace(
    connection: Connection, vault: Vault, whose: Whose, endpoint: UUID, secret: Secret, *, overlap: timedelta
) -> None:
    row = await connection.fetchrow(_LOCK, whose.workspace_id, whose.environment, endpoint)
    if row is None:
        return
    place = _place(whose.workspace_id, endpoint)
    previous = None
    if overlap and vault.open(row["secret"], *place, "secret").reveal() == secret.reveal():
        # Asked for again: its predecessor signs beside it already, and would be lost.
        return
    if overlap:
        previous = vault.seal(vault.open(row["secret"], *place, "secret"), *place, "previous_secret")
    await connection.execute(_REPLACE, endpoint, vault.seal(secret, *place, "secret"), previous, overlap)


def _opened(row: asyncpg.Record, vault: Vault) -> Secrets:
    place = _place(row["workspace_id"], row["id"])
    return Secrets(
        vault.open(row["secret"], *place, "secret"),
        vault.open(row["previous_secret"], *place, "previous_secret") if row["is_rotating"] else None,
        vault.open(row["signing_key"], *place, "signing_key"),
    )


def _place(workspace: UUID, endpoint: UUID) -> tuple[object, ...]:
    """Return where a webhook's sealed values belong, without their column."""
    return workspace, "webhook", endpoint
