"""Let go of everything that was kept for as long as the settings say, each class by itself, a little at a time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from picha.gateway.metrics import FORGOTTEN
from picha.gateway.settings import Settings
from picha.gateway.store import audit, batches, pruning, replays, sessions, spending, turnouts, walks
from picha.gateway.store.ledger import forget
from picha.gateway.store.pool import Pool
from picha.gateway.store.walks import Step, Walk
from picha.kit.clock import Clock
from picha.kit.ids import earliest
from picha.kit.logs import logger

_MOST = 500
# A walk keeps this far behind: an id is made a little before its row is committed, on a clock that may be a little off.
_BEHIND = timedelta(minutes=10)
# Between two full steps the database is left alone for as long as the first one took, but no longer than this.
_REST_MAX_S = 5.0

_Step: TypeAlias = Callable[[], Awaitable[Step]]


@dataclass(frozen=True, slots=True)
class Keep:
    """How long each class is kept."""

    captions: timedelta = timedelta(days=90)
    pictures: timedelta = timedelta(days=30)
    messages: timedelta = timedelta(days=365)
    bodies: timedelta = timedelta(days=7)
    hashes: timedelta = timedelta(days=9)
    quarantine: timedelta = timedelta(days=30)
    notices: timedelta = timedelta(days=90)
    parked: timedelta = timedelta(days=7)
    events: timedelta = timedelta(days=30)
    batches: timedelta = timedelta(days=90)
    audit: timedelta = timedelta(days=365)

    @classmethod
    def of(cls, settings: Settings) -> "Keep":
        """Return what the settings say; a hash stays at least as long as its body."""
        bodies = timedelta(days=settings.keep_webhooks_days)
        return cls(
            captions=timedelta(days=settings.keep_captions_days),
            pictures=timedelta(days=settings.keep_media_days),
            messages=timedelta(days=settings.keep_messages_days),
            bodies=bodies,
            hashes=max(bodies, timedelta(days=settings.keep_webhook_hashes_days)),
            quarantine=timedelta(days=settings.keep_quarantine_days),
            notices=timedelta(days=settings.keep_notices_days),
            parked=timedelta(days=settings.keep_parked_statuses_days),
            events=timedelta(days=settings.keep_events_days),
            batches=timedelta(days=settings.keep_batches_days),
            audit=timedelta(days=settings.keep_audit_days),
        )


@dataclass(frozen=True, slots=True)
class Forgetting:
    """The periodic pass over every class. Any number of workers may pass side by side."""

    pool: Pool
    clock: Clock
    keep: Keep
    most: int = _MOST

    async def all(self) -> Mapping[str, int]:
        """Let go of all that is due, and return how much of each class went.

        A class that fails is left to the next pass, and holds up no other.
        """
        gone = Counter[str]()
        for what, step in self._steps().items():
            try:
                gone[what] = await self._to_the_end(what, step)
            except Exception as error:  # noqa: BLE001 - what is old must go some day, and the other classes now
                logger("upkeep").warning("letting go put off", what=what, error=type(error).__name__)
        if gone := +gone:
            logger("upkeep").info("let go of what is old", **gone)
        return gone

    async def _to_the_end(self, what: str, step: _Step) -> int:
        gone = 0
        while True:
            began = self.clock.monotonic()
            done = await step()
            gone += done.gone
            FORGOTTEN.labels(what).inc(done.gone)
            if not done.is_full:
                return gone
            await asyncio.sleep(min(self.clock.monotonic() - began, _REST_MAX_S))

    def _steps(self) -> dict[str, _Step]:
        keep = self.keep
        return {
            "caption": self._walk(forget.CAPTIONS, keep.captions),
            "picture": self._walk(forget.PICTURES, keep.pictures),
            "message": self._walk(forget.MESSAGES, keep.messages),
            "webhook_body": self._walk(pruning.BODIES, keep.bodies),
            "webhook": self._walk(pruning.HASHES, keep.hashes),
            "quarantine": self._walk(pruning.QUARANTINE, keep.quarantine),
            "notice": self._walk(pruning.NOTICES, keep.notices),
            "parked_status": self._counted(lambda: forget.parked(self.pool, after=keep.parked, most=self.most)),
            "event": self._counted(lambda: pruning.old_events(self.pool, after=keep.events, most=self.most)),
            "batch_recipient": lambda: batches.drop(self.pool, after=keep.batches, most=self.most),
            "media_id": self._counted(lambda: pruning.dead_media(self.pool, most=self.most)),
            "audit": self._counted(lambda: audit.let_go(self.pool, after=keep.audit, most=self.most)),
            "spend": self._counted(lambda: spending.drop(self.pool, most=self.most)),
            "turnout": self._counted(lambda: turnouts.drop(self.pool, after=keep.messages, most=self.most)),
            "session": self._counted(lambda: sessions.drop(self.pool, most=self.most)),
            "idempotency_key": self._counted(lambda: replays.drop(self.pool, most=self.most)),
        }

    def _walk(self, walk: Walk, keep: timedelta) -> _Step:
        before = earliest(self.clock.now() - max(keep, _BEHIND))
        return lambda: walks.step(self.pool, walk, before=before, most=self.most)

    def _counted(self, delete: Callable[[], Awaitable[int]]) -> _Step:
        async def step() -> Step:
            gone = await delete()
            return Step(gone, is_full=gone == self.most)

        return step
