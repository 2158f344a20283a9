"""When something that failed is tried again: pure arithmetic."""

from datetime import timedelta

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=5)


def backoff(tries: int, *, chance: float, first: timedelta = _FIRST, longest: timedelta = _LONGEST) -> timedelta:
    """Return the pause after `tries` failed tries (1 or more): it doubles each time, up to `longest`.

    `chance` in [0, 1) spreads it over the upper half of the step, so that many that failed together part.
    """
    step = min(longest, first * float(2 ** min(tries - 1, 30)))
    return step * (0.5 + chance / 2)
