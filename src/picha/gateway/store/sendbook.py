"""All that the send lanes ask of the store, in one place: what the simulation replaces by a model."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from picha.gateway.domain.admission import Sender
from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.outcomes import HOLD
from picha.gateway.domain.pace import PairPace
from picha.gateway.domain.people import Met
from picha.gateway.store import numbers, outbox, tenants
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import decide, equip, turns
from picha.gateway.store.ledger.acquaint import acquaint
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement, settle
from picha.gateway.store.numbers import PausedFor
from picha.gateway.store.outbox import Outgoing
from picha.gateway.store.pool import Pool, in_transaction
from picha.kit.ids import Ids

# How seldom an upload is tried again at most while WhatsApp is away.
_LONGEST_WAIT = timedelta(minutes=1)


class Sendbook:
    """What waits to be sent, and what became of it. `pace` is that of every pair of a number and a person.

    `epoch` tells the database's epoch as this process knows it, `hold` how long a message holds up what follows it.
    """

    def __init__(self, pool: Pool, pace: PairPace, *, epoch: Callable[[], int], hold: timedelta = HOLD) -> None:
        self._pool, self._pace, self._epoch, self._hold = pool, pace, epoch, hold

    async def sender(self, sender: UUID) -> Sender | None:
        """Return one sender."""
        return await tenants.sender(self._pool, sender)

    async def speed(self, sender: UUID) -> float | None:
        """Return how many messages a second a number sends, None while it is paused; raises `LookupError` for none."""
        return await numbers.speed(self._pool, sender)

    async def pause(self, sender: UUID, why: PausedFor) -> bool:
        """Pause a number; tell whether it was sending."""
        return await numbers.pause(self._pool, sender, why)

    async def orphan(self, lease: Lease) -> int:
        """Mark what an earlier owner of the lane left in flight as unknown; return how many messages."""
        return await decide.orphan(self._pool, lease, self._pace)

    async def due(self, sender: UUID, *, busy: Iterable[UUID], most: int) -> list[Outgoing]:
        """Return the next message of each due thread; threads in which nothing may go yet rest from here on."""
        ready, idle = await outbox.sends(self._pool, sender, busy=busy, most=most)
        if idle:
            await turns.rest(self._pool, sender, idle, self._pace)
        return ready

    async def refuse(self, message: UUID, *, code: str, title: str, detail: str) -> None:
        """Fail a message that has not been handed to Meta."""
        await decide.refuse(self._pool, message, code=code, title=title, detail=detail)

    async def later(self, message: UUID, after: timedelta, why: Reason) -> None:
        """Put a message off whose picture could not be uploaded."""
        await equip.later(self._pool, message, after, why, hold=self._hold)

    async def wait(self, message: UUID, why: Reason, *, chance: float) -> None:
        """Put a message off whose picture could not be uploaded for now, which is no try of it."""
        await equip.wait(self._pool, message, why, longest=_LONGEST_WAIT, chance=chance, hold=self._hold)

    async def tell(self, message: UUID, why: Reason) -> None:
        """Tell why a message waits whose number is paused, because its picture could not be uploaded."""
        await equip.tell(self._pool, message, why)

    async def begin(self, beginnings: Sequence[Beginning]) -> list[bool]:
        """Commit attempts; tell which ones may be made."""
        return await begin(self._pool, beginnings, epoch=self._epoch(), hold=self._hold)

    async def learn(self, sender: Sender, send: Outgoing, wa_id: str, at: datetime) -> None:
        """Note that Meta knows a send's recipient as `wa_id`: sends to either number find one thread from then on.

        Whoever wrote from there before is the same person.
        """
        phone = send.phone or ""
        addresses = {"wa_id": wa_id, "phone": phone}
        met = Met(send.workspace_id, sender.account_id, at, addresses, former={"wa_id": phone})
        await in_transaction(self._pool, lambda connection: acquaint(connection, [met], Ids()))

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record outcomes; tell of which messages it turned out that Meta took them twice."""
        return await settle(self._pool, settlements, self._pace)
