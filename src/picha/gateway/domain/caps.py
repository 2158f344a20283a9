"""How much a key or a workspace may send: so many messages a day or a month, by UTC."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

MOST = 1_000_000_000
"""The greatest cap."""


@dataclass(frozen=True, slots=True)
class Cap:
    """So many messages a span; `owner` is for whom they are counted: a workspace, or a key and its heirs."""

    owner: UUID
    whose: Literal["key", "workspace"]
    span: Literal["day", "month"]
    most: int

    def ends_at(self, now: datetime) -> datetime:
        """Return when the span ends that `now` (UTC) lies in."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.span == "day":
            return midnight + timedelta(days=1)
        return (midnight.replace(day=28) + timedelta(days=4)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many messages of an owner's were accepted today and this month."""

    day: int = 0
    month: int = 0

    def of(self, cap: Cap) -> int:
        """Return what a cap is about."""
        return self.day if cap.span == "day" else self.month


def month_of(day: date) -> date:
    """Return the first day of the month."""
    return day.replace(day=1)
