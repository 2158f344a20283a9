"""The `picha` program: every command by its name, each imported when it is named, so that every command is quick.

Commands import their rooms when they run.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

import picha
from picha.cli.usage import UsageCommand

# typer carries a click of its own, in which a command has no public name.
_Command: TypeAlias = Any

_PLACES = {
    "api": "roles",
    "worker": "roles",
    "migrate": "roles",
    "up": "up",
    "sandbox": "sandbox",
    "demo": "demo",
    "doctor": "doctor",
    "rekey": "rekey",
    "erase": "erase",
    "export": "export",
    "tail": "tail",
    "check": "pictures",
    "fix": "pictures",
    "audit": "audit",
    "quarantine": "quarantine",
    "restore": "restore",
    "workspaces": "workspaces",
    "apps": "workspaces",
    "keys": "keys",
    "senders": "senders",
    "users": "users",
    "send": "send",
    "batches": "batches",
    "messages": "messages",
    "media": "media",
    "webhooks": "webhooks",
}
"""The module of each command, which has its name there; in the order of the help."""

_ENDS_WITH_64 = {"tail", "check", "fix"}


class _Commands(Mapping[str, _Command]):
    """The commands by their names, each made when somebody asks for it."""

    def __init__(self) -> None:
        self._made: dict[str, _Command] = {}

    def __getitem__(self, name: str) -> _Command:
        if name not in self._made:
            self._made[name] = _make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


def _make(name: str) -> _Command:
    """Return a command, or a family of them, as typer makes it of what its module has under that name."""
    found = getattr(import_module(f"picha.cli.{_PLACES[name]}"), name)
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name, cls=UsageCommand if name in _ENDS_WITH_64 else None)(found)
    return typer.main.get_group(alone).commands[name]


class _Program(TyperGroup):
    """The commands of `_PLACES`, none of which is there before it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names without importing them."""
        del ctx
        return list(self.commands)


program = typer.Typer(
    name="picha",
    cls=_Program,
    help="WhatsApp image messages: a gateway with a REST API, and a faithful local Cloud API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a plain traceback reads better in a log, and shows no values
)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - typer passes it by position
    if asked:
        typer.echo(picha.__version__)
        raise typer.Exit


@program.callback()
def _every_command(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """WhatsApp image messages: a gateway with a REST API, and a faithful local Cloud API."""
    del version
    from picha.kit.logs import configure  # noqa: PLC0415 - see the module's first lines

    # Until a program sets up logs of its own: the standard output is for what a command was asked for.
    configure(program="picha", json=False, level="warning")
