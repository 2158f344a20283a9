"""`picha batches`: how far a batch has come, what became of each recipient, and how it is taken back."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import Json, show
from picha.cli.reaching import HOME, Home, Key, Url, facts, reached, readable, shortened, tell
from picha.cli.usage import UsageCommand, UsageGroup

if TYPE_CHECKING:
    from picha.karibu.batches import Batch, BatchResult

batches = typer.Typer(
    help="Show how far a batch has come, what became of each recipient, or take it back.",
    no_args_is_help=True,
    cls=UsageGroup,
)

_Batch = Annotated[UUID, typer.Argument(metavar="BATCH", help="Its id: what `picha send batch` said.")]
_COLUMNS = ("index", "who", "outcome", "status", "message_id", "code", "why")


@batches.command("show", cls=UsageCommand)
def show_batch(batch: _Batch, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Show how far a batch has come, in numbers."""
    with reached(url, key, home) as gateway:
        found = gateway.batch(batch)
    tell(found, json=json, otherwise=lambda: facts(msgspec.to_builtins(found)))


@batches.command("results", cls=UsageCommand)
def list_results(
    batch: _Batch,
    *,
    outcome: Annotated[
        str | None, typer.Option(metavar="OUTCOME", help="Only these: accepted, refused, skipped or waiting.")
    ] = None,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Tell what became of each recipient, in the order of the batch."""
    with reached(url, key, home) as gateway:
        found = [one for one in gateway.batch_results(batch) if outcome in (None, one.outcome)]
    rows = [msgspec.to_builtins(one) if json else _row(one) for one in found]
    show(rows, _COLUMNS, json=json, otherwise="Nobody.")


@batches.command("cancel", cls=UsageCommand)
def cancel_batch(batch: _Batch, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Take back what of a batch has not left; one that is done stays as it is."""
    with reached(url, key, home) as gateway:
        found = gateway.cancel_batch(batch)
    tell(found, json=json, otherwise=lambda: summary(found))


def summary(batch: "Batch") -> str:
    """Return in a line how a batch stands."""
    counts = ("accepted", "refused", "skipped", "waiting")
    messages = ("pending", "sent", "delivered", "read", "failed", "cancelled")
    told = [f"{getattr(batch, name)} {name}" for name in counts if getattr(batch, name)]
    became = [f"{getattr(batch, name)} {name}" for name in messages if getattr(batch, name)]
    return f"{batch.status.capitalize()}: {', '.join(told)} of {batch.total}" + (
        f"; of the messages {', '.join(became)}." if became else "."
    )


def _row(one: "BatchResult") -> dict[str, object]:
    return {
        "index": one.index,
        "who": readable(str(one.to or one.conversation_id or "")),
        "outcome": one.outcome,
        "status": one.status,
        "message_id": one.message_id,
        "code": one.code,
        "why": shortened(one.message),
    }
