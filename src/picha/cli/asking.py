"""What commands about a gateway's database share: how they ask it, choose by name, print, and refuse."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Protocol, TypeVar
from uuid import UUID

import msgspec
import typer

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.pool import Pool

T = TypeVar("T")

NAME_MAX = 100
"""How many characters a name may have."""

Home = Annotated[Path, typer.Option(help="Folder of a running `picha up`, unless PICHA_ variables say.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; without a terminal nothing is asked either.")]
HOME = Path(".picha")


class RefusedError(Exception):
    """A command cannot do what it was asked; the text says why and what to do."""


class Named(Protocol):
    """What a person may call by its id or its name."""

    @property
    def id(self) -> UUID: ...  # noqa: D102 - see the class
    @property
    def name(self) -> str: ...  # noqa: D102 - see the class


N = TypeVar("N", bound=Named)


def asked(home: Path, work: "Callable[[Pool, Settings], Awaitable[T]]") -> T:
    """Run `work` on the database; what an operator can mend is said in a sentence, and ends the program with 1."""
    from picha.cli.whereabouts import settings_of  # noqa: PLC0415 - slow to import, and help is quick
    from picha.gateway.settings import SettingsError  # noqa: PLC0415 - as above
    from picha.gateway.store.keys import KeyRefusedError  # noqa: PLC0415 - as above
    from picha.gateway.store.pool import UNREACHABLE, UnsafeDatabaseError, open_pool  # noqa: PLC0415 - as above
    from picha.gateway.store.staff import PersonRefusedError  # noqa: PLC0415 - as above
    from picha.gateway.store.tenants import NumberTakenError  # noqa: PLC0415 - as above
    from picha.gateway.store.vault import VaultError  # noqa: PLC0415 - as above
    from picha.gateway.upkeep.erasing import EraseRefusedError  # noqa: PLC0415 - as above
    from picha.gateway.upkeep.rekeying import RekeyRefusedError  # noqa: PLC0415 - as above

    settings = settings_of(home)

    async def run() -> T:
        async with open_pool(settings.database_url, size=2) as pool:
            return await work(pool, settings)

    try:
        return asyncio.run(run())
    except (RefusedError, KeyRefusedError, NumberTakenError, SettingsError, VaultError) as problem:
        refuse(str(problem))
    except (EraseRefusedError, PersonRefusedError, RekeyRefusedError) as problem:
        refuse(str(problem))
    except (UnsafeDatabaseError, *UNREACHABLE) as problem:
        refuse(str(problem) or f"The database cannot be reached ({type(problem).__name__}).")


def refuse(problem: str) -> NoReturn:
    """End the program with 1 and a sentence."""
    typer.echo(f"picha: {problem}", err=True)
    raise typer.Exit(1)


def confirmed(question: str, *, yes: bool) -> None:
    """Ask a person at a terminal whether they mean it, and end the program with 1 if not."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


def name(text: str) -> str:
    """Return a name as it is stored, or refuse the option that has it."""
    text = text.strip()
    if not 1 <= len(text) <= NAME_MAX or not text.isprintable():
        raise typer.BadParameter(f"a name has 1 to {NAME_MAX} characters, all of which can be printed")
    return text


def chosen(among: Sequence[N], called: str | None, *, what: str, option: str) -> N:
    """Return the one whose id or name is `called`, or the only one there is.

    Raises:
        RefusedError: there is none such, or more than one.
    """
    found = [one for one in among if called is None or called in {str(one.id), one.name}]
    if len(found) == 1:
        return found[0]
    if not among:
        raise RefusedError(f"There is no {what} yet; `picha {what}s create NAME` makes one.")
    if not found:
        raise RefusedError(f"No {what} has the id or name {called!r}; `picha {what}s list` tells what there is.")
    if called is None:
        raise RefusedError(f"There are {len(found)} {what}s: name one with {option} (`picha {what}s list`).")
    raise RefusedError(f"{len(found)} {what}s are called {called!r}: name one by its id (`picha {what}s list`).")


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, json: bool, otherwise: str) -> None:
    """Print a list: every field as JSON, one object a line, or some columns as a table; `otherwise` for none."""
    if json:
        for row in rows:
            typer.echo(msgspec.json.encode(row).decode())
        return
    if not rows:
        typer.echo(otherwise)
        return
    lines = [list(columns), *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        # A line is never broken: whoever pipes it on counts on that.
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return value.strftime("%Y-%m-%d %H:%M:%SZ") if hasattr(value, "strftime") else str(value)
