"""`picha tail`: what happens, as it happens."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from picha.cli.asking import Json
from picha.cli.reaching import HOME, Home, Key, Url, cell, reached, readable, shortened, tell
from picha.karibu.queries import LATEST

if TYPE_CHECKING:
    from picha.sdk import Event

_PAGE = 1000
_STOPPED = 130


def tail(
    *,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on from here, as an earlier run said at its end.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Begin with the oldest event that is kept.")] = False,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="End when everything is told.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Tell what becomes of sends and what people write, as it happens; Ctrl-C ends it.

    It begins with what comes next, unless told otherwise. With --json each line is an event and its cursor.
    """
    with reached(url, key, home) as gateway:
        start = after if after or all_ or no_follow else LATEST
        with gateway.events(after=start, follow=not no_follow, page_size=_PAGE) as events:
            is_stopped = False
            try:
                for count, event in enumerate(events, 1):
                    document = msgspec.to_builtins(event) | {"cursor": events.cursor}
                    tell(document, json=json, otherwise=lambda event=event: _line(event))  # type: ignore[misc] # as now
                    if count == limit:
                        break
            except KeyboardInterrupt:
                is_stopped = True
            if events.has_gap:
                typer.echo("Some events before these are not kept any more.", err=True)
            if events.cursor and not json:
                typer.echo(f"Go on with: picha tail --after {events.cursor}", err=True)
    if is_stopped:
        raise typer.Exit(_STOPPED)


def _line(event: "Event") -> str:
    from picha.karibu.events import StatusData  # noqa: PLC0415 - slow to import, and help is quick
    from picha.karibu.reads import Message  # noqa: PLC0415 - as above

    data = event.data
    what = event.event.removeprefix("whatsapp.")
    if isinstance(data, StatusData):
        why = f"{data.error_code}: {data.error_detail or data.error_message}" if data.error_code else ""
        words = [str(data.message_id), data.recipient or "", data.client_reference or "", why]
    elif isinstance(data, Message):
        who = data.recipient or data.contact_profile_name or ""
        words = [str(data.id), who, data.message_type, data.content.caption or data.content.body or ""]
    else:
        words = [msgspec.json.encode(data).decode()]
    return f"{cell(event.timestamp)}  {readable(what):9}  {'  '.join(shortened(word) for word in words if word)}"
