"""How sizes, spans of time and counts are said on pages."""

from collections.abc import Sequence

_THOUSAND, _MILLION = 1000, 1_000_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

DISABLED = {
    "operator": "Disabled by hand",
    "gone": "Disabled: it answered 410, so it wants no more",
    "failing": "Disabled: for five days nothing but failures came back",
}


def size(count: int) -> str:
    """Say how many bytes: 640 B, 83 KB, 1.3 MB."""
    if count < _THOUSAND:
        return f"{count} B"
    return f"{count / _THOUSAND:.0f} KB" if count < _MILLION else f"{count / _MILLION:.1f} MB"


def span(seconds: float) -> str:
    """Say how long, in the two units that matter: 0.4 s, 12 s, 3 min, 2 h 10 min, 4 d 3 h."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - a tenth says something up to there
    minutes, hours, days = int(seconds // _MINUTE), int(seconds // _HOUR), int(seconds // _DAY)
    if minutes < _MINUTE:
        return f"{minutes} min"
    if hours < 24:  # noqa: PLR2004 - hours of a day
        rest = int(seconds % _HOUR // _MINUTE)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    rest = int(seconds % _DAY // _HOUR)
    return f"{days} d {rest} h" if rest else f"{days} d"


def took(milliseconds: int) -> str:
    """Say how long a call took: 12 ms, 1.3 s."""
    return f"{milliseconds} ms" if milliseconds < _THOUSAND else span(milliseconds / _THOUSAND)


def count(number: int, one: str, many: str = "") -> str:
    """Say how many of something: 1 message, 1,204 messages."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def joined(words: Sequence[str]) -> str:
    """Put words in a row: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
