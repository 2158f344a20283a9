"""Who is told that something has changed, and which part of it: no more, so that whoever is told looks again."""

from collections.abc import Callable
from typing import Literal, get_args

from picha.sandbox import records

Part = Literal["messages", "people", "ledger", "webhooks", "clock", "rules", "world"]
"""What was said and how far it has come; who blocks whom; accepted sends; their webhooks; the time; faults and trouble.

`world` is all of them at once.
"""
PARTS: tuple[Part, ...] = get_args(Part)

_TOLD_BY: dict[type, tuple[Part, ...]] = {
    records.ClockPlaced: ("clock",),
    records.MediaDeleted: ("messages",),
    records.MessageHeard: ("messages", "people"),
    records.MarkedRead: ("messages", "people"),
    records.SendAccepted: ("messages", "ledger"),
    records.Echoed: ("messages",),
    records.LinkFetched: ("messages", "ledger"),
    records.StatusMade: ("messages", "ledger"),
    records.WebhookQueued: ("webhooks",),
    records.WebhookSettled: ("webhooks",),
    records.PersonBlocked: ("messages", "people"),
    records.UserBarred: ("people",),
    records.NumberChanged: ("messages", "people"),
    records.UserIdChanged: ("messages", "people"),
    records.GroupMade: ("people",),
}


class Bell:
    """Tells every listener at once; without any it costs next to nothing."""

    def __init__(self) -> None:
        self.listeners: set[Callable[[tuple[Part, ...]], None]] = set()

    def heard(self, record: records.AnyRecord) -> None:
        """Ring for what a record changes, if that shows anywhere."""
        if parts := _TOLD_BY.get(type(record)):
            self.ring(*parts)

    def ring(self, *parts: Part) -> None:
        """Tell that these parts have changed."""
        for listener in tuple(self.listeners):
            listener(parts)
