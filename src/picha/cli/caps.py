"""How the commands read caps: how many messages a key or a workspace may send."""

from typing import Annotated

import typer

from picha.gateway.domain.caps import MOST

_NONE = -1


def _cap(text: str) -> int:
    if text == "none":
        return _NONE
    if not text.isascii() or not text.isdecimal() or int(text) > MOST:
        raise typer.BadParameter(f"a number of messages from 0 to {MOST:,}, or `none` for any number")
    return int(text)


PerDay = Annotated[
    int | None,
    typer.Option("--per-day", metavar="N", parser=_cap, help="At most so many messages a day (UTC), or `none`."),
]
PerMonth = Annotated[
    int | None,
    typer.Option("--per-month", metavar="N", parser=_cap, help="At most so many messages a month (UTC), or `none`."),
]


def demand_one(per_day: int | None, per_month: int | None) -> None:
    """End the program with 2 where neither cap is told."""
    if per_day is None and per_month is None:
        raise typer.BadParameter("say --per-day, --per-month or both")


def told(per_day: int | None, per_month: int | None) -> str:
    """Say in words what may be sent."""
    words = [
        f"{most:,} messages a {span}" for most, span in ((per_day, "day"), (per_month, "month")) if most is not None
    ]
    return " and ".join(words) or "any number of messages"
