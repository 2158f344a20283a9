"""One seeded story: customers' sends, workers that die and lose the database, a Meta in trouble, and then peace.

It is of one number or of a few, which share two workers.

The workers are the gateway's own: `Keeper`, `Dispatch`, `Lane` and all that they decide with. Only the ledger, Meta and
the time are models. The same seed tells the same story.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from tests.simulation.door import Door
from tests.simulation.meta import HANGS_S, TOKEN_KEY, Line, Meta, NoUploads
from tests.simulation.model import WAITING, Message, Model
from tests.simulation.virtual import VirtualClock, VirtualLoop, run

from picha.gateway.domain.admission import Sender
from picha.gateway.domain.outcomes import GIVE_UP_AFTER
from picha.gateway.domain.pace import PairPace
from picha.gateway.lanes.doorbell import Doorbell
from picha.gateway.lanes.keeper import Keeper
from picha.gateway.sending.desk import Desk
from picha.gateway.sending.dispatch import Dispatch

NUMBERS, ACCOUNT = [UUID(int=10 + n) for n in range(7)], UUID(int=20)
PER_SECOND = 20
PACE = PairPace(timedelta(seconds=6), timedelta(seconds=12))
TROUBLE_S, AFTERMATH_S, PEACE_S = 60.0, 45.0, 200.0
PICTURE_WITHIN_S = 40.0
# How long after the faults a message may be open that has no reason to be, and how long a story waits for what is late.
LATE_S, WAITS_S, LOOKS_S, LONGEST_REST_S = 60.0, 600.0, 5.0, 60.0
CHANNEL = "picha_send"


class _Ids:
    def __init__(self) -> None:
        self._last = 1000

    def uuid(self) -> UUID:
        self._last += 1
        return UUID(int=self._last)


class _Accounts:
    async def get(self, account: UUID) -> Any:
        return Account(account)


@dataclass(frozen=True)
class Account:
    """As much of an account as sending looks at."""

    id: UUID


class _Times:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self, _account: UUID) -> Any:
        return self._clock.now()


@dataclass
class Worker:
    """One process."""

    door: Door
    desk: Desk
    keeper: Keeper
    task: "asyncio.Task[None]"


@dataclass
class Story:
    """What happened, for the checks."""

    seed: int
    model: Model
    meta: Meta
    broken_rules: list[str] = field(default_factory=list)
    late: dict[UUID, str] = field(default_factory=dict)

    def effects(self, message: Message) -> int:
        """Return how often a message reached its customer."""
        mine = {attempt.id for attempt in self.model.tries.get(message.id, ())}
        return sum(effect.attempt in mine and not effect.is_void for effect in self.meta.effects)


class World:
    """Tells the story of one seed."""

    slots, most = 512, 256

    def __init__(self, loop: VirtualLoop, seed: int, *, model: type[Model] = Model, meta: type[Meta] = Meta) -> None:
        self.loop, self.chance, self.clock, self.ids = loop, Random(seed), VirtualClock(loop), _Ids()
        self.model = model(loop.time, PACE)
        self.numbers = NUMBERS[: self._count()]
        for number in self.numbers:
            name = str(number.int)
            self.model.add_number(
                Sender(number, ACCOUNT, "test", name, name, is_active=True, image_policy="auto"), PER_SECOND
            )
        self.meta = meta(Random(seed + 1), self._hear)
        self.story = Story(seed, self.model, self.meta)
        self.bells: list[Doorbell] = []
        self._well_at = float("inf")
        self.workers: list[Worker] = []
        self.watch()

    def _count(self) -> int:
        """Return how many numbers there are."""
        return self.chance.choice([1, 1, 2, 3])

    def watch(self) -> None:
        """Look at every attempt that begins: alone for its message, and in its turn."""
        begin = self.model._begin

        def watched(one: Any) -> bool:
            message = self.model.messages[one.message]
            open_before = [a for a in self.model.tries.get(one.message, ()) if a.outcome is None]
            earlier = [e for e in self.model.waiting(message.thread) if e.id < message.id]
            begun = begin(one)
            if begun and not Model._holds(self.model, one.lease, 0):
                self.story.broken_rules.append("an attempt began in a lane that was lost")
            if begun and open_before:
                self.story.broken_rules.append("two attempts of one message are in flight")
            if begun and (early := [e for e in earlier if not self._is_released(e)]):
                self.story.broken_rules.append(f"{one.message.int} overtook {early[0].id.int} ({early[0].phase})")
            return begun

        self.model._begin = watched  # type: ignore[method-assign]

    def _is_released(self, one: Message) -> bool:
        """Say it another way than the model does: whether this message no longer holds others up."""
        now = self.loop.time() + 1e-6
        if one.phase == "unknown" and one.unknown_since is not None and now - one.unknown_since >= 10:
            return True
        if any(a.outcome == "accepted" for a in self.model.tries.get(one.id, ())):
            return True
        since = one.admitted_at if one.had_no_picture else one.begun_at
        return since is not None and now - since >= 30

    def _hear(self, number: str, wamid: str, status: str, code: int, token: UUID | None) -> None:
        self.model.tell(UUID(int=int(number)), wamid, status, self.loop.time(), code=code, token=token)

    async def tell(self) -> Story:
        """Run the story to its end."""
        workers = [self._start() for _ in range(2)]
        customers = [asyncio.create_task(self._customers(number)) for number in self.numbers]
        beside = [asyncio.create_task(self._upkeep())]
        end = self.loop.time() + TROUBLE_S
        while self.loop.time() < end:
            await asyncio.sleep(self.chance.uniform(1, 12))
            await self._strike(workers)
        await asyncio.gather(*customers)
        self.meta.is_well = True
        for worker in workers:
            worker.door.is_broken = worker.door.is_slow = False
        # What was still on its way may pause the number once more; then its operator resumes it for good.
        await asyncio.sleep(HANGS_S + 1)
        self._resume()
        self._well_at = self.loop.time()
        beside.append(asyncio.create_task(self._look_at_clock()))
        await asyncio.sleep(AFTERMATH_S)
        await self._rest()
        await self._stop(workers)
        # Nothing is left but what nobody knows about; it is given up in time.
        end = self.loop.time() + GIVE_UP_AFTER.total_seconds() + WAITS_S
        while self._open() and self.loop.time() < end:
            await asyncio.sleep(5)
            if self.model.is_wanted():
                await self._finish()
        for task in beside:
            task.cancel()
        return self.story

    def _open(self) -> list[Message]:
        return [one for one in self.model.messages.values() if one.phase in WAITING]

    async def _finish(self) -> None:
        """Let a worker do what the last conclusions asked for."""
        workers = [self._start()]
        await self._rest()
        await self._stop(workers)

    async def _look_at_clock(self) -> None:
        """Note what is not over although nothing explains it any more, and has not been for too long."""
        unexplained: Counter[UUID] = Counter()
        while True:
            now = self.loop.time()
            unexplained.update(one.id for one in self._open() if not self._may_be_open(one, now))
            late = [self.model.messages[message] for message, count in unexplained.items() if count * LOOKS_S > LATE_S]
            self.story.late |= {one.id: f"{one.id.int} was late: {one.phase} at {now:.0f} s" for one in late}
            await asyncio.sleep(LOOKS_S)

    def _may_be_open(self, one: Message, now: float) -> bool:
        """Tell whether a message waits for its time, or for one before it that holds it up."""
        if any(before.id < one.id and not self._is_released(before) for before in self.model.waiting(one.thread)):
            return True
        match one.phase:
            case "image_wait":
                return now < one.admitted_at + PICTURE_WITHIN_S
            case "unknown":
                return one.unknown_since is not None and now < one.unknown_since + GIVE_UP_AFTER.total_seconds()
            case "queued":
                opens_at, rests_until = self.model.pairs[one.thread].opens_at, self.model.lanes[one.sender].rests_until
                # Since all is well no rest begins anew, and none is longer than that.
                return now < max(one.due_at or now, opens_at, min(rests_until, self._well_at + LONGEST_REST_S))
            case _:
                return False

    async def _rest(self) -> None:
        """Wait until nothing is left that could be sent, or for as long as that may take."""
        for _ in range(int(PEACE_S / 5)):
            if not any(one.phase != "unknown" for one in self._open()):
                return
            await asyncio.sleep(5)

    def _start(self) -> Worker:
        door, bell = Door(self.model, self.chance), Doorbell()
        ids: Any = self.ids
        desk = Desk(
            door,  # type: ignore[arg-type]
            graph=Line(self.meta, door.alive),  # type: ignore[arg-type]
            accounts=_Accounts(),  # type: ignore[arg-type]
            times=_Times(self.clock),  # type: ignore[arg-type]
            uploads=NoUploads(),  # type: ignore[arg-type]
            ids=ids,
            token_keys=lambda: [TOKEN_KEY],
            chance=self.chance.random,
        )
        keeper = Keeper(
            door,  # type: ignore[arg-type]
            bell,
            self.clock,
            work=lambda lease: Dispatch(lease, desk),
            room=8,
            slots=self.slots,
            most=self.most,
            chance=self.chance.random,
        )
        self.bells.append(bell)

        async def work() -> None:
            async with desk.settlements, desk.beginnings:
                await keeper.run()

        worker = Worker(door, desk, keeper, asyncio.create_task(work()))
        # The dead are kept: what they wait for in vain would be collected otherwise.
        self.workers.append(worker)
        return worker

    async def _stop(self, workers: list[Worker]) -> None:
        """End workers as SIGTERM does."""
        for worker in workers:
            worker.desk.stopping.set()
            worker.keeper.stop()
        await asyncio.gather(*(worker.task for worker in workers))

    async def _strike(self, workers: list[Worker]) -> None:
        """Kill a worker and start another, or take the database from one, or give it back; mend a refused token."""
        place = self.chance.randrange(len(workers))
        match self.chance.randrange(4):
            case 0:
                workers[place].door.is_dead = True
                workers[place] = self._start()
            case 1:
                workers[place].door.is_broken = self.chance.random() < 0.5
                workers[place].door.is_slow = not workers[place].door.is_broken
            case _:
                for worker in workers:
                    worker.door.is_broken = worker.door.is_slow = False
                self._resume()

    def _resume(self) -> None:
        for number in self.numbers:
            self.model.resume(number)

    async def _customers(self, number: UUID) -> None:
        people = [UUID(int=100 * number.int + n) for n in range(self.chance.randint(2, 5))]
        for _ in range(self.chance.randint(6, 20)):
            message, has_picture = self.ids.uuid(), self.chance.random() < 0.85
            self.model.admit(
                message,
                self.chance.choice(people),
                number,
                has_picture=has_picture,
                priority=int(self.chance.random() < 0.2),
                resends=self.chance.random() < 0.3,
            )
            if not has_picture:
                self.loop.call_later(self.chance.uniform(0.1, PICTURE_WITHIN_S), self.model.equip, message)
            for bell in self.bells:
                bell.ring(CHANNEL)
            await asyncio.sleep(self.chance.choice([0.0, 0.05, self.chance.uniform(0, 6)]))

    async def _upkeep(self) -> None:
        while True:
            await asyncio.sleep(5)
            self.model.confirm()


def told(seed: int, **parts: Any) -> Story:
    """Return the story of a seed."""
    loop = VirtualLoop()

    async def tell() -> Story:
        return await World(loop, seed, **parts).tell()

    return run(loop, tell())


def faults(story: Story) -> list[str]:
    """Return what in a story must never happen; empty when all is well."""
    found = [*story.broken_rules, *story.late.values()]
    for message in story.model.messages.values():
        effects, name = story.effects(message), message.id.int
        mine = story.model.tries.get(message.id, [])
        ambiguous = sum(one.outcome == "ambiguous" for one in mine)
        if message.phase in WAITING:
            found.append(f"{name} ended as {message.phase}")
        if effects > (1 + ambiguous if message.resends else 1):
            found.append(f"{name} reached its customer {effects} times")
        if any(e.number != str(message.sender.int) for one in mine for e in story.meta.effects if e.attempt == one.id):
            found.append(f"{name} left from another number")
        if message.status in {"sent", "delivered", "read"} and not any(
            effect.attempt == one.id for one in mine for effect in story.meta.effects
        ):
            found.append(f"{name} is {message.status}, and Meta never took it")
    return found + _too_fast(story)


def _too_fast(story: Story) -> list[str]:
    found, by_person = [], defaultdict[str, list[float]](list)
    for effect in sorted(story.meta.effects, key=lambda one: one.at):
        by_person[effect.person].append(effect.at)
    interval, burst = PACE.interval.total_seconds(), PACE.credit / PACE.interval + 1
    for person, times in by_person.items():
        for i, first in enumerate(times):
            for j in range(i, len(times)):
                # A second for the way to Meta, which may be longer for one message than for the next.
                if j - i + 1 > burst + (times[j] - first + 1) / interval:
                    found += [f"{j - i + 1} to {person} within {times[j] - first:.1f} s"]
    return found
