"""How many whole pictures are in memory at a time, in all and of one workspace: there may be many, of 32 MB each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from picha.egress.places import Crowd

AT_ONCE, PER_WORKSPACE = 12, 6


class Hands:
    """Whoever takes a whole picture into memory holds a hand meanwhile; those who find none wait their turn.

    A picture that its host brings slowly takes a hand for as long: the hosts of one workspace must not take them all.
    """

    def __init__(self, *, at_once: int = AT_ONCE, per_workspace: int = PER_WORKSPACE) -> None:
        self._all, self._workspaces = Crowd(at_once), Crowd(per_workspace)

    @asynccontextmanager
    async def hold(self, workspace: UUID) -> AsyncIterator[None]:
        """Hold a hand for a picture of `workspace`."""
        async with self._workspaces.place(workspace), self._all.place(None):
            yield
