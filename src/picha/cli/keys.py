"""`picha keys`: which keys open the API, and to make, rotate and revoke them."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, RefusedError, Yes, asked, chosen, confirmed, name, show
from picha.cli.caps import PerDay, PerMonth, demand_one, told
from picha.cli.durations import duration
from picha.gateway.domain.keys import OVERLAP_MAX, Scope

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.keys import KeyView
    from picha.gateway.store.pool import Pool

keys = typer.Typer(help="List, make, rotate and revoke the keys that open the API.", no_args_is_help=True)

_PUBLIC = re.compile(r"[0-9A-Za-z]{8}")


def _public(text: str) -> str:
    if not _PUBLIC.fullmatch(text):
        # Never the text itself: it may be a whole key.
        raise typer.BadParameter("the 8 characters after picha_test_ or picha_live_, from `picha keys list`")
    return text


def _overlap(text: str) -> timedelta:
    return duration(text, most=OVERLAP_MAX)


_Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", parser=_public, help="The key's public id: the 8 characters after picha_test_ or picha_live_."
    ),
]


@keys.command("list")
def list_keys(
    *,
    app: Annotated[str | None, typer.Option(help="Only this app's, by its id or name.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Those too that were revoked or have ended.")] = False,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List the keys that open the API, the oldest first. Nothing of a key's secret is kept, so none is shown."""
    from picha.gateway.store import directory  # noqa: PLC0415 - slow to import, and help is quick
    from picha.gateway.store import keys as store  # noqa: PLC0415 - as above

    async def look(pool: "Pool", _: "Settings") -> "list[KeyView]":
        of = chosen(await directory.apps(pool), app, what="app", option="--app").id if app is not None else None
        return await store.listed(pool, app=of)

    rows = [_described(one) for one in asked(home, look) if all_ or one.is_active]
    columns = ("id", "name", "environment", "scopes", "workspace", "app", "created_at", "expires_at", "last_used_at")
    none = "No key opens the API; `picha keys create` makes one."
    show(rows, (*columns, "revoked_at") if all_ else columns, json=json, otherwise=none)


@keys.command()
def create(
    *,
    called: Annotated[
        str | None, typer.Option("--name", parser=name, help="What people call it; no two active ones have one name.")
    ] = None,
    app: Annotated[
        str | None, typer.Option(help="For whom it speaks, by id or name; needed where there are several.")
    ] = None,
    live: Annotated[bool, typer.Option("--live/--test", help="For the live numbers, or for the test numbers.")] = False,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may do; again for each. All of them, unless told.")
    ] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Make a key and print it, this once: only its SHA-256 is kept. It opens the API within a second."""
    from picha.gateway.setup import fresh_key  # noqa: PLC0415 - as above
    from picha.gateway.store import directory  # noqa: PLC0415 - as above
    from picha.gateway.store import keys as store  # noqa: PLC0415 - as above
    from picha.gateway.store.tenants import App  # noqa: PLC0415 - as above
    from picha.kit.ids import Ids  # noqa: PLC0415 - as above

    text, key = fresh_key("live" if live else "test")

    async def make(pool: "Pool", _: "Settings") -> "KeyView":
        of = chosen(await directory.apps(pool), app, what="app", option="--app")
        may = frozenset(scope) if scope else store.EVERYTHING
        await store.add(pool, Ids(), App(of.workspace_id, of.id), key, name=called or "", scopes=may)
        return await _view(pool, key.public_id)

    _hand_over(text, asked(home, make), json=json)


@keys.command()
def rotate(
    key: _Id,
    *,
    overlap: Annotated[
        timedelta,
        typer.Option(
            metavar="SPAN",
            parser=_overlap,
            help="For how long both open the API: 90s, 15m, 24h, 7d, at most 30d; 0 ends the former one at once.",
            show_default="24h",
        ),
    ] = "24h",  # type: ignore[assignment]  # its parser reads the default too
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Make a key that takes another's place, with its name, app and scopes. The former one ends by itself."""
    from picha.gateway.setup import fresh_key  # noqa: PLC0415 - as above
    from picha.gateway.store import keys as store  # noqa: PLC0415 - as above
    from picha.kit.ids import Ids  # noqa: PLC0415 - as above

    async def take_its_place(pool: "Pool", _: "Settings") -> "tuple[str, KeyView, datetime]":
        former = await _view(pool, key)
        text, heir = fresh_key(former.environment)
        ends_at = await store.rotate(pool, Ids(), key, heir, overlap)
        return text, await _view(pool, heir.public_id), ends_at

    text, view, ends_at = asked(home, take_its_place)
    _hand_over(text, view, json=json, replaces=key, former_ends_at=ends_at)
    if not json:
        typer.echo(f"The key {key}, whose place it takes, ends at {ends_at:%Y-%m-%d %H:%M:%SZ}.", err=True)


@keys.command()
def revoke(key: _Id, *, yes: Yes = False, home: Home = HOME, json: Json = False) -> None:
    """Revoke a key: within a second no process takes it any more. There is no way back."""
    from picha.gateway.store import keys as store  # noqa: PLC0415 - as above

    confirmed(f"Revoke the key {key} for ever?", yes=yes)
    asked(home, lambda pool, _: store.revoke(pool, key))
    if json:
        typer.echo(msgspec.json.encode({"id": key, "revoked": True}))
    else:
        typer.echo(f"The key {key} is revoked.")


@keys.command("cap")
def cap_key(
    key: _Id, *, per_day: PerDay = None, per_month: PerMonth = None, home: Home = HOME, json: Json = False
) -> None:
    """Cap how many messages a key may send a day and a month. It holds within a second, from now on.

    A key that was rotated and the one that took its place are counted as one.
    """
    from picha.gateway.store import keys as store  # noqa: PLC0415 - as above

    demand_one(per_day, per_month)

    async def put(pool: "Pool", _: "Settings") -> "KeyView":
        await store.cap(pool, key, per_day=per_day, per_month=per_month)
        return await _view(pool, key)

    one = asked(home, put)
    if json:
        typer.echo(msgspec.json.encode({"id": key, "per_day": one.per_day, "per_month": one.per_month}))
    else:
        typer.echo(f"The key {key} may send {told(one.per_day, one.per_month)}.")


async def _view(pool: "Pool", public_id: str) -> "KeyView":
    from picha.gateway.store import keys as store  # noqa: PLC0415 - as above

    found = await store.listed(pool, only=public_id)
    if not found:
        raise RefusedError(f"There is no key {public_id}; `picha keys list` tells which there are.")
    return found[0]


def _hand_over(text: str, view: "KeyView", *, json: bool, **more: Any) -> None:
    """Print a new key: alone on the standard output, so that it can be written to a file, with words beside it."""
    if json:
        typer.echo(msgspec.json.encode({"key": text, **_described(view), **more}))
        return
    typer.echo(text)
    may = ", ".join(sorted(view.scopes))
    what = f"the {view.environment} key {view.public_id} of the app {view.app} ({may})"
    typer.echo(f"This is {what}. It is shown this once: only its SHA-256 is kept.", err=True)


def _described(one: "KeyView") -> dict[str, Any]:
    return {
        "id": one.public_id,
        "name": one.name,
        "environment": one.environment,
        "scopes": sorted(one.scopes),
        "workspace": one.workspace,
        "workspace_id": one.workspace_id,
        "app": one.app,
        "app_id": one.app_id,
        "is_active": one.is_active,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
        "last_used_at": one.last_used_at,
        "per_day": one.per_day,
        "per_month": one.per_month,
    }
