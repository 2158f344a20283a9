"""`picha users`: the people who work in the inbox. Their passwords are theirs to set, by a link."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, RefusedError, Yes, asked, chosen, confirmed, name, show
from picha.gateway.domain.staff import Role, link_path

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.pool import Pool
    from picha.gateway.store.staff import PersonView

users = typer.Typer(
    help="List, add and disable the people who work in the inbox, and let them in.", no_args_is_help=True
)

_Name = Annotated[str, typer.Argument(metavar="NAME", parser=name, help="The name they sign in with, in any case.")]


@users.command("add")
def add_user(
    called: _Name,
    *,
    role: Annotated[
        Role, typer.Option(help="An agent talks to customers; an admin also runs the gateway.")
    ] = Role.AGENT,
    workspace: Annotated[
        str | None, typer.Option(help="Whose inbox it is, by id or name; needed where there are several.")
    ] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Add somebody, and print a link that lets them in, once, within a day, to set a password of their own."""
    from picha.gateway.store import directory, sessions, staff  # noqa: PLC0415 - slow to import, and help is quick
    from picha.kit.ids import Ids  # noqa: PLC0415 - as above

    async def make(pool: "Pool", settings: "Settings") -> "tuple[str, PersonView]":
        of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace")
        person = await staff.add(pool, Ids(), of.id, called, role)
        return settings.base_url + link_path(await sessions.invite(pool, person)), await _view(pool, called)

    _hand_over(*asked(home, make), json=json)


@users.command("list")
def list_users(
    *,
    workspace: Annotated[str | None, typer.Option(help="Only this workspace's, by its id or name.")] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List the people who work in the inbox, the oldest first, disabled ones too."""
    from picha.gateway.store import directory, staff  # noqa: PLC0415 - as above

    async def look(pool: "Pool", _: "Settings") -> "list[PersonView]":
        if workspace is None:
            return await staff.listed(pool)
        of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace")
        return await staff.listed(pool, workspace=of.id)

    columns = ("name", "role", "workspace", "has_password", "seen_at", "disabled_at")
    rows = [_described(one) for one in asked(home, look)]
    show(rows, columns, json=json, otherwise="Nobody works in the inbox yet; `picha users add NAME` adds somebody.")


@users.command("link")
def link_user(called: _Name, *, home: Home = HOME, json: Json = False) -> None:
    """Print a link that lets somebody in, once, within a day, and have a new password if they like."""
    from picha.gateway.store import sessions  # noqa: PLC0415 - as above

    async def make(pool: "Pool", settings: "Settings") -> "tuple[str, PersonView]":
        person = await _view(pool, called)
        if person.disabled_at:
            raise RefusedError(f"{person.name} is disabled; `picha users enable {person.name}` lets them in again.")
        return settings.base_url + link_path(await sessions.invite(pool, person.id)), person

    _hand_over(*asked(home, make), json=json)


@users.command("disable")
def disable_user(called: _Name, *, yes: Yes = False, home: Home = HOME, json: Json = False) -> None:
    """Let somebody in no more: within seconds every page that they have open ends."""
    from picha.gateway.store import staff  # noqa: PLC0415 - as above

    confirmed(f"Sign {called} out everywhere, and let them in no more?", yes=yes)

    async def put(pool: "Pool", _: "Settings") -> "PersonView":
        await staff.disable(pool, (await _view(pool, called)).id)
        return await _view(pool, called)

    _tell(asked(home, put), "is disabled", json=json)


@users.command("enable")
def enable_user(called: _Name, *, home: Home = HOME, json: Json = False) -> None:
    """Let somebody in again who was disabled."""
    from picha.gateway.store import staff  # noqa: PLC0415 - as above

    async def put(pool: "Pool", _: "Settings") -> "PersonView":
        await staff.enable(pool, (await _view(pool, called)).id)
        return await _view(pool, called)

    _tell(asked(home, put), "may sign in again", json=json)


@users.command("role")
def change_role(
    called: _Name,
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
    *,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Change what somebody may do. It holds within a second."""
    from picha.gateway.store import staff  # noqa: PLC0415 - as above

    async def put(pool: "Pool", _: "Settings") -> "PersonView":
        await staff.set_role(pool, (await _view(pool, called)).id, role)
        return await _view(pool, called)

    _tell(asked(home, put), f"is an {role} now", json=json)


async def _view(pool: "Pool", called: str) -> "PersonView":
    from picha.gateway.store import staff  # noqa: PLC0415 - as above

    found = await staff.listed(pool, name=called)
    if not found:
        raise RefusedError(f"Nobody is called {called!r}; `picha users list` tells who there is.")
    return found[0]


def _hand_over(url: str, person: "PersonView", *, json: bool) -> None:
    """Print a link alone on the standard output, with words beside it."""
    if json:
        typer.echo(msgspec.json.encode({"sign_in_url": url, **_described(person)}))
        return
    typer.echo(url)
    typer.echo(f"It lets {person.name} ({person.role}) in, once, within a day. It is shown this once.", err=True)


def _tell(person: "PersonView", what: str, *, json: bool) -> None:
    typer.echo(msgspec.json.encode(_described(person)).decode() if json else f"{person.name} {what}.")


def _described(one: "PersonView") -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "workspace": one.workspace,
        "workspace_id": one.workspace_id,
        "has_password": one.has_password,
        "created_at": one.created_at,
        "seen_at": one.seen_at,
        "disabled_at": one.disabled_at,
    }
