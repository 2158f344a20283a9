"""How long, as people write it: 90s, 15m, 24h, 7d."""

import re
from datetime import timedelta

import typer

_WRITTEN = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str, *, most: timedelta) -> timedelta:
    """Read a whole number with its unit, or 0; more than `most` is refused."""
    if text == "0":
        return timedelta(0)
    written = _WRITTEN.fullmatch(text) if text.isascii() else None
    if written is None:
        raise typer.BadParameter("a whole number and s, m, h or d, such as 90s, 15m, 24h or 7d; or 0")
    # Seconds of so many digits are years, days of so many are no date any more.
    spoken = timedelta(**{_UNITS[written[2]]: int(written[1])})
    if spoken > most:
        raise typer.BadParameter(f"at most {most.days}d")
    return spoken
