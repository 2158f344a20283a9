"""The batch lane: a workspace's batches, brought to the outbox a chunk of recipients at a time.

The picture is brought in first, once for all. Each recipient is decided on as a single send is. Nothing that dies on
the way loses one or takes one twice: where a batch is lies in the row that is moved on with its messages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from picha.gateway.domain.admission import Refusal, Send
from picha.gateway.domain.lane import Due
from picha.gateway.domain.outcomes import HOLD
from picha.gateway.domain.rest import Landing
from picha.gateway.domain.retry import backoff
from picha.gateway.metrics import ACCEPTED, PICTURES
from picha.gateway.pictures.bring import Bringer, BringError
from picha.gateway.pictures.prepare import TRIES
from picha.gateway.sending.accept import Accept
from picha.gateway.store import batches
from picha.gateway.store.batches import DueBatch, Waiting
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import enlist, withdraw
from picha.gateway.store.ledger.admit import NewSend
from picha.gateway.store.ledger.enlist import Enlisted
from picha.gateway.store.pool import Pool
from picha.images.workers import CrowdedError
from picha.kit.crashpoints import crashpoint
from picha.kit.ids import chance
from picha.kit.logs import logger

# Recipients that are accepted in one transaction: about as many as single sends are.
CHUNK = 200
_MOST = 16
# A number that is behind by hours is looked at again within this time.
_BACKLOG_WAIT_S = 60
# How long is waited for what is ours to mend, a crowded workshop or a blob store that is away.
_OURS = timedelta(seconds=5)
# What passes by itself: the batch waits for it, where a single send is refused.
_FULL, _CAPPED = "BACKLOG_FULL", "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class Batching:
    """The work of one workspace's batch lane."""

    lease: Lease
    pool: Pool
    accept: Accept
    bringer: Bringer
    hold: timedelta = field(default=HOLD)

    async def opened(self) -> None:
        """Nothing to clean up: what was not committed was not done."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the batches that are to go on, the one that waited longest first."""
        ready = await batches.due(self.pool, self.lease.key, busy=busy, most=_MOST)
        return [Due(one.id, one.id, one) for one in ready]

    async def perform(self, piece: Due) -> Landing:
        """Go one step on with a batch: bring its picture in, accept a chunk, or take back what was cancelled."""
        batch: DueBatch = piece.load
        if batch.is_cancelled:
            await end(self.pool, batch.id)
        elif batch.file_id is None:
            await self._bring(batch)
        elif batch.caps:
            async with self.accept.counting:
                await self._take_in(batch)
        else:
            await self._take_in(batch)
        return Landing.MUTE

    async def _bring(self, batch: DueBatch) -> None:
        try:
            file = await self.bringer.bring(
                batch.workspace_id, batch.media_url or "", environment=batch.environment, policy=batch.image_policy
            )
        except (CrowdedError, OSError) as error:
            logger("sending").warning("a batch's picture is put off", id=str(batch.id), error=type(error).__name__)
            await batches.later(self.pool, batch, _OURS, "The gateway is too busy to look at the picture.")
        except BringError as error:
            logger("sending").info("a batch's picture was not brought in", id=str(batch.id), code=error.code)
            if error.again and batch.tries + 1 < TRIES:
                wait = backoff(batch.tries + 1, chance=chance())
                await batches.later(
                    self.pool, batch, wait, f"The picture is asked for again. {error.detail}", is_try=True
                )
            else:
                PICTURES.labels("url", "refused").inc()
                detail = f"The picture at media_url could not be used. {error.detail}"
                await enlist.refuse_rest(self.pool, batch, code=error.code, detail=detail, field="media_url")
        else:
            PICTURES.labels("url", "stored").inc()
            await batches.brought(self.pool, batch.id, file.id)
            crashpoint("batch_picture_after_commit")

    async def _take_in(self, batch: DueBatch) -> None:
        """Accept the next recipients, up to the first for whom there is no room: at its number, or under a cap."""
        chunk = await batches.following(self.pool, batch, most=CHUNK)
        open_ones = [one for one in chunk if not one.is_refused]
        planned = await self.accept.plan([_command(batch, one) for one in open_ones]) if open_ones else []
        full = next((one for one in planned if isinstance(one, Refusal) and one.code in {_FULL, _CAPPED}), None)
        if full is not None:
            place = planned.index(full)
            upto = open_ones[place].place
            open_ones, planned = open_ones[:place], planned[:place]
            if upto == batch.upto:
                await self._wait(batch, full)
                return
        else:
            upto = chunk[-1].place + 1 if chunk else batch.total
        decided = [_enlisted(one, plan) for one, plan in zip(open_ones, planned, strict=True)]
        if await enlist.enlist(self.pool, batch, decided, upto=upto, hold=self.hold):
            sends = [one.send for one in decided if one.send]
            self.accept.note(sends)
            ACCEPTED.inc(len(sends))

    async def _wait(self, batch: DueBatch, full: Refusal) -> None:
        wait_s = min(full.retry_after_s or 1, _BACKLOG_WAIT_S)
        why = "More waits for the number than it can send in time; the batch goes on when it can."
        if full.code == _CAPPED:
            why = f"{full.message} The batch goes on then."
        await batches.later(self.pool, batch, timedelta(seconds=wait_s), why)


async def end(pool: Pool, batch: UUID) -> None:
    """Take back what of a cancelled batch has not left, and be done with it."""
    await withdraw.batch(pool, batch)
    await batches.close(pool, batch)


def _command(batch: DueBatch, one: Waiting) -> Send:
    return Send(
        workspace_id=batch.workspace_id,
        app_id=batch.app_id,
        environment=batch.environment,
        to=one.to,
        conversation_id=one.conversation_id,
        sender=batch.sender,
        sender_id=batch.sender_id,
        media_url=batch.media_url,
        file_id=batch.file_id,
        image_policy=batch.image_policy,
        caption=(batch.caption if one.caption is None else one.caption) or None,
        client_reference=one.client_reference,
        expires_at=batch.expires_at,
        is_high=batch.is_high,
        on_unknown=batch.on_unknown,
        batch_id=batch.id,
        caps=batch.caps,
    )


def _enlisted(one: Waiting, planned: NewSend | Refusal) -> Enlisted:
    if isinstance(planned, Refusal):
        return Enlisted(one.place, None, planned.code, planned.message, planned.field)
    return Enlisted(one.place, planned)
