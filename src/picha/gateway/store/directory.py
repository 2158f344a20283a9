"""Who is here: workspaces, apps and numbers, as they are listed to people who run the gateway."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.store.numbers import PausedFor
from picha.gateway.store.pool import Pool


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    """A workspace, and how much is in it."""

    id: UUID
    name: str
    created_at: datetime
    apps: int
    senders: int
    per_day: int | None
    per_month: int | None
    weight: int


@dataclass(frozen=True, slots=True)
class AppView:
    """A developer's app, and how many of its keys are active."""

    id: UUID
    name: str
    workspace_id: UUID
    workspace: str
    created_at: datetime
    keys: int


@dataclass(frozen=True, slots=True)
class NumberView:
    """A business number, its workspace and its account at Meta."""

    id: UUID
    workspace_id: UUID
    workspace: str
    environment: str
    waba_id: str
    phone_number_id: str
    display_number: str
    is_default: bool
    is_active: bool
    per_second: float
    paused_for: PausedFor | None


_WORKSPACES = """
SELECT id, name, created_at, (SELECT count(*) FROM app WHERE workspace_id = workspace.id),
    (SELECT count(*) FROM sender WHERE workspace_id = workspace.id), per_day, per_month, weight
FROM workspace ORDER BY id
"""
_APPS = """
SELECT app.id, app.name, workspace_id, workspace.name, app.created_at, (
    SELECT count(*) FROM api_key
    WHERE app_id = app.id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
)
FROM app JOIN workspace ON workspace.id = workspace_id WHERE $1::uuid IS NULL OR workspace_id = $1 ORDER BY app.id
"""
_NUMBERS = """
SELECT sender.id, sender.workspace_id, workspace.name, sender.environment, waba_id, phone_number_id, display_number,
    is_default, is_active, per_second, paused_for
FROM sender JOIN account ON account.id = account_id JOIN workspace ON workspace.id = sender.workspace_id
WHERE $1::uuid IS NULL OR sender.workspace_id = $1 ORDER BY sender.workspace_id, is_default DESC, sender.id
"""


async def workspaces(pool: Pool) -> list[WorkspaceView]:
    """Return every workspace, the oldest first."""
    return [WorkspaceView(*row) for row in await pool.fetch(_WORKSPACES)]


async def apps(pool: Pool, workspace: UUID | None = None) -> list[AppView]:
    """Return the apps of one workspace or of all, the oldest first."""
    return [AppView(*row) for row in await pool.fetch(_APPS, workspace)]


async def senders(pool: Pool, workspace: UUID | None = None) -> list[NumberView]:
    """Return the numbers of one workspace or of all, test and live."""
    return [NumberView(*row) for row in await pool.fetch(_NUMBERS, workspace)]
