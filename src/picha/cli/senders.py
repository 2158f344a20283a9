"""`picha senders`: which numbers send and receive, to set them up at Meta, look at them, hold and let go."""

import dataclasses
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, RefusedError, Yes, asked, chosen, confirmed, refuse, show
from picha.kit.secrets import Secret

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.directory import NumberView
    from picha.gateway.store.pool import Pool

senders = typer.Typer(
    help="List the numbers that send and receive, set one up, look at it, hold it and let it go.", no_args_is_help=True
)

_META_ID = re.compile(r"[0-9]{1,32}")
_SECRET_MAX = 4096
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _meta_id(text: str) -> str:
    if not _META_ID.fullmatch(text):
        raise typer.BadParameter("an id of Meta's has digits only, 32 at most")
    return text


def _graph_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.username is None and not parts.query and not parts.fragment
        # The token goes there: it is shown to nobody on the way.
        is_closed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        is_whole = is_closed = False
    if not is_whole or not is_closed:
        raise typer.BadParameter("an address such as https://graph.facebook.com/v25.0; http goes to this machine only")
    return text.rstrip("/")


_Sender = Annotated[
    str, typer.Argument(metavar="SENDER", help="Its id, its phone_number_id, or the number itself in digits.")
]
_File = typer.Option(help="File with it; without one you are asked on the terminal.")


@senders.command("list")
def list_senders(
    *,
    workspace: Annotated[str | None, typer.Option(help="Only this workspace's, by its id or name.")] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """List the numbers: what each does, its pace in messages a second, and how many seconds of work wait for it."""
    from picha.gateway.store import directory  # noqa: PLC0415 - slow to import, and help is quick

    async def look(pool: "Pool", settings: "Settings") -> list[dict[str, Any]]:
        of = None
        if workspace is not None:
            of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace").id
        found = await directory.senders(pool, of)
        backlogs = await _backlogs(pool, settings, *(one.id for one in found))
        return [_described(one, backlogs[one.id]) for one in found]

    columns = (
        *("id", "workspace", "environment", "display_number", "phone_number_id"),
        *("state", "messages_per_second", "backlog_s"),
    )
    none = "No number is set up; `picha senders add` does that, and `picha up` for the sandbox's."
    show(asked(home, look), columns, json=json, otherwise=none)


@senders.command()
def add(
    *,
    live: Annotated[bool, typer.Option("--live/--test", help="Whether live keys reach it, or test keys. Say which.")],
    waba_id: Annotated[str, typer.Option(parser=_meta_id, help="The WhatsApp business account's id.")],
    phone_number_id: Annotated[str, typer.Option(parser=_meta_id, help="The number's id at Meta.")],
    app_id: Annotated[str, typer.Option(parser=_meta_id, help="The id of the Meta app that hears of the account.")],
    workspace: Annotated[
        str | None, typer.Option(help="Whose it is, by id or name; needed where there are several.")
    ] = None,
    graph_url: Annotated[
        str | None, typer.Option(parser=_graph_url, help="The Graph API with its version. Meta's, unless told.")
    ] = None,
    access_token_file: Annotated[Path | None, _File] = None,
    app_secret_file: Annotated[Path | None, _File] = None,
    verify_token_file: Annotated[Path | None, _File] = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Set a number up, or renew its account's secrets, after asking Meta which number it is.

    Its secrets are read from files or asked for, and never taken as arguments, which every program here may read.
    Processes that run know the number within a second.
    """
    from picha.gateway.meta.graph import GraphCallError  # noqa: PLC0415 - as above
    from picha.gateway.setup import META_URL, put_number  # noqa: PLC0415 - as above
    from picha.gateway.store import directory  # noqa: PLC0415 - as above
    from picha.gateway.store.tenants import App, NewAccount  # noqa: PLC0415 - as above
    from picha.gateway.store.vault import Vault, read_ring  # noqa: PLC0415 - as above
    from picha.kit.ids import Ids  # noqa: PLC0415 - as above

    if not live and (graph_url is None or urlsplit(graph_url).hostname == urlsplit(META_URL).hostname):
        raise typer.BadParameter("a test number is a sandbox's: name that with --graph-url; Meta's numbers are --live")
    environment = "live" if live else "test"
    account = NewAccount(
        environment=environment,
        waba_id=waba_id,
        meta_app_id=app_id,
        graph_url=graph_url or META_URL,
        access_token=_secret("access token", "--access-token-file", access_token_file),
        app_secret=_secret("app secret", "--app-secret-file", app_secret_file),
        verify_token=_secret("verify token", "--verify-token-file", verify_token_file),
    )

    async def put(pool: "Pool", settings: "Settings") -> dict[str, Any]:
        of = chosen(await directory.workspaces(pool), workspace, what="workspace", option="--workspace")
        app = (await directory.apps(pool, of.id))[0]
        vault = Vault(read_ring(settings.ring()))
        try:
            await put_number(pool, vault, Ids(), App(of.id, app.id), account, phone_number_id=phone_number_id)
        except GraphCallError as problem:
            message = f"Nothing was set up, for Meta does not tell which number that is. {problem}"
            raise RefusedError(message) from problem
        [one] = [
            one
            for one in await directory.senders(pool, of.id)
            if (one.environment, one.phone_number_id) == (environment, phone_number_id)
        ]
        return _described(one, (await _backlogs(pool, settings, one.id))[one.id]) | {
            "callback_url": f"{settings.base_url}/webhooks/whatsapp"
        }

    told = asked(home, put)
    if json:
        typer.echo(msgspec.json.encode(told))
        return
    typer.echo(
        f"The number {told['display_number']} is set up as {told['id']} in the workspace {told['workspace']}.\n"
        f"Next: let the app's webhooks come to {told['callback_url']} with that verify token, subscribed to "
        f"`messages`; then `picha senders check {told['id']}`."
    )


@senders.command()
def check(sender: _Sender, *, home: Home = HOME, json: Json = False) -> None:
    """Look at one number as `picha doctor` does: its queue, token, state at Meta, and where its webhooks go.

    Ends with 0 unless something is a problem, and with 1 then.
    """
    import asyncio  # noqa: PLC0415 - as above

    from picha.cli.doctor import tell  # noqa: PLC0415 - as above
    from picha.cli.whereabouts import settings_of  # noqa: PLC0415 - as above
    from picha.gateway.upkeep.doctor.examine import examine_number  # noqa: PLC0415 - as above
    from picha.kit.clock import SystemClock  # noqa: PLC0415 - as above

    one = asked(home, lambda pool, _: _find(pool, sender))
    found = asyncio.run(examine_number(settings_of(home), SystemClock(), one.id))
    is_well = all(finding.level != "problem" for finding in found)
    if json:
        typer.echo(msgspec.json.encode({"ok": is_well, "findings": found}))
    else:
        tell(found)
    raise typer.Exit(0 if is_well else 1)


@senders.command()
def pause(sender: _Sender, *, home: Home = HOME, json: Json = False) -> None:
    """Send nothing more from a number; what is accepted for it waits."""
    from picha.gateway.store import numbers  # noqa: PLC0415 - as above

    async def work(pool: "Pool", one: UUID) -> None:
        await numbers.pause(pool, one, "operator", who="cli")

    _do(home, sender, work, json=json)


@senders.command()
def resume(sender: _Sender, *, home: Home = HOME, json: Json = False) -> None:
    """Send from a number again."""
    from picha.gateway.store import numbers  # noqa: PLC0415 - as above

    _do(home, sender, numbers.resume, json=json)


@senders.command()
def default(sender: _Sender, *, home: Home = HOME, json: Json = False) -> None:
    """Make a number its workspace's default: with PICHA_USE_DEFAULT_SENDER sends that name no number leave from it."""
    from picha.gateway.store import tenants  # noqa: PLC0415 - as above

    _do(home, sender, tenants.set_default, json=json)


@senders.command()
def flush(sender: _Sender, *, yes: Yes = False, home: Home = HOME, json: Json = False) -> None:
    """Cancel all that waits for a number and was not begun."""
    from picha.gateway.store.ledger import withdraw  # noqa: PLC0415 - as above

    confirmed(f"Cancel all that waits for {sender}?", yes=yes)
    _do(home, sender, withdraw.flush, json=json)


def _do(home: Path, sender: str, work: "Callable[[Pool, UUID], Awaitable[int | None]]", *, json: bool) -> None:
    """Do something with a number, and tell how it stands then."""

    async def run(pool: "Pool", settings: "Settings") -> tuple[dict[str, Any], int | None]:
        one = await _find(pool, sender)
        count = await work(pool, one.id)
        after = await _find(pool, str(one.id))
        return _described(after, (await _backlogs(pool, settings, one.id))[one.id]), count

    told, cancelled = asked(home, run)
    if json:
        fields = ("id", "state", "backlog_s")
        counted = {} if cancelled is None else {"cancelled": cancelled}
        typer.echo(msgspec.json.encode({field: told[field] for field in fields} | counted))
        return
    did = "" if cancelled is None else f" {cancelled} messages were cancelled."
    typer.echo(f"{told['display_number']} is {told['state']}, with {told['backlog_s']:g} s of work waiting.{did}")


async def _find(pool: "Pool", called: str) -> "NumberView":
    from picha.gateway.store import directory  # noqa: PLC0415 - as above

    names = {called, called.lower(), called.removeprefix("+")}
    found = [
        one for one in await directory.senders(pool) if names & {str(one.id), one.phone_number_id, one.display_number}
    ]
    if not found:
        raise RefusedError("No number is called that; `picha senders list` tells which there are.")
    if len(found) > 1:
        raise RefusedError(f"{len(found)} numbers are called that: name one by its id (`picha senders list`).")
    return found[0]


async def _backlogs(pool: "Pool", settings: "Settings", *of: UUID) -> dict[UUID, float]:
    from picha.gateway.store import numbers  # noqa: PLC0415 - as above

    # Past its limit a number takes no more, and nobody counts on.
    told = await numbers.numbers(pool, of, count_s=settings.backlog_hours * 3600 + 1)
    return {one: round(number.backlog_s, 3) for one, number in told.items()}


def _described(one: "NumberView", backlog_s: float) -> dict[str, Any]:
    from picha.karibu.senders import STATES  # noqa: PLC0415 - as above

    fields = dataclasses.asdict(one)
    pace, paused_for = fields.pop("per_second"), fields.pop("paused_for")
    return fields | {"state": STATES[paused_for], "messages_per_second": pace, "backlog_s": backlog_s}


def _secret(what: str, option: str, path: Path | None) -> Secret:
    """Read a secret from a file, or ask for it where nobody sees it typed."""
    if path is None:
        if not sys.stdin.isatty():
            refuse(f"The {what} is asked for on a terminal only: name a file that has it with {option}.")
        text = typer.prompt(f"The {what}", hide_input=True, err=True)
    else:
        try:
            text = path.read_text("ascii") if path.stat().st_size <= _SECRET_MAX + len("\r\n") else ""
        except (OSError, UnicodeDecodeError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else "it has more than ASCII"
            refuse(f"The {what} cannot be read from {path} ({why}).")
    text = text.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text or len(text) > _SECRET_MAX:
        refuse(f"The {what} is one word of at most {_SECRET_MAX:,} visible ASCII characters; this is none.")
    return Secret(text)
