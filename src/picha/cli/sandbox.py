"""`picha sandbox`: run the local Cloud API alone."""

import asyncio
import gc
import re
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer

from picha.cli.sandbox_file import apply
from picha.kit import filelock, logs
from picha.sandbox.dialect import Dialect

if TYPE_CHECKING:
    from picha.sandbox.ladder import Ladder
    from picha.sandbox.ready import Ready
    from picha.sandbox.settings import Settings

_HINT = """The sandbox is ready. Use it in place of https://graph.facebook.com:

  {base_url}

Send a picture to Sheena Nelson, who has just written:

  curl {base_url}/v24.0/{phone_number_id}/messages -H 'Authorization: Bearer {access_token}' \\
    -H 'Content-Type: application/json' -d '{{"messaging_product": "whatsapp", "to": "+16505551234", \
"type": "image", "image": {{"id": "1479537139650973", "caption": "The best succulent ever?"}}}}'

Write to the business as she would:

  {inbound}

Be her in a browser:

  {handset_url}

See every call, with commands to paste:

  {control_url}/docs

{notes}App secret {app_secret}, verify token {verify_token}. Stop with Ctrl-C."""


_CONTROL_TOKEN = re.compile(r"[!-~]{8,}\Z")


class Switch(StrEnum):
    """A flag that says on or off by name, so that an environment variable can too."""

    ON = "on"
    OFF = "off"


def _ladder(text: str) -> "Ladder":
    first, *others = parts = text.split(",")
    if len(parts) != 3 or not (_is_pause(first) and all(part == "-" or _is_pause(part) for part in others)):  # noqa: PLR2004 - sent, delivered, read
        raise typer.BadParameter("three numbers of milliseconds, such as 150,400,1000; - waits for the person")
    delivered, read = (None if part == "-" else int(part) for part in others)
    return int(first), delivered, read


def _address(text: str | None) -> str | None:
    return _whole(text, "--callback", "http://127.0.0.1:5000/webhook")


def _inbox(text: str | None) -> str | None:
    return _whole(text, "--inbox-url", "http://127.0.0.1:8080/inbox")


def _whole(text: str | None, flag: str, example: str) -> str | None:
    parts = urlsplit(text) if text else None
    if parts is not None and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise typer.BadParameter(f"a whole address, such as {example}", param_hint=flag)
    return text


def _is_pause(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 7  # noqa: PLR2004 - three hours fit, as they always did


def _control_token(text: str) -> str:
    if not _CONTROL_TOKEN.match(text):
        raise typer.BadParameter("8 or more letters, digits and signs of ASCII, without spaces")
    return text


def _positions(text: str) -> dict[str, str]:
    from picha.sandbox import switches  # noqa: PLC0415 - as in the command below

    try:
        positions = switches.pairs([text])
        switches.turned(positions)
    except switches.SwitchError as why:
        raise typer.BadParameter(str(why)) from None
    return positions


def sandbox(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="PICHA_SANDBOX_CONFIG",
            is_eager=True,
            callback=apply,
            metavar="FILE",
            help="TOML file with any of these flags by name, and accounts and numbers.",
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(envvar="PICHA_SANDBOX_HOME", help="Folder to keep everything in; none: forget it all."),
    ] = None,
    host: Annotated[str, typer.Option(envvar="PICHA_SANDBOX_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="PICHA_SANDBOX_PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 0,
    seed: Annotated[
        str | None, typer.Option(envvar="PICHA_SANDBOX_SEED", help="Makes credentials and ids the same every time.")
    ] = None,
    callback: Annotated[
        str | None,
        typer.Option(envvar="PICHA_SANDBOX_CALLBACK", callback=_address, help="URL that webhooks go to."),
    ] = None,
    verify_token: Annotated[
        str | None, typer.Option(envvar="PICHA_SANDBOX_VERIFY_TOKEN", help="Verify token of the callback.")
    ] = None,
    ladder: Annotated[
        Any,
        typer.Option(
            envvar="PICHA_SANDBOX_LADDER",
            parser=_ladder,
            metavar="A,B,C",
            help="Pauses before sent, delivered and read, in ms; - waits for the person.",
        ),
    ] = "150,400,1000",
    dialect: Annotated[
        Dialect, typer.Option(envvar="PICHA_SANDBOX_DIALECT", help="Which year's webhooks to write.")
    ] = Dialect.Y2026,
    limits: Annotated[
        Switch, typer.Option(envvar="PICHA_SANDBOX_LIMITS", help="Whether Meta's rates count.")
    ] = Switch.ON,
    window: Annotated[
        Switch, typer.Option(envvar="PICHA_SANDBOX_WINDOW", help="Whether sends need a message of the last 24 hours.")
    ] = Switch.ON,
    control_token: Annotated[
        str | None,
        typer.Option(
            envvar="PICHA_SANDBOX_CONTROL_TOKEN",
            parser=_control_token,
            metavar="TEXT",
            help="What the control API wants; without it: nothing on loopback, a token it tells elsewhere.",
        ),
    ] = None,
    inbox_url: Annotated[
        str | None,
        typer.Option(
            envvar="PICHA_SANDBOX_INBOX_URL",
            callback=_inbox,
            metavar="URL",
            help="Where the business reads its messages; the handset leads there.",
        ),
    ] = None,
    switch: Annotated[
        list[Any] | None,
        typer.Option(
            envvar="PICHA_SANDBOX_SWITCH",
            parser=_positions,
            metavar="NAME=VALUE",
            help="Which side to take where Meta's documents disagree; several by comma or by saying it again.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="PICHA_SANDBOX_JSON", help="Print one line of JSON when ready.")
    ] = False,
) -> None:
    """Run a local WhatsApp Cloud API for image messages until it is told to stop.

    Point a program's Graph base URL at it. What was accepted is on disk in the home before it is answered, and a
    sandbox that was killed goes on where it was.
    """
    from picha.sandbox.journal import JournalDamaged  # noqa: PLC0415 - as the program's other commands: help is quick
    from picha.sandbox.settings import Settings  # noqa: PLC0415 - as above
    from picha.sandbox.switches import turned  # noqa: PLC0415 - as above

    del config  # its callback has read it
    logs.configure(program="sandbox", json=as_json)
    settings = Settings(
        home=home,
        host=host,
        port=port,
        seed=seed,
        callback=callback,
        verify_token=verify_token,
        ladder=ladder,
        dialect=dialect,
        limits=limits is Switch.ON,
        window=window is Switch.ON,
        control_token=control_token,
        inbox_url=inbox_url,
        accounts=context.obj,
        switches=turned(dict(pair for positions in switch or () for pair in positions.items())),
    )
    try:
        _run(settings, as_json=as_json)
    except filelock.HeldByOtherError as why:
        _fail(f"{why}. Stop that one first, or choose another folder with --home DIR.")
    except (JournalDamaged, OSError) as why:
        _fail(str(why))


def _fail(why: str) -> NoReturn:
    typer.echo(f"picha sandbox: {why}", err=True)
    raise typer.Exit(1)


def _run(settings: "Settings", *, as_json: bool) -> None:
    import uvloop  # noqa: PLC0415 - as above

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(settings, as_json=as_json))


async def _until_told(settings: "Settings", *, as_json: bool) -> None:
    from picha.sandbox.run import serve  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def tell(ready: "Ready") -> None:
        sys.stdout.write((_line(ready) if as_json else _hint(ready)) + "\n")
        sys.stdout.flush()
        _collect_seldom()

    await serve(settings, tell, stop)


def _collect_seldom() -> None:
    """Let the garbage collector leave alone what the start has made, and come seldom.

    A request leaves no cycles, and what it adds to the world stays, so that looking for garbage finds next to none.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _line(ready: "Ready") -> str:
    import msgspec  # noqa: PLC0415 - as above

    return msgspec.json.encode(ready).decode()


def _hint(ready: "Ready") -> str:
    import msgspec  # noqa: PLC0415 - as above

    from picha.sandbox import pages  # noqa: PLC0415 - as above

    inbound = pages.inbound_command(ready, shows_token=True)
    return _HINT.format(inbound=inbound, notes=_notes(ready), **msgspec.structs.asdict(ready))


def _notes(ready: "Ready") -> str:
    """Return what there is to say of the control token and of more numbers, if there are any."""
    notes = [] if ready.control_token is None else [f"The control API wants the token {ready.control_token}"]
    notes += [
        f"Number {number.phone_number_id} ({number.display_phone_number}) of account {number.waba_id}"
        + ("" if number.access_token == ready.access_token else f", access token {number.access_token}")
        for number in ready.numbers
        if len(ready.numbers) > 1
    ]
    return "\n".join([*notes, "", ""]) if notes else ""
