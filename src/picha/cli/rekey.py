"""`picha rekey`: bring every stored secret under a new master key, and let go of former ones."""

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, Yes, asked, confirmed, refuse

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.pool import Pool
    from picha.gateway.upkeep.rekeying import Rekeyed


def rekey(
    *,
    retire: Annotated[bool, typer.Option("--retire", help="Take all keys but the first off the ring.")] = False,
    fresh_line: Annotated[
        bool, typer.Option("--fresh-line", help="Print a line for a ring that you change yourself, and do nothing.")
    ] = False,
    yes: Yes = False,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Make a new master key and seal every stored secret under it, while everything runs.

    Where the first key of the ring is not the one that everything is sealed under, because you put it there or an
    earlier run was stopped, no other is made and it goes on with that.
    """
    if fresh_line:
        from picha.gateway.store.vault import fresh_line as made  # noqa: PLC0415 - slow to import, and help is quick

        typer.echo(made(), nl=False)
    elif retire:
        _retire(home, yes=yes, json=json)
    else:
        _rekey(home, json=json)


def _rekey(home: Home, *, json: bool) -> None:
    from picha.gateway.upkeep import rekeying  # noqa: PLC0415 - as above

    shows = sys.stderr.isatty() and not json

    def told(done: int, total: int) -> None:
        if shows:
            typer.echo(f"\r{done:,} of {total:,} values", nl=False, err=True)

    async def work(pool: "Pool", settings: "Settings") -> "tuple[Rekeyed, str]":
        return await rekeying.rekey(pool, settings, told=told), str(settings.ring_file or "")

    done, file = asked(home, work)
    if shows:
        typer.echo(err=True)
    if json:
        typer.echo(msgspec.json.encode(done))
    else:
        first = "a new master key" if done.is_new else "the first master key of the ring"
        typer.echo(f"{done.sealed:,} values were sealed anew, under {first}, {done.key}.")
        if file:
            typer.echo(
                f"Back up {file} now: what is sealed opens under that key only. The former keys stay on the ring."
            )
    if done.stuck:
        refuse(
            f"{done.stuck} values open under no key of the ring: `picha doctor` tells whose they are, and "
            "`picha senders add` sets an account up anew."
        )


def _retire(home: Home, *, yes: bool, json: bool) -> None:
    from picha.gateway.upkeep import rekeying  # noqa: PLC0415 - as above

    confirmed("Let go of every former master key? A backup from before the rekey does not open without them.", yes=yes)
    former = asked(home, rekeying.retire)
    if json:
        typer.echo(msgspec.json.encode({"retired": former}))
    elif former:
        typer.echo(f"Taken off the ring: {', '.join(former)}.")
    else:
        typer.echo("The ring has one key only.")
