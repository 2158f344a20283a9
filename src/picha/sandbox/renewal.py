"""Another world without a restart: the first day again, or one that a state document tells of."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from picha.sandbox import first_day
from picha.sandbox.background import in_thread
from picha.sandbox.document import StateDocument
from picha.sandbox.ground import Ground
from picha.sandbox.people import People
from picha.sandbox.records import Renewed
from picha.sandbox.shelf import Shelf
from picha.sandbox.state import State


class Closing(Protocol):
    """Something that works in the background and can begin anew after it was closed."""

    async def close(self) -> None:
        """Stop everything and wait until it has stopped."""


class Work(NamedTuple):
    """What goes on in a world: who works, how rules made at run time end, and how the work is taken up."""

    working: tuple[Closing, ...]
    rules: tuple[Callable[[], object], ...]
    take_up: Callable[[], None]


class Renewal:
    """Puts a world in the place of another: one after the other, while nothing works."""

    def __init__(self, ground: Ground, shelf: Shelf, people: People, state: State, work: Work) -> None:
        self._ground = ground
        self._shelf = shelf
        self._people = people
        self._state = state
        self._work = work
        self._turn = asyncio.Lock()

    async def renew(self) -> None:
        """Let the first day begin again: seed, credentials and callbacks stay, and ids come as they came then."""
        await self._while_idle(self._begin_anew)

    async def replace(self, document: StateDocument) -> None:
        """Go on with the world that a document tells of, which is on disk when this returns; credentials stay.

        Raises:
            Unfit: the document contradicts itself; nothing has changed.
            OSError: the disk refused; nothing has changed.
        """
        world, _, chance, clock = self._ground
        told = await in_thread(document.world, clock.another(), world.seed or "")

        def become() -> None:
            world.become(told)
            chance.put(document.chance)

        await self._while_idle(lambda: self._state.put(document, become))

    async def _begin_anew(self) -> None:
        world, journal, chance, _ = self._ground
        await journal.append(Renewed())
        chance.put(world.chance())
        await first_day.begin(self._ground, self._shelf, self._people)

    async def _while_idle(self, deed: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            # What works writes to the journal: it must have ended before the line that ends its world.
            for work in self._work.working:
                await work.close()
            for end in self._work.rules:
                end()
            try:
                await deed()
            finally:
                self._work.take_up()
