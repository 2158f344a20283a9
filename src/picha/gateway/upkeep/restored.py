"""After the database was put back from a backup nothing is sent until a person confirms.

What the backup did not have yet may be on customers' phones already: what waited in it was sent since, perhaps. A
number, the epoch, grows in the database every few seconds, and each time is noted in the blob store afterwards. So
where the database has less than the note, it is not what it was. A process that runs on sees it, too: the number is
then no greater than the one it knows.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from picha.gateway.blobs import Blobs
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.metrics import RESTORED
from picha.gateway.store import epochs
from picha.gateway.store.epochs import Epoch
from picha.gateway.store.ledger import doubt
from picha.gateway.store.pool import Pool
from picha.kit.clock import Clock
from picha.kit.ids import earliest
from picha.kit.logs import logger

BEAT_S = 10.0
# While nothing is sent, or before it is known, whether that is over.
_LOOK_S = 1.0
_REMIND_S = 60.0


@dataclass(slots=True)
class Watch:
    """One process's knowledge of whether the database is what it was; only what `is_beating` lets the number grow."""

    pool: Pool
    blobs: Blobs
    clock: Clock
    is_beating: bool
    is_told_restored: bool = False
    known: int = 0
    _has_looked: bool = False
    _is_held: bool = True
    _reminded_at: float = field(default=float("-inf"))

    def may_send(self) -> bool:
        """Tell whether anything may be sent."""
        return not self._is_held

    async def once(self) -> None:
        """Look, and let the number grow; raises what database and blob store raise while they are away."""
        if not self._has_looked:
            await self._look_at_note()
        epoch = await (epochs.beat if self.is_beating else epochs.read)(self.pool)
        if epoch.restored_at is None and epoch.value < self.known + self.is_beating:
            epoch = await self._hold()
        self.known = max(self.known, epoch.value)
        self._is_held = epoch.restored_at is not None
        RESTORED.set(self._is_held)
        if self._is_held:
            self._remind(epoch)
        elif self.is_beating:
            await self.blobs.note(epoch.name, str(epoch.value).encode())

    async def _look_at_note(self) -> None:
        epoch, noted = await _read(self.pool, self.blobs)
        if self.is_told_restored or epoch.value < noted:
            epoch = await self._hold()
        self.known = epoch.value
        self._has_looked = True

    async def _hold(self) -> Epoch:
        await epochs.hold(self.pool, earliest(self.clock.now()))
        return await epochs.read(self.pool)

    def _remind(self, epoch: Epoch) -> None:
        now = self.clock.monotonic()
        if now - self._reminded_at >= _REMIND_S:
            self._reminded_at = now
            logger("upkeep").warning(
                "the database was put back to an earlier state: nothing is sent until `picha restore confirm`",
                epoch=epoch.value,
                since=str(epoch.restored_at),
            )


@asynccontextmanager
async def watching(
    pool: Pool, blobs: Blobs, clock: Clock, *, is_beating: bool, is_told_restored: bool = False
) -> AsyncIterator[Watch]:
    """Watch for as long as the block lasts; the first look was tried when it begins."""
    watch = Watch(pool, blobs, clock, is_beating, is_told_restored)
    await _try(watch)
    task = asyncio.create_task(_go_on(watch))
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _go_on(watch: Watch) -> None:
    while True:
        await asyncio.sleep(BEAT_S if watch.may_send() else _LOOK_S)
        await _try(watch)


async def _try(watch: Watch) -> None:
    try:
        await watch.once()
    except Exception as error:  # noqa: BLE001 - it is looked again; until the first look nothing is sent
        logger("upkeep").warning("the epoch could not be looked at", error=type(error).__name__)


async def _read(pool: Pool, blobs: Blobs) -> tuple[Epoch, int]:
    """Return the epoch and the note of it.

    The note is read first. What is noted was in the database before, so that a worker who lets the number grow at this
    very moment is not taken for a database that was put back.
    """
    noted = int(await blobs.noted((await epochs.read(pool)).name) or 0)
    return await epochs.read(pool), noted


@dataclass(frozen=True, slots=True)
class Standing:
    """The epoch, what the blob store noted of it, and how many messages waited when the database was put back."""

    epoch: Epoch
    noted: int
    waited: int


async def stand(pool: Pool, blobs: Blobs) -> Standing:
    """Return whether the database was put back, and how much hangs on it."""
    epoch, noted = await _read(pool, blobs)
    waited = await doubt.count(pool) if epoch.restored_at is not None else 0
    return Standing(epoch, noted, waited)


async def hold(pool: Pool, clock: Clock) -> bool:
    """Send nothing until somebody confirms; tell whether something was sent until now."""
    return await epochs.hold(pool, earliest(clock.now()))


async def confirm(pool: Pool, blobs: Blobs, *, sends_waiting: bool) -> int | None:
    """Send again, and return how many messages that waited in the backup are unknown now; None if all was well.

    With `sends_waiting` they are sent, because somebody knows that nothing was sent since the backup. What was on its
    way then is unknown in any case.
    """
    standing = await stand(pool, blobs)
    if standing.epoch.restored_at is None:
        return None
    doubted = 0 if sends_waiting else await doubt.doubt(pool, PAIR_PACE)
    value = await epochs.confirm(
        pool, standing.noted, about={"called_unknown": doubted, "sends_waiting": sends_waiting}
    )
    if value is not None:
        await blobs.note(standing.epoch.name, str(value).encode())
    return doubted
