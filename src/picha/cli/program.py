"""The `picha` program: every command by its name. Commands import their rooms when they run, so that help is quick."""

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import picha
from picha.cli.audit import audit
from picha.cli.batches import batches
from picha.cli.demo import demo
from picha.cli.doctor import doctor
from picha.cli.erase import erase
from picha.cli.export import export
from picha.cli.keys import keys
from picha.cli.media import media
from picha.cli.messages import messages
from picha.cli.pictures import check, fix
from picha.cli.quarantine import quarantine
from picha.cli.rekey import rekey
from picha.cli.restore import restore
from picha.cli.sandbox import sandbox
from picha.cli.send import send
from picha.cli.senders import senders
from picha.cli.tail import tail
from picha.cli.up import up
from picha.cli.usage import UsageCommand
from picha.cli.users import users
from picha.cli.webhooks import webhooks
from picha.cli.workspaces import apps, workspaces

if TYPE_CHECKING:
    from collections.abc import Callable

    from picha.gateway.settings import Settings

program = typer.Typer(
    name="picha",
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


def _refuse(problem: Exception) -> NoReturn:
    sys.stderr.write(f"picha: {problem}\n")
    raise typer.Exit(1)


def _settings() -> "Settings":
    from picha.gateway import settings  # noqa: PLC0415 - see the module's first lines

    try:
        return settings.load()
    except settings.SettingsError as problem:
        _refuse(problem)


def _serve(role: "Callable[[Settings], None]") -> None:
    """Run a role; what an operator can mend is said in a sentence."""
    from picha.gateway.settings import SettingsError  # noqa: PLC0415 - see the module's first lines
    from picha.gateway.store.pool import UnsafeDatabaseError  # noqa: PLC0415 - see the module's first lines
    from picha.gateway.store.vault import VaultError  # noqa: PLC0415 - see the module's first lines

    try:
        role(_settings())
    except (SettingsError, UnsafeDatabaseError, VaultError, OSError) as problem:
        _refuse(problem)


@program.command()
def api() -> None:
    """Run the REST API. Settings come from PICHA_ variables; PICHA_DATABASE_URL is the one that must be given."""
    from picha.gateway.run import serve_api  # noqa: PLC0415 - see the module's first lines

    _serve(serve_api)


@program.command()
def worker() -> None:
    """Run a worker: it sends, receives and fetches pictures. Any number may run on one database."""
    from picha.gateway.run import serve_worker  # noqa: PLC0415 - see the module's first lines

    _serve(serve_worker)


@program.command()
def migrate() -> None:
    """Bring the database at PICHA_DATABASE_URL to the newest schema, and print what was applied."""
    from picha.gateway.store.migrate import MigrationError  # noqa: PLC0415 - see the module's first lines
    from picha.gateway.store.migrate import migrate as bring_to_newest  # noqa: PLC0415 - as above

    try:
        applied = bring_to_newest(_settings().database_url)
    except MigrationError as problem:
        _refuse(problem)
    typer.echo("\n".join(applied) if applied else "The database is up to date.")


program.command()(up)
program.command()(sandbox)
program.command()(demo)
program.command()(doctor)
program.command()(rekey)
program.command()(erase)
program.command()(export)
program.add_typer(audit, name="audit")
program.add_typer(quarantine, name="quarantine")
program.add_typer(restore, name="restore")
program.add_typer(workspaces, name="workspaces")
program.add_typer(apps, name="apps")
program.add_typer(keys, name="keys")
program.add_typer(senders, name="senders")
program.add_typer(users, name="users")
program.add_typer(send, name="send")
program.add_typer(batches, name="batches")
program.add_typer(messages, name="messages")
program.command(cls=UsageCommand)(tail)
program.add_typer(media, name="media")
program.add_typer(webhooks, name="webhooks")
program.command(cls=UsageCommand)(check)
program.command(cls=UsageCommand)(fix)
