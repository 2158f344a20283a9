"""What commands share that talk to a gateway by its API: where it is, how a refusal is said, how things are shown."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer

from picha.cli.asking import HOME, refuse
from picha.cli.durations import duration
from picha.kit.clock import SystemClock

if TYPE_CHECKING:
    from picha.sdk import Client, Image

Url = Annotated[
    str | None,
    typer.Option(envvar="PICHA_URL", help="The gateway's address; without it, the `picha up` that runs in --home."),
]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="PICHA_API_KEY",
        show_default=False,
        help="An API key. Other programs here can read what is typed: the variable is the better place.",
    ),
]
Home = Annotated[Path, typer.Option(help="Folder of a running `picha up`, for what is not told.")]
STDIN = "-"
_WIDEST = 60
_LONGEST = 36_525


class Place(NamedTuple):
    """Where a gateway is, and the key to it."""

    url: str
    key: str


def placed(url: str | None, key: str | None, home: Path) -> Place:
    """Return the gateway that is named, or the one that runs in `home`; end the program with 1 where there is none.

    A key that lies in a home is sent to the gateway of that home, and to no other address.
    """
    if url and key:
        return Place(url, key)
    if url:
        refuse("That gateway needs a key: name it in PICHA_API_KEY, or with --key.")
    from picha.cli.household import LOOPBACK, SETTINGS  # noqa: PLC0415 - slow to import, and help is quick
    from picha.gateway.settings import API_KEY_FILE  # noqa: PLC0415 - as above

    try:
        told = msgspec.json.decode((home / SETTINGS).read_bytes(), type=dict[str, str])
        host, port = told["PICHA_HOST"], told["PICHA_PORT"]
        key = key or (home / API_KEY_FILE).read_text("ascii").strip()
    except FileNotFoundError:
        refuse(
            f"No gateway is named, and no `picha up` runs in {home}: give PICHA_URL and PICHA_API_KEY (or --url and "
            "--key), start it, or name its folder with --home."
        )
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, KeyError) as problem:
        refuse(f"What `picha up` left in {home} cannot be read ({type(problem).__name__}).")
    return Place(f"http://{LOOPBACK if host in {'0.0.0.0', ''} else host}:{port}", key)  # noqa: S104 - compared


@contextmanager
def reached(url: str | None, key: str | None, home: Path) -> "Iterator[Client]":
    """Open a client to a gateway; what goes wrong with it is said in a sentence, and ends the program with 1."""
    from picha.sdk import Client, PichaError  # noqa: PLC0415 - as above

    place = placed(url, key, home)
    try:
        client = Client(place.url, place.key)
    except ValueError as problem:
        refuse(str(problem))
    with client:
        try:
            yield client
        except (PichaError, ValueError) as problem:
            refuse(str(problem))
        except OSError as problem:
            refuse(f"{readable(str(problem.filename or 'The file'))}: {problem.strerror or problem}")


def image(text: str) -> "Image":
    """Return the picture that a word names: a path, an address, a file_id, or - for what comes in."""
    return typer.get_binary_stream("stdin") if text == STDIN else text


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far an upload is, where somebody watches; yield what is to be told of it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.markup import escape  # noqa: PLC0415 - as above
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(readable(what)), total=None)
        yield lambda sent, total: bar.update(task, completed=sent, total=total)


@contextmanager
def counted(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show how many of so many are done, where somebody watches; yield what is to be told of it."""
    if quiet or not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.update(task, completed=count)


def tell(document: object, *, json: bool, otherwise: Callable[[], str]) -> None:
    """Print something as one line of JSON, or as `otherwise` says it."""
    typer.echo(msgspec.json.encode(document).decode() if json else otherwise())


def facts(of: Mapping[str, Any]) -> str:
    """Return names and values in two columns, without what there is nothing to tell of."""
    told = {name: value for name, value in of.items() if value not in (None, "", [], {})}
    width = max(map(len, told), default=0)
    return "\n".join(f"{name.ljust(width)}  {cell(value)}" for name, value in told.items())


def cell(value: Any) -> str:
    """Return a value as a person reads it, on one line and without what would move a terminal's cursor."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return readable(str(value))


def shortened(text: str | None) -> str:
    """Return the beginning of a text, on one line."""
    line = readable(" ".join((text or "").split()))
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 1]}…"


def readable(text: str) -> str:
    """Return a text as it can be printed, whoever wrote it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def moment(text: str) -> datetime:
    """Read a moment: a time with its zone, or how long ago, such as 24h; refuses what is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return SystemClock().now() - duration(text, most=timedelta(days=_LONGEST))
    if found.tzinfo is None:
        raise typer.BadParameter("a time with its zone, such as 2026-01-31T12:00:00Z, or how long ago, such as 24h")
    return found


__all__ = ["HOME", "STDIN", "Home", "Key", "Url"]
