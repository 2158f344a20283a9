"""The demo's timeline: who did what, when, and how long it took, as a table for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

CUSTOMER, SHOP = "customer", "shop"
_COLOURS = {CUSTOMER: "green", SHOP: "cyan"}
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
    """Print the story message by message, in the order they began; moments are relative to the first event."""
    began: dict[str, datetime] = {}
    for event in events:
        began[event.id] = min(event.at, began.get(event.id, event.at))
    zero = min(began.values())
    ordered = sorted(events, key=lambda event: (began[event.id], event.id, event.at))
    table = _empty()
    for _, life in groupby(ordered, key=lambda event: event.id):
        for place, event in enumerate(life):
            _add(table, event, zero, is_first=place == 0)
        table.add_section()
    console.print(table)


def _empty() -> Table:
    table = Table(title="What happened", title_style="bold", header_style="bold", border_style="dim", box=box.ROUNDED)
    table.add_column("from")
    table.add_column("message")
    table.add_column("id")
    table.add_column("at", justify="right")
    table.add_column("what", overflow="fold")
    table.add_column("took", justify="right")
    return table


def _add(table: Table, event: Event, zero: datetime, *, is_first: bool) -> None:
    took = f"{(event.at - event.since).total_seconds() * 1000:,.0f} ms" if event.since else ""
    heading = (event.who, event.name, short(event.id)) if is_first else ("", "", "")
    colour = "red" if event.is_bad else _COLOURS[event.who] if is_first else ""
    table.add_row(*heading, f"{(event.at - zero).total_seconds():.2f} s", event.what, took, style=colour)
