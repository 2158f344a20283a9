"""`picha workspaces` and `picha apps`: who shares a gateway, and the programs that each lets call it."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, RefusedError, asked, chosen, name, show
from picha.cli.caps import PerDay, PerMonth, demand_one, told

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.directory import AppView, WorkspaceView
    from picha.gateway.store.pool import Pool
    from picha.gateway.store.tenants import App

workspaces = typer.Typer(
    help="List and make workspaces: each has numbers, customers and pictures of its own.", no_args_is_help=True
)
apps = typer.Typer(
    help="List and make apps: programs that call the API, each with keys of its own.", no_args_is_help=True
)

_Name = Annotated[str, typer.Argument(metavar="NAME", parser=name, help="What people call it.")]


@workspaces.command("list")
def list_workspaces(*, home: Home = HOME, json: Json = False) -> None:
    """List the workspaces, the oldest first, with how many apps and numbers each has."""
    from picha.gateway.store import directory  # noqa: PLC0415 - slow to import, and help is quick

    found = asked(home, lambda pool, _: directory.workspaces(pool))
    rows = [dataclasses.asdict(one) for one in found]
    columns = ("id", "name", "apps", "senders", "weight", "created_at")
    show(rows, columns, json=json, otherwise="There is no workspace yet; `picha workspaces create NAME` makes one.")


@workspaces.command("create")
def create_workspace(called: _Name, *, home: Home = HOME, json: Json = False) -> None:
    """Make a workspace, with one app of the same name. No two have one name."""
    from picha.gateway.store import directory, tenants  # noqa: PLC0415 - as above
    from picha.kit.ids import Ids  # noqa: PLC0415 - as above

    async def make(pool: "Pool", _: "Settings") -> "App":
        if called in {one.name for one in await directory.workspaces(pool)}:
            raise RefusedError(f"A workspace is called {called!r} already; take another name.")
        return await tenants.add_workspace(pool, Ids(), called)

    app = asked(home, make)
    if json:
        typer.echo(msgspec.json.encode({"workspace_id": app.workspace_id, "app_id": app.app_id, "name": called}))
    else:
        typer.echo(
            f"Workspace {called} is {app.workspace_id}; its app of the same name is {app.app_id}.\n"
            f"Next: `picha keys create --app {app.app_id}` and `picha senders add --workspace {app.workspace_id}`."
        )


@workspaces.command("cap")
def cap_workspace(
    called: Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its id or name.")],
    *,
    per_day: PerDay = None,
    per_month: PerMonth = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Cap how many messages all keys of a workspace may send a day and a month, within a second from now on."""
    from picha.gateway.store import directory, tenants  # noqa: PLC0415 - as above

    demand_one(per_day, per_month)

    async def put(pool: "Pool", _: "Settings") -> "WorkspaceView":
        of = chosen(await directory.workspaces(pool), called, what="workspace", option="its id")
        await tenants.cap_workspace(pool, of.id, per_day=per_day, per_month=per_month)
        return next(one for one in await directory.workspaces(pool) if one.id == of.id)

    one = asked(home, put)
    if json:
        typer.echo(msgspec.json.encode({"id": one.id, "per_day": one.per_day, "per_month": one.per_month}))
    else:
        typer.echo(f"The workspace {one.name} may send {told(one.per_day, one.per_month)}.")


@workspaces.command("weigh")
def weigh_workspace(
    called: Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its id or name.")],
    weight: Annotated[int, typer.Argument(min=1, max=100, help="Its shares; a workspace has one unless told.")],
    *,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Give a workspace more of a busy worker than others have, from a few seconds on."""
    from picha.gateway.store import directory, tenants  # noqa: PLC0415 - as above

    async def put(pool: "Pool", _: "Settings") -> "WorkspaceView":
        of = chosen(await directory.workspaces(pool), called, what="workspace", option="its id")
        await tenants.weigh_workspace(pool, of.id, weight)
        return of

    one = asked(home, put)
    if json:
        typer.echo(msgspec.json.encode({"id": one.id, "weight": weight}))
    else:
        typer.echo(f"The workspace {one.name} weighs {weight}: as much as {weight} that weigh 1.")


@apps.command("list")
def list_apps(
    *,
    workspace: Annotated[str | None, typer.Option(help="Only this workspace's, by its id or name.")] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List the apps, the oldest first, with how many active keys each has."""
    from picha.gateway.store import directory  # noqa: PLC0415 - as above

    async def look(pool: "Pool", _: "Settings") -> "list[AppView]":
        if workspace is None:
            return await directory.apps(pool)
        of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace")
        return await directory.apps(pool, of.id)

    rows = [dataclasses.asdict(one) for one in asked(home, look)]
    columns = ("id", "name", "workspace", "keys", "created_at")
    show(rows, columns, json=json, otherwise="There is no app yet; `picha workspaces create NAME` makes one.")


@apps.command("create")
def create_app(
    called: _Name,
    *,
    workspace: Annotated[
        str | None, typer.Option(help="Whose it is, by id or name; needed where there are several.")
    ] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Make one more app in a workspace, in which no two have one name."""
    from picha.gateway.store import directory, tenants  # noqa: PLC0415 - as above
    from picha.kit.ids import Ids  # noqa: PLC0415 - as above

    async def make(pool: "Pool", _: "Settings") -> "App":
        of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace")
        if called in {one.name for one in await directory.apps(pool, of.id)}:
            raise RefusedError(f"An app of that workspace is called {called!r} already; take another name.")
        return await tenants.add_app(pool, Ids(), of.id, called)

    app = asked(home, make)
    if json:
        typer.echo(msgspec.json.encode({"workspace_id": app.workspace_id, "app_id": app.app_id, "name": called}))
    else:
        typer.echo(f"App {called} is {app.app_id}. Next: `picha keys create --app {app.app_id}`.")
