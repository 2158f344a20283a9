"""Numbers that fail on purpose: write to one, and its error comes, with nothing to set up. Pure.

A magic number is `+999 0` and the code in six digits for an error in the answer, `+999 1` and the code for a failed
status; a user id does the same by those digits, such as US.9990131062. The country code 999 is given to nobody. Every
code of the table has both, since Meta's error codes page says that any may come either way, or both.
"""

from enum import StrEnum

from picha.cloudapi.errors import RANGES, TABLE, lookup

_MARK = "999"
REGISTRATION_CODES = (133000, 133005, 133006, 133008, 133009, 133015, 133016)
"""Codes that a registration is refused with when its PIN is the code."""


class Moment(StrEnum):
    """When an error comes: in the answer to the send, or later by webhook as a failed status."""

    ANSWER = "0"
    STATUS = "1"


def number(code: int, moment: Moment) -> str:
    """Return the digits of the number that gives this error at this moment."""
    return f"{_MARK}{moment.value}{code:06}"


def code_of(to: str | None, moment: Moment) -> int | None:
    """Return the code that a recipient, by digits or user id, stands for at this moment; None if it is no magic one."""
    digits = (to or "").rpartition(".")[2]
    if not digits.startswith(_MARK + moment.value):
        return None
    rest = digits[len(_MARK) + 1 :]
    code = int(rest) if rest.isdecimal() else -1
    # One number for each code: no further zeros before it.
    return code if number(code, moment) == digits and _is_published(code) else None


def doom_of(to: str | None) -> tuple[int, str] | None:
    """Return the code and the details of the failed status that a recipient gets by magic, if it does."""
    code = code_of(to, Moment.STATUS)
    return None if code is None else (code, lookup(code).meaning)


def _is_published(code: int) -> bool:
    return code in TABLE or any(code in family for family in RANGES)
