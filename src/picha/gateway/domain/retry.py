"""When something that failed is tried again: pure arithmetic."""

from collections.abc import Sequence
from datetime import timedelta

TELL_AFTER: Sequence[timedelta] = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""How long after each failed try a webhook is tried again; the first is made at once, and none after the tenth."""

ASKED_FOR_MAX = timedelta(hours=1)
"""How long a webhook may ask to be left alone, beyond what is waited anyway."""

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=5)


def backoff(tries: int, *, chance: float, first: timedelta = _FIRST, longest: timedelta = _LONGEST) -> timedelta:
    """Return the pause after `tries` failed tries (1 or more): it doubles each time, up to `longest`.

    `chance` in [0, 1) spreads it over the upper half of the step, so that many that failed together part.
    """
    step = min(longest, first * float(2 ** min(tries - 1, 30)))
    return step * (0.5 + chance / 2)


def tell_again(tries: int, *, chance: float, asked_for: timedelta | None = None) -> timedelta | None:
    """Return the pause after `tries` failed tries (1 or more) of a webhook, give or take a tenth; None for no more.

    `chance` in [0, 1) spreads it. Where its receiver `asked_for` a longer pause it gets that, up to `ASKED_FOR_MAX`.
    """
    if tries > len(TELL_AFTER):
        return None
    pause = TELL_AFTER[tries - 1] * (0.9 + chance / 5)
    return max(pause, min(asked_for, ASKED_FOR_MAX)) if asked_for else pause
