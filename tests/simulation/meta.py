"""A Meta in virtual time: it takes, loses, throttles and refuses as the seed wants, and remembers every effect."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from picha.cloudapi.messages import ImageSend
from picha.gateway.domain.outcomes import Accepted, Ambiguous, Barred, NotSent, Outcome, Rejected, Scope, Throttled
from picha.gateway.meta import tokens

TOKEN_KEY = b"k" * 32
# How long a request may hang at most.
HANGS_S = 30.0


@dataclass(frozen=True)
class Effect:
    """Something that Meta took, for certain; a `void` one failed there later and reached nobody."""

    at: float
    wamid: str
    attempt: UUID
    number: str
    person: str
    is_void: bool


@dataclass
class Fate:
    """What becomes of one request: whether Meta takes it, and what the caller gets to know."""

    is_taken: bool
    answer: Outcome | None
    leaves: bool = True
    seconds: float = 0.1


# Weights while there is trouble; afterwards everything is taken.
_FATES = (
    (55, Fate(is_taken=True, answer=None)),
    (8, Fate(is_taken=True, answer=Ambiguous("lost"))),
    (6, Fate(is_taken=False, answer=Ambiguous("lost"))),
    (2, Fate(is_taken=True, answer=Ambiguous("hung"), seconds=HANGS_S)),
    (7, Fate(is_taken=False, answer=NotSent("refused"), leaves=False)),
    (4, Fate(is_taken=False, answer=Throttled("130429", "", Scope.NUMBER))),
    (4, Fate(is_taken=False, answer=Throttled("131056", "", Scope.PAIR))),
    (4, Fate(is_taken=False, answer=Throttled("131016", ""))),
    (4, Fate(is_taken=False, answer=Rejected("131009", "", ""))),
    (1, Fate(is_taken=False, answer=Barred("190", ""))),
)


@dataclass
class Meta:
    """Takes messages of any number. `tell` hears its webhooks: (number, wamid, status, code, token).

    Numbers in `spared` have no trouble even while others have.
    """

    chance: Random
    tell: Callable[[str, str, str, int, UUID | None], None]
    is_well: bool = False
    spared: set[str] = field(default_factory=set)
    effects: list[Effect] = field(default_factory=list)

    async def send(
        self, number: str, message: ImageSend, *, on_left: Callable[[], None], alive: Callable[[], Awaitable[None]]
    ) -> Outcome:
        """Take one request, or not; a worker that is dead by then does not even begin it."""
        is_troubled = not self.is_well and number not in self.spared
        loop, fate = asyncio.get_running_loop(), self._fate() if is_troubled else _FATES[0][1]
        token, person = message.biz_opaque_callback_data or "", message.to or ""
        await asyncio.sleep(self.chance.uniform(0, 0.05))
        await alive()
        if not fate.leaves:
            return fate.answer or NotSent("")
        on_left()
        attempt = tokens.read([TOKEN_KEY], token)
        assert attempt is not None
        reached = self.chance.uniform(0, 0.05)
        wamid = f"wamid.{len(self.effects)}.{attempt.int}"
        if fate.is_taken:
            # What has left arrives, whether or not the one who sent it lives on.
            loop.call_later(reached, self._take, wamid, attempt, number, person)
        await asyncio.sleep(reached + self.chance.uniform(0, fate.seconds))
        return fate.answer or Accepted(wamid)

    def _fate(self) -> Fate:
        return self.chance.choices([fate for _, fate in _FATES], [weight for weight, _ in _FATES])[0]

    def _take(self, wamid: str, attempt: UUID, number: str, person: str) -> None:
        loop, troubled = asyncio.get_running_loop(), not self.is_well and number not in self.spared
        # 131053 heals by another attempt, 131026 is final; both reached nobody.
        failure = self.chance.choice([131053, 131026]) if troubled and self.chance.random() < 0.08 else 0
        self.effects.append(Effect(loop.time(), wamid, attempt, number, person, is_void=failure == 131053))
        silence = 0.0
        if troubled and self.chance.random() < 0.15:
            # Told when it is too late, or never.
            if self.chance.random() < 0.5:
                return
            silence = 150.0
        shown = attempt if self.chance.random() < 0.9 or not troubled else None
        words = [("failed", failure)] if failure else [("sent", 0), ("delivered", 0), ("read", 0)]
        for word, code in words:
            for _ in range(2 if self.chance.random() < 0.15 else 1):
                delay = silence + self.chance.uniform(0.01, 8 if troubled else 1)
                loop.call_later(delay, self.tell, number, wamid, word, code, None if code else shown)


@dataclass(frozen=True)
class Line:
    """A worker's line to Meta: stands in for `Graph`."""

    meta: Meta
    alive: Callable[[], Awaitable[None]]

    async def send(self, _account: object, number: str, message: ImageSend, *, on_left: Callable[[], None]) -> Outcome:
        """Hand one message to Meta."""
        return await self.meta.send(number, message, on_left=on_left, alive=self.alive)


class NoUploads:
    """Pictures are no part of this: every one is there."""

    def __init__(self) -> None:
        self.count = 0

    async def media_id(self, *_: Any) -> str:
        """Stand in for `Uploads.media_id`."""
        return f"media{self.count}"

    async def forget(self, *_: Any) -> None:
        """Stand in for `Uploads.forget`."""
        self.count += 1
