"""`picha audit`: who did what with keys, numbers, secrets and people's data, and whether that is all and unchanged."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, asked, chosen, refuse, show

if TYPE_CHECKING:
    from uuid import UUID

    from picha.gateway.settings import Settings
    from picha.gateway.store.audit import Entry
    from picha.gateway.store.pool import Pool

audit = typer.Typer(
    help="Look at who did what with keys, numbers, secrets and people's data, and check that nobody changed it.",
    no_args_is_help=True,
)

_HASH = re.compile(r"[0-9a-f]{64}")


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise typer.BadParameter("a hash that `picha audit verify` told has 64 characters, 0 to 9 and a to f")
    return text


@audit.command("list")
def list_(
    *,
    workspace: Annotated[str | None, typer.Option(help="Only this workspace's, by its id or name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most, the newest first.")] = 100,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List what was done, the newest first: when, who (`cli` or a key's public id), what, and the ids it is about."""
    from picha.gateway.store import audit as store  # noqa: PLC0415 - slow to import, and help is quick
    from picha.gateway.store import directory  # noqa: PLC0415 - as above

    async def look(pool: "Pool", _: "Settings") -> "list[Entry]":
        of: UUID | None = None
        if workspace is not None:
            of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace").id
        return await store.listed(pool, of, most=limit)

    rows = [_described(one, json=json) for one in asked(home, look)]
    columns = ("seq", "at", "who", "deed", "workspace_id", "about")
    show(rows, columns, json=json, otherwise="Nothing was noted yet.")


@audit.command()
def verify(
    *,
    known: Annotated[
        str | None,
        typer.Option(
            "--known", metavar="HASH", parser=_hash, help="A hash that an earlier check told, kept elsewhere."
        ),
    ] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Check that no row was changed, removed or put in between. Ends with 1 if one was.

    Keep the hash that it tells somewhere else: whoever may do anything with the database can make the whole chain
    anew, which only `--known` finds.
    """
    from picha.gateway.store import audit as store  # noqa: PLC0415 - as above

    found = asked(home, lambda pool, _: store.verify(pool, known=known))
    if json:
        is_whole = found.trouble is None
        told = {"ok": is_whole, "rows": found.rows, "head": found.head, "trouble": found.trouble}
        typer.echo(msgspec.json.encode(told))
        raise typer.Exit(0 if is_whole else 1)
    if found.trouble is not None:
        refuse(f"{found.trouble} Before that, {found.rows:,} rows hold.")
    typer.echo(f"All {found.rows:,} rows hold. The hash at their end is {found.head or 'none yet'}.")


def _described(one: "Entry", *, json: bool) -> dict[str, Any]:
    return {
        "seq": one.seq,
        "at": one.at,
        "workspace_id": one.workspace_id,
        "who": one.who,
        "deed": one.deed,
        "about": one.about if json else msgspec.json.encode(one.about).decode(),
        "hash": one.hash.hex(),
    }
