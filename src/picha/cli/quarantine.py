"""`picha quarantine`: what Meta told and nobody here understood; to look at, and to try again."""

import sys
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, asked, refuse

if TYPE_CHECKING:
    from picha.gateway.store.quarantine import Kept

quarantine = typer.Typer(
    help="Look at what WhatsApp told and this gateway could not understand, and try it again.", no_args_is_help=True
)


@quarantine.command("list")
def list_(
    *,
    home: Home = HOME,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most, the newest first.")] = 100,
    json: Json = False,
) -> None:
    """List what lies there, newest first: when it came, where it stood in its webhook, and why it was put aside.

    Contents are shown by `picha quarantine show` alone: they hold customers' numbers and words.
    """
    from picha.gateway.store import quarantine as store  # noqa: PLC0415 - slow to import, and help is quick

    items = asked(home, lambda pool, _: store.kept(pool, most=limit))
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
    home: Home = HOME,
) -> None:
    """Show one item: the facts of its line as JSON, then its bytes exactly as they came."""
    from picha.gateway.store import quarantine as store  # noqa: PLC0415 - as above

    found = asked(home, lambda pool, _: store.kept(pool, only=item))
    if not found:
        refuse("nothing lies in quarantine under that id; `picha quarantine list` tells what does")
    typer.echo(msgspec.json.encode(_described(found[0])))
    sys.stdout.buffer.write(found[0].item + b"\n")


@quarantine.command()
def retry(
    item: Annotated[
        UUID | None, typer.Argument(help="The item's id; without it, everything.", show_default=False)
    ] = None,
    *,
    home: Home = HOME,
) -> None:
    """Have the webhooks of an item, or of all, understood anew: after an upgrade, or once a number is set up.

    What a webhook told before is known and changes nothing. What is still not understood comes back. Bodies are kept
    for seven days; after that an item can only be looked at.
    """
    from picha.gateway.store import quarantine as store  # noqa: PLC0415 - as above

    count = asked(home, lambda pool, _: store.retry(pool, only=item))
    if item is not None and not count:
        refuse("nothing lies in quarantine under that id, or its webhook is no longer kept")
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
