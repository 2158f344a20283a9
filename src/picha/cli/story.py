"""The demo's timeline: who did what, when, and how long it took, as a table for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.table import Table

CUSTOMER, SHOP = "customer", "shop"
_COLOURS = {CUSTOMER: "green", SHOP: ""}
_SHORT = 4


@dataclass(frozen=True, slots=True)
class Event:
    """One line: the moment, who sent the message, what it is called and its id, what happened, measured from when."""

    at: datetime
    who: str
    name: str
    id: str
    what: str
    since: datetime | None = None
    is_bad: bool = False


def short(identity: str) -> str:
    """Return the ends of an id, enough to tell two apart; what is between may hold a phone number."""
    bare = identity.rpartition(".")[2]
    return f"{bare[:_SHORT]}…{bare[-_SHORT:]}"


def tell(console: Console, events: Sequence[Event]) -> None:
    """Print the events in order of time, each relative to the first."""
    ordered = sorted(events, key=lambda event: event.at)
    table = Table(title="What happened", title_style="bold", header_style="bold", border_style="dim")
    table.add_column("at", justify="right")
    table.add_column("from")
    table.add_column("message")
    table.add_column("id")
    table.add_column("what", overflow="fold")
    table.add_column("took", justify="right")
    for event in ordered:
        took = f"{(event.at - event.since).total_seconds() * 1000:,.0f} ms" if event.since else ""
        table.add_row(
            f"{(event.at - ordered[0].at).total_seconds():.2f} s",
            event.who,
            event.name,
            short(event.id),
            event.what,
            took,
            style="red" if event.is_bad else _COLOURS[event.who],
        )
    console.print(table)
