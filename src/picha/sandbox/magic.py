"""Numbers that fail on purpose: write to one, and its error comes, with nothing to set up. One table, pure.

A magic number is `+999 0` and the code in six digits for an error in the answer, `+999 1` and the code for a failed
status. The country code 999 is given to nobody. Which errors come when is Meta's error codes page's and what was
observed; only errors that an image to one person can meet are here.
"""

from enum import StrEnum

import msgspec

from picha.cloudapi.errors import lookup


class Moment(StrEnum):
    """When an error comes: in the answer to the send, or later by webhook as a failed status."""

    ANSWER = "0"
    STATUS = "1"


class Magic(msgspec.Struct, frozen=True, kw_only=True):
    """One magic number, as digits, and the error it gives."""

    number: str
    code: int
    moment: Moment

    @property
    def doom(self) -> tuple[int, str]:
        """The code and details of the failure."""
        return self.code, lookup(self.code).meaning


_IN_THE_ANSWER = (
    0, 1, 2, 3, 4, 10, 33, 100, 190, 200, 368, 80007, 130429, 130497, 131000, 131005, 131008, 131009, 131016, 131021,
    131030, 131031, 131037, 131042, 131045, 131047, 131048, 131051, 131056, 131057, 131064, 133004, 133010, 134011,
    135000,
)  # fmt: skip
_BY_STATUS = (130403, 130472, 131026, 131042, 131047, 131049, 131050, 131053, 131056, 137000)


def _rows(moment: Moment, codes: tuple[int, ...]) -> list[Magic]:
    return [Magic(number=f"999{moment.value}{code:06}", code=code, moment=moment) for code in codes]


TABLE: dict[str, Magic] = {
    row.number: row for row in (*_rows(Moment.ANSWER, _IN_THE_ANSWER), *_rows(Moment.STATUS, _BY_STATUS))
}
"""Every magic number by its digits, those that answer first."""


def find(to: str | None, moment: Moment) -> Magic | None:
    """Return the magic of a recipient's digits if its error comes at this moment."""
    magic = TABLE.get(to or "")
    return magic if magic is not None and magic.moment is moment else None
