"""When a number rests by itself: Meta asked for less, or nothing that is sent arrives. Pure.

After the rest a single piece tries whether things are well again; if not, the next rest is twice as long.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from picha.gateway.domain.retry import backoff

# One trouble is bad luck, so many without a success between them are a number in trouble.
_TROUBLES = 5
_FIRST, _LONGEST = timedelta(seconds=1), timedelta(seconds=60)


class Landing(Enum):
    """How a piece landed, as far as it says something of its number."""

    FINE = auto()
    """The other side answered: the number works."""
    THROTTLED = auto()
    """The other side wants less of this number."""
    TROUBLE = auto()
    """The other side could not be reached, or did not answer."""
    MUTE = auto()
    """It says nothing of the number: the piece never came to be sent."""


@dataclass(frozen=True, slots=True)
class Resting:
    """For how long a number rests yet, and how many rests there were since it last was well."""

    seconds: float = 0.0
    rests: int = 0


class Rest:
    """Whether a number rests, and until when; moments are seconds of a steady clock.

    It goes on at `now` from where `resting` says that another worker left it.
    """

    def __init__(self, resting: Resting = Resting(), now: float = 0.0) -> None:
        self._until = now + resting.seconds if resting.seconds else float("-inf")
        self._troubles = 0
        self._length = resting.rests

    @property
    def until(self) -> float:
        """The moment at which the number may try again."""
        return self._until

    @property
    def is_probing(self) -> bool:
        """Whether one piece at a time is enough: the last thing known of the number is trouble."""
        return self._length > 0

    def left(self, now: float) -> Resting:
        """Return what another worker is to know of it."""
        return Resting(max(0.0, self._until - now), self._length)

    def land(self, landing: Landing, now: float, *, chance: float) -> bool:
        """Take in how a piece landed, and tell whether a rest begins.

        What took off before the rest tells nothing new while it lasts.
        """
        if landing is Landing.MUTE or now < self._until:
            return False
        if landing is Landing.FINE:
            self._troubles = self._length = 0
            return False
        self._troubles += 1
        if landing is Landing.THROTTLED or self._troubles >= _TROUBLES or self.is_probing:
            self._length += 1
            self._troubles = 0
            pause = backoff(self._length, chance=chance, first=_FIRST, longest=_LONGEST)
            self._until = now + pause.total_seconds()
            return True
        return False
