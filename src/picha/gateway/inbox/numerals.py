"""Phone numbers as people read them: grouped, and masked until somebody asks to see them."""

# Where a number's country ends (ITU-T E.164): these begin the codes of one digit, and those are all of two.
_ONE = frozenset("17")
_TWO = frozenset(map(str, (20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67))))
_TWO |= frozenset(map(str, (81, 82, 84, 86, *range(90, 96), 98)))
_SHORTEST, _SEEN_LAST = 7, 3
_DOT, _DOTS = "\N{BULLET}", 6


def spaced(number: str) -> str:
    """Return a number as it is written down, `+255 712 345 678`; what is none stays as it is."""
    digits = _digits(number)
    if not digits:
        return number
    country = _country(digits)
    return f"+{country} {' '.join(_groups(digits[len(country) :]))}"


def masked(number: str) -> str:
    """Return a number of which only the country, the first digit behind it and the last three are seen."""
    digits = _digits(number)
    if not digits:
        return number[:1] + _DOT * _DOTS
    country = _country(digits)
    rest = digits[len(country) :]
    seen = min(_SEEN_LAST, len(rest) // 2 - 1)
    hidden = rest[0] + _DOT * (len(rest) - 1 - seen) + rest[-seen:]
    return f"+{country} {' '.join(_groups(hidden))}"


def is_same(text: str, number: str) -> bool:
    """Tell whether a text is this number, however it is written."""
    return bool(number) and _digits(text) == _digits(number) != ""


def _digits(number: str) -> str:
    """Return the digits of what is a whole number, however it is written, and nothing of anything else."""
    digits = number.translate(str.maketrans("", "", " +-()."))
    return digits if digits.isascii() and digits.isdigit() and len(digits) >= _SHORTEST else ""


def _country(digits: str) -> str:
    if digits[0] in _ONE:
        return digits[0]
    return digits[:2] if digits[:2] in _TWO else digits[:3]


def _groups(rest: str) -> list[str]:
    """Split by threes from the front, so that the last groups have four rather than that a digit or two are left."""
    fours = min(len(rest) % 3, len(rest) // 4)
    ends = [*range(3, len(rest) - 4 * fours + 1, 3)]
    ends += [len(rest) - 4 * n for n in reversed(range(fours))]
    return [rest[start:end] for start, end in zip([0, *ends], ends, strict=False)]
