"""`picha quarantine`: what Meta told and nobody here understood; to look at, and to try again."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import msgspec
import typer

if TYPE_CHECKING:
    from picha.gateway.store.pool import Pool
    from picha.gateway.store.quarantine import Kept

T = TypeVar("T")

quarantine = typer.Typer(
    help="Look at what WhatsApp told and this gateway could not understand, and try it again.", no_args_is_help=True
)

_Home = Annotated[Path, typer.Option(help="Folder of a running `picha up`, unless PICHA_ variables say.")]


@quarantine.command("list")
def list_(
    *,
    home: _Home = Path(".picha"),
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, the newest first.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
) -> None:
    """List what lies there, newest first: when it came, where it stood in its webhook, and why it was put aside.

    Contents are shown by `picha quarantine show` alone: they hold customers' numbers and words.
    """
    from picha.gateway.store import quarantine as store  # noqa: PLC0415 - slow to import, and help is quick

    items = _run(home, lambda pool: store.kept(pool, most=limit))
    for one in items:
        if json:
            typer.echo(msgspec.json.encode(_described(one)))
        else:
            typer.echo(f"{one.id}  {one.at:%Y-%m-%d %H:%M:%SZ}  {len(one.item):>6} bytes  {one.path}  {one.reason}")
    if not items and not json:
        typer.echo("Nothing lies in quarantine.")


@quarantine.command()
def show(
    item: Annotated[UUID, typer.Argument(help="The item's id, from `picha quarantine list`.")],
    *,
    home: _Home = Path(".picha"),
) -> None:
    """Show one item: the facts of its line as JSON, then its bytes exactly as they came."""
    from picha.gateway.store import quarantine as store  # noqa: PLC0415 - as above

    found = _run(home, lambda pool: store.kept(pool, only=item))
    if not found:
        _refuse("nothing lies in quarantine under that id; `picha quarantine list` tells what does")
    typer.echo(msgspec.json.encode(_described(found[0])))
    sys.stdout.buffer.write(found[0].item + b"\n")


@quarantine.command()
def retry(
    item: Annotated[
        UUID | None, typer.Argument(help="The item's id; without it, everything.", show_default=False)
    ] = None,
    *,
    home: _Home = Path(".picha"),
) -> None:
    """Have the webhooks of an item, or of all, understood anew: after an upgrade, or once a number is set up.

    What a webhook told before is known and changes nothing. What is still not understood comes back. Bodies are kept
    for seven days; after that an item can only be looked at.
    """
    from picha.gateway.store import quarantine as store  # noqa: PLC0415 - as above

    count = _run(home, lambda pool: store.retry(pool, only=item))
    if item is not None and not count:
        _refuse("nothing lies in quarantine under that id, or its webhook is no longer kept")
    typer.echo(f"{count} {'is' if count == 1 else 'are'} tried again.")


def _described(one: "Kept") -> dict[str, Any]:
    return {
        "id": one.id,
        "at": one.at,
        "path": one.path,
        "reason": one.reason,
        "size_bytes": len(one.item),
        "webhook_id": one.raw_id,
        "can_be_retried": one.is_retriable,
    }


def _run(home: Path, ask: "Callable[[Pool], Awaitable[T]]") -> T:
    """Ask the database; what an operator can mend is said in a sentence."""
    from picha.cli.whereabouts import settings_of  # noqa: PLC0415 - as above
    from picha.gateway.store.pool import UNREACHABLE, UnsafeDatabaseError, open_pool  # noqa: PLC0415 - as above

    settings = settings_of(home)

    async def run() -> T:
        async with open_pool(settings.database_url, size=2) as pool:
            return await ask(pool)

    try:
        return asyncio.run(run())
    except (UnsafeDatabaseError, *UNREACHABLE) as problem:
        _refuse(str(problem))


def _refuse(problem: str) -> NoReturn:
    typer.echo(f"picha: {problem}", err=True)
    raise typer.Exit(1)
