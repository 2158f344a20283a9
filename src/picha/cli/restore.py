"""`picha restore`: after a database was put back from a backup, say when sending may go on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from picha.gateway.blobs import Blobs
    from picha.gateway.store.pool import Pool

T = TypeVar("T")

restore = typer.Typer(
    help="After the database was put back from a backup: nothing is sent until somebody confirms.",
    no_args_is_help=True,
)
_HOME = typer.Option(help="Folder of a running `picha up`, unless PICHA_ variables say.")
_Home = Annotated[Path, _HOME]
_HERE = Path(".picha")


def _with_stores(home: Path, work: "Callable[[Pool, Blobs], Awaitable[T]]") -> T:
    """Run `work` on the database and the blob store; what an operator can mend is said in a sentence."""
    from picha.cli.whereabouts import settings_of  # noqa: PLC0415 - so that help is quick
    from picha.gateway.blobs.opening import open_blobs  # noqa: PLC0415 - as above
    from picha.gateway.settings import SettingsError  # noqa: PLC0415 - as above
    from picha.gateway.store.pool import UNREACHABLE, UnsafeDatabaseError, open_pool  # noqa: PLC0415 - as above

    settings = settings_of(home)

    async def run() -> T:
        async with open_pool(settings.database_url, size=2) as pool:
            return await work(pool, open_blobs(settings))

    try:
        return asyncio.run(run())
    except (SettingsError, UnsafeDatabaseError, *UNREACHABLE) as problem:
        typer.echo(f"picha: {problem}", err=True)
        raise typer.Exit(1) from problem


@restore.command()
def status(*, home: _Home = _HERE) -> None:
    """Say whether the database was put back to an earlier state. Ends with 1 while nothing is sent for that."""
    from picha.gateway.upkeep.restored import stand  # noqa: PLC0415 - as above

    now = _with_stores(home, stand)
    if now.epoch.restored_at is None:
        typer.echo(f"All is sent as usual (epoch {now.epoch.value}, noted {now.noted}).")
        return
    since = f"{now.epoch.restored_at:%Y-%m-%d %H:%M:%S} UTC"
    typer.echo(
        f"Nothing is sent since {since}: the database was put back to an earlier state (epoch {now.epoch.value}, noted "
        f"{now.noted}).\n{now.waited} messages waited in it, and may have been sent since.\n"
        "`picha restore confirm` goes on, and calls them unknown."
    )
    raise typer.Exit(1)


@restore.command()
def confirm(
    *,
    home: _Home = _HERE,
    send_waiting: Annotated[
        bool, typer.Option("--send-waiting", help="Send what waited in the backup: nothing was sent since it was made.")
    ] = False,
) -> None:
    """Send again. What waited in the backup may have been sent since: it is called unknown and not sent again."""
    from picha.gateway.upkeep import restored  # noqa: PLC0415 - as above

    doubted = _with_stores(home, lambda pool, blobs: restored.confirm(pool, blobs, sends_waiting=send_waiting))
    if doubted is None:
        typer.echo("Nothing to confirm: all is sent as usual.")
    elif send_waiting:
        typer.echo("Sending goes on, with what waited in the backup.")
    else:
        typer.echo(
            f"Sending goes on. {doubted} messages that waited in the backup are unknown now, and not sent again."
        )


@restore.command()
def hold(*, home: _Home = _HERE) -> None:
    """Send nothing until somebody confirms, as if the database had been put back just now."""
    from picha.gateway.upkeep import restored  # noqa: PLC0415 - as above
    from picha.kit.clock import SystemClock  # noqa: PLC0415 - as above

    was_sending = _with_stores(home, lambda pool, _blobs: restored.hold(pool, SystemClock()))
    typer.echo("Nothing more is sent." if was_sending else "Nothing was sent already.")
