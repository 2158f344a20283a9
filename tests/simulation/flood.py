"""A story of one number in trouble with far too much to send, and of quiet ones beside it that must not notice."""

import asyncio
from typing import Any
from uuid import UUID

from tests.simulation.virtual import VirtualLoop, run
from tests.simulation.world import CHANNEL, Story, World

WITHIN_S = 2.0
LASTS_S = 60.0
EACH = 5
FLOOD, SLOWLY = 120, 4
# What of the flood may still go before what is urgent: a second of it, and what was in flight or chosen already.
OVERTAKEN = 4 * SLOWLY


class Flood(World):
    """Tells it: the first number floods, and only its sends go wrong."""

    slots = 16

    def _count(self) -> int:
        return self.chance.randint(2, 7)

    async def tell(self) -> Story:
        """Run the story to its end."""
        flooding, *quiet = self.numbers
        self.model.per_second[flooding] = SLOWLY
        self.meta.spared = {str(number.int) for number in quiet}
        workers = [self._start() for _ in range(2)]
        for place in range(FLOOD):
            self._send(flooding, place)
        calling = [asyncio.create_task(self._calls(number)) for number in quiet]
        calling.append(asyncio.create_task(self._is_urgent(flooding)))
        for _ in range(int(LASTS_S)):
            await asyncio.sleep(1)
            self._resume()
        await asyncio.gather(*calling)
        await asyncio.sleep(5)
        await self._stop(workers)
        return self.story

    def _send(self, number: UUID, place: int, *, priority: int = 0) -> UUID:
        """Send somebody whom nobody else writes to a picture that is there."""
        message = self.ids.uuid()
        self.model.admit(message, UUID(int=1000 * number.int + place), number, priority=priority)
        for bell in self.bells:
            bell.ring(CHANNEL)
        return message

    async def _calls(self, number: UUID) -> None:
        for place in range(EACH):
            await asyncio.sleep(self.chance.uniform(0, LASTS_S / EACH))
            self._send(number, place)

    async def _is_urgent(self, number: UUID) -> None:
        for place in range(3):
            await asyncio.sleep(self.chance.uniform(1, 6))
            self._send(number, FLOOD + place, priority=1)


def flooded(seed: int, story: type[Flood] = Flood, **parts: Any) -> Story:
    """Return the story of a seed."""
    loop = VirtualLoop()

    async def tell() -> Story:
        return await story(loop, seed, **parts).tell()

    return run(loop, tell())


def unfair(story: Story) -> list[str]:
    """Return who had to wait for the flood; nobody when all is well."""
    flooding, *_ = story.model.lanes
    at = {story.model.attempts[one.attempt].message: one.at for one in reversed(story.meta.effects)}
    found = []
    for message in story.model.messages.values():
        if message.sender != flooding:
            waited = at.get(message.id, float("inf")) - message.admitted_at
            if waited > WITHIN_S:
                found.append(f"{message.id.int} of the quiet number {message.sender.int} waited {waited:.1f} s")
        elif message.priority:
            begun = message.begun_at if message.begun_at is not None else float("inf")
            before = sum(
                one.number == 1 and message.admitted_at < one.started_at < begun
                for one in story.model.attempts.values()
                if story.model.messages[one.message].sender == flooding
                and not story.model.messages[one.message].priority
            )
            if before > OVERTAKEN:
                found.append(f"{before} of the flood went before the urgent {message.id.int}")
    return found
