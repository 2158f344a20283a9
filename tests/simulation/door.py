"""A worker's way to the ledger: slow, sometimes broken, and shut for ever when the worker is dead."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from tests.simulation.model import Model, Ready
from tests.simulation.virtual import EPOCH

from picha.gateway.domain.admission import Sender
from picha.gateway.domain.decisions import Reason
from picha.gateway.store.lanes import SEND, Lease
from picha.gateway.store.ledger.begin import Beginning
from picha.gateway.store.ledger.settle import Settlement
from picha.gateway.store.numbers import PausedFor
from picha.gateway.store.outbox import Outgoing

R = TypeVar("R")

BROKEN = ConnectionResetError("the database is not reached")


class Door:
    """Stands in for `Sendbook` and `Leases` of one worker.

    While it is slow, a call may take longer than a lease. While it is broken, a call fails before its deed, after it,
    or long before it, when the commit lies in a connection that broke.
    """

    kind = SEND

    def __init__(self, model: Model, chance: Random) -> None:
        self.model, self.chance = model, chance
        self.is_broken = self.is_slow = self.is_dead = False
        self._never: list[asyncio.Future[None]] = []

    async def _ask(self, deed: Callable[..., R], *arguments: Any, **named: Any) -> R:
        is_held_up = self.is_slow and self.chance.random() < 0.5
        await asyncio.sleep(self.chance.uniform(0.0005, 40 if is_held_up else 0.01))
        await self.alive()
        if not self.is_broken:
            return deed(*arguments, **named)
        match self.chance.randrange(3):
            case 0:
                pass
            case 1:
                deed(*arguments, **named)
            case _:
                asyncio.get_running_loop().call_later(self.chance.uniform(0.1, 4), _late, deed, arguments, named)
        raise BROKEN

    async def alive(self) -> None:
        """Return at once, but in a worker that is dead never."""
        if self.is_dead:
            self._never.append(asyncio.get_running_loop().create_future())
            await self._never[-1]

    async def take(self, most: int) -> list[Lease]:
        return await self._ask(self.model.take, most)

    async def is_wanted(self) -> bool:
        return await self._ask(self.model.is_wanted)

    async def renew(self, leases: Sequence[Lease]) -> set[Lease]:
        return await self._ask(self.model.renew, leases)

    async def release(self, lease: Lease) -> None:
        await self._ask(self.model.release, lease)

    async def share(self) -> int:
        return 1000

    async def weights(self) -> dict[UUID, int]:
        return {}

    async def leave(self) -> None:
        """Nobody counts who is there."""

    async def sender(self, sender: UUID) -> Sender | None:
        return await self._ask(self.model.senders.get, sender)

    async def speed(self, sender: UUID) -> float | None:
        return await self._ask(self.model.speed, sender)

    async def pause(self, sender: UUID, why: PausedFor) -> bool:
        return await self._ask(self.model.pause, sender, why)

    async def orphan(self, lease: Lease) -> int:
        return await self._ask(self.model.orphan, lease)

    async def due(self, sender: UUID, *, busy: Iterable[UUID], most: int) -> list[Outgoing]:
        return [_outgoing(one) for one in await self._ask(self.model.due, sender, list(busy), most)]

    async def refuse(self, message: UUID, *, code: str, title: str, detail: str) -> None:  # noqa: ARG002
        await self._ask(self.model.refuse, message, code)

    async def later(self, message: UUID, after: timedelta, why: Reason) -> None:  # noqa: ARG002
        await self._ask(self.model.later, message, after.total_seconds())

    async def begin(self, beginnings: Sequence[Beginning]) -> list[bool]:
        return await self._ask(self.model.begin, beginnings)

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return await self._ask(self.model.settle, settlements)


def _late(deed: Callable[..., object], arguments: Sequence[Any], named: dict[str, Any]) -> None:
    """Carry out what nobody waits for any more, unless it fails as it would in the database."""
    try:
        deed(*arguments, **named)
    except OSError:
        return


def _outgoing(one: Ready) -> Outgoing:
    return Outgoing(
        id=one.id,
        workspace_id=UUID(int=1),
        conversation_id=one.thread,
        tries=one.tries,
        phone=str(one.thread.int),
        user_id=None,
        file_id=UUID(int=2),
        digest=b"d" * 32,
        mime_type="image/jpeg",
        media_url=None,
        caption=None,
        reply_to=None,
        recipient_identity_key_hash=None,
        expires_at=None,
        window_until=EPOCH.replace(year=EPOCH.year + 1),
        spoilt_media_id=one.spoilt,
        rank=one.rank,
    )
