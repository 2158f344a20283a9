"""The sandbox as on its first day again, without a restart."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from picha.sandbox import first_day
from picha.sandbox.ground import Ground
from picha.sandbox.people import People
from picha.sandbox.records import Renewed
from picha.sandbox.shelf import Shelf


class Closing(Protocol):
    """Something that works in the background and can begin anew after it was closed."""

    async def close(self) -> None:
        """Stop everything and wait until it has stopped."""


def renewal(
    ground: Ground,
    shelf: Shelf,
    people: People,
    *,
    working: tuple[Closing, ...],
    rules: tuple[Callable[[], object], ...],
) -> Callable[[], Awaitable[None]]:
    """Return what renews a sandbox: stops its work, takes its rules away and lets the first day begin again.

    Seed, credentials and callbacks stay, and ids come again as they came the first time.
    """

    async def renew() -> None:
        # What works writes to the journal: it must have ended before the line that ends its world.
        for work in working:
            await work.close()
        for end in rules:
            end()
        await ground.journal.append(Renewed())
        ground.chance.restart(ground.world.record_count)
        await first_day.begin(ground, shelf, people)

    return renew
