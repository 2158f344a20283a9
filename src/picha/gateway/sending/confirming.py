"""What is done every few seconds about sends of which nobody knows what became."""

from picha.gateway.metrics import AGAIN, DUPLICATES, GIVEN_UP
from picha.gateway.store.ledger import decide, witness
from picha.gateway.store.pool import Pool

# Pieces of parked evidence that are looked at in one round.
_PARKED = 500


class Confirming:
    """Binds evidence that lies about, sends again what is absent, gives up what stayed unknown for too long."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parked_upto = ""

    async def once(self) -> None:
        """Do one round; any worker may, at any time, and several at once."""
        self._parked_upto, doubled = await witness.bind_parked(self._pool, after=self._parked_upto, most=_PARKED)
        DUPLICATES.inc(doubled)
        AGAIN.labels("policy").inc(await decide.resend(self._pool))
        GIVEN_UP.inc(await decide.give_up(self._pool))
