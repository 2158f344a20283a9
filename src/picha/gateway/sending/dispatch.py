"""The send lane: one number's queue, handed to Meta message by message.

For each: the window read again, the picture's media id ready, the attempt committed, the socket opened, the outcome
settled. No transaction is open while the socket is, and nothing here sends twice: only a certain "not sent" or
"not processed" puts a message back into the queue, or a decision that is told in its timeline.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from picha.gateway.blobs import BlobMissing, BlobsUnreachable
from picha.gateway.domain import window
from picha.gateway.domain.admission import Sender
from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.lane import Due
from picha.gateway.domain.outcomes import (
    NAMES,
    STALE_MEDIA,
    Accepted,
    Ambiguous,
    Barred,
    NotSent,
    Outcome,
    Rejected,
    Scope,
    Throttled,
)
from picha.gateway.domain.pace import Pace
from picha.gateway.domain.rest import Landing
from picha.gateway.domain.retry import backoff
from picha.gateway.meta import tokens
from picha.gateway.meta.barring import bar
from picha.gateway.meta.classify import is_unknown_media
from picha.gateway.meta.compose import compose
from picha.gateway.meta.graph import GraphCallError
from picha.gateway.metrics import AGAIN, OUTCOMES
from picha.gateway.pictures.intake import BYTES_AWAY
from picha.gateway.sending.desk import Berths, Desk
from picha.gateway.store.group import NEVER_TAKEN, OverloadedError
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger.begin import Beginning
from picha.gateway.store.ledger.settle import Settlement
from picha.gateway.store.ledger.withdraw import EXPIRED
from picha.gateway.store.outbox import Outgoing
from picha.gateway.store.pool import MAY_PASS
from picha.gateway.store.tenants import Account
from picha.kit.logs import logger

# Threads of each priority that are looked at in one go.
_MOST = 128
# A message is not handed over in the window's last minute: Meta's clock decides, and it is not ours.
_WINDOW_MARGIN = timedelta(seconds=60)
_UPLOAD_TRIES = 8
# How often a message is given another media id when Meta does not know the one it was sent with.
_HEALED_MOST = 2
_PAUSE = 0.5
# Meta's rule for one person: try again after 4, 16, 64 and so on seconds.
_PAIR_BASE, _PAIR_MOST = 4, 4


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture as Meta is told of it: by its media id, or by the link that Meta is to fetch. A text has neither."""

    media_id: str | None = None
    link: str | None = None


@dataclass(slots=True)
class Dispatch:
    """The work of one number's send lane."""

    lease: Lease
    desk: Desk
    _sender: Sender = field(init=False)
    _pace: Pace = field(init=False)
    _berths: Berths = field(default_factory=Berths)

    async def opened(self) -> Pace:
        """Mark as unknown what an earlier owner left in flight; return the number's pace."""
        sender = await self.desk.book.sender(self.lease.key)
        if sender is None:
            raise LookupError("a lane's number is gone")
        self._sender, self._pace = sender, Pace(1)
        if orphans := await self.desk.book.orphan(self.lease):
            logger("sending").warning("sends whose outcome was lost are unknown now", count=orphans)
        await self._look_at_number()
        return self._pace

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the next message of each due conversation, unless the number is paused."""
        if not await self._look_at_number():
            return ()
        ready = await self.desk.book.due(self.lease.key, busy=busy, most=_MOST)
        return [Due(one.id, one.conversation_id, one, is_high=one.rank > 0) for one in ready]

    async def perform(self, piece: Due) -> Landing:
        """Hand one message to Meta and settle what became of it."""
        send: Outgoing = piece.load
        account = await self.desk.accounts.get(self._sender.account_id)
        if not await self._is_lawful(send, account):
            return Landing.MUTE
        picture = await self._picture(send, account)
        if isinstance(picture, Landing):
            return picture
        attempt = self.desk.ids.uuid()
        outcome = await self._attempt(send, account, picture, attempt)
        if outcome is None:
            # The lease is going, or the message was taken back, or the number paused: either shows in a moment.
            await asyncio.sleep(_PAUSE)
            return Landing.MUTE
        OUTCOMES.labels(NAMES[type(outcome)]).inc()
        if isinstance(outcome, Rejected | Barred | Ambiguous):
            name = NAMES[type(outcome)]
            logger("sending").info("a send was not accepted", id=str(send.id), outcome=name, code=outcome.code)
        settlement = Settlement(send.id, attempt, outcome, again_after=_again(send, outcome, self.desk.chance()))
        await _surely(partial(self.desk.settlements.submit, settlement))
        # What is known of the send is kept before anything else is done about it.
        if isinstance(outcome, Barred):
            await _surely(partial(bar, self.desk.book.pause, self._sender.id, outcome.code))
        if outcome is STALE_MEDIA and send.digest and picture.media_id:
            await _surely(partial(self.desk.uploads.forget, self._sender, send.digest, picture.media_id))
        if isinstance(outcome, Accepted) and outcome.wa_id and send.phone and outcome.wa_id != send.phone:
            # What they answer comes from there.
            await self.desk.book.learn(self._sender, send, outcome.wa_id, self.desk.times.now(account.id))
        return _landing(outcome)

    async def _look_at_number(self) -> bool:
        """Follow the number's pace, and tell whether it is sending."""
        speed = await self.desk.book.speed(self.lease.key)
        if speed is not None:
            self._pace.per_second = speed
        return speed is not None

    async def _is_lawful(self, send: Outgoing, account: Account) -> bool:
        now = self.desk.times.now(account.id)
        if send.expires_at is not None and now >= send.expires_at:
            code, title, detail = EXPIRED
            await self.desk.book.refuse(send.id, code=code, title=title, detail=detail)
            return False
        if (send.facts or {}).get("let_go"):
            detail = "What the message said is no longer kept here. Send it anew."
            await self.desk.book.refuse(send.id, code=EXPIRED[0], title="No longer kept", detail=detail)
            return False
        # Meta takes a template at any time.
        if send.message_type != "template" and not window.is_open(send.window_until, now, margin=_WINDOW_MARGIN):
            await self.desk.book.refuse(
                send.id,
                code="131047",
                title="Re-engagement message",
                detail="The 24-hour window closed before the message could be sent. Wait for the customer to write, or "
                "open the conversation with a template.",
            )
            return False
        return True

    async def _picture(self, send: Outgoing, account: Account) -> _Picture | Landing:
        """Return the picture as Meta knows it; when that failed the message was put off or failed.

        What is the number's trouble, or the network's, is said of the number and counts as no try of the message.
        """
        if send.file_id is None and (send.media_url is not None or send.message_type != "image"):
            return _Picture(link=send.media_url)
        why, again = Reason("The picture is no longer kept here. Upload it again."), False
        try:
            if send.digest is not None and send.mime_type is not None:
                if send.spoilt_media_id is not None:
                    AGAIN.labels("picture").inc(send.tries == 0)
                    await self.desk.uploads.forget(self._sender, send.digest, send.spoilt_media_id)
                media_id = await self.desk.uploads.media_id(account, self._sender, send.digest, send.mime_type)
                return _Picture(media_id=media_id)
        except BlobMissing:
            pass
        except BlobsUnreachable:
            await self.desk.book.wait(send.id, BYTES_AWAY, chance=self.desk.chance())
            return Landing.MUTE
        except GraphCallError as error:
            if error.bars:
                await bar(self.desk.book.pause, self._sender.id, error.code)
                await self.desk.book.tell(send.id, error.reason)
                return Landing.MUTE
            if error.is_throttled or error.is_away:
                logger("sending").info("a picture waits to be uploaded", id=str(send.id), why=error.detail)
                await self.desk.book.wait(send.id, error.reason, chance=self.desk.chance())
                return Landing.THROTTLED if error.is_throttled else Landing.TROUBLE
            why, again = error.reason, error.again
        logger("sending").info("a picture was not uploaded", id=str(send.id), code=why.code, why=why.detail)
        if again and send.tries + 1 < _UPLOAD_TRIES:
            await self.desk.book.later(send.id, backoff(send.tries + 1, chance=self.desk.chance()), why)
        else:
            code, detail = why.code or "131053", why.detail
            await self.desk.book.refuse(send.id, code=code, title="Media upload error", detail=detail)
        return Landing.MUTE

    async def _attempt(self, send: Outgoing, account: Account, picture: _Picture, attempt: UUID) -> Outcome | None:
        """Commit the attempt and make it; None when it may not be made."""
        async with self._berths.berth() as leave:
            try:
                may_send = await self.desk.beginnings.submit(Beginning(self.lease, send.id, attempt, picture.media_id))
            except Exception as error:  # noqa: BLE001 - whatever it was, the attempt must not stay open
                # The attempt may be committed although nobody said so; certain is that nothing was sent.
                what = type(error).__name__
                logger("sending").warning("an attempt was not recorded", id=str(send.id), error=what)
                return NotSent(f"The attempt could not be recorded ({what}), so it was not made.")
            if not may_send:
                return None
            try:
                outcome = await self._send(send, account, picture, attempt, leave)
            except Exception as error:  # noqa: BLE001 - a defect here must not leave the attempt open
                logger("sending").exception("a send failed unexpectedly", id=str(send.id))
                return Ambiguous(f"The worker failed in the middle of the send ({type(error).__name__}).")
        is_healed = is_unknown_media(outcome) and send.healed < _HEALED_MOST and send.digest and picture.media_id
        return STALE_MEDIA if is_healed else outcome

    async def _send(
        self, send: Outgoing, account: Account, picture: _Picture, attempt: UUID, leave: Callable[[], None]
    ) -> Outcome:
        if self.desk.stopping.is_set():
            return NotSent("The worker was stopping, so the request was not begun.")
        token = tokens.make(self.desk.token_keys()[0], attempt)
        message = compose(send, media_id=picture.media_id, link=picture.link, token=token)
        return await self.desk.graph.send(account, self._sender.phone_number_id, message, on_left=leave)


async def _surely(record: Callable[[], Awaitable[object]]) -> None:
    """Record what became of a send, however long the database is away or in disorder: it is all that is known of it.

    What it will never take is a defect, as is all that it does not say itself, and raised.
    """
    while True:
        try:
            await record()
        except NEVER_TAKEN:
            raise
        except (*MAY_PASS, OverloadedError) as error:
            logger("sending").warning("an outcome waits for the database", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(_PAUSE)
        else:
            return


def _again(send: Outgoing, outcome: Outcome, chance: float) -> timedelta:
    """Return when to try the message anew, or how long its pair is to rest."""
    if isinstance(outcome, Throttled) and outcome.scope is Scope.PAIR:
        return timedelta(seconds=float(_PAIR_BASE ** min(send.tries, _PAIR_MOST)))
    return backoff(send.tries + 1, chance=chance)


def _landing(outcome: Outcome) -> Landing:
    """Return what an outcome says of its number."""
    if outcome is STALE_MEDIA:
        return Landing.FINE
    match outcome:
        case Accepted() | Rejected() | Throttled(scope=Scope.PAIR):
            return Landing.FINE
        case Throttled(scope=Scope.NUMBER):
            return Landing.THROTTLED
        case Throttled() | NotSent() | Ambiguous():
            return Landing.TROUBLE
        case Barred():
            return Landing.MUTE
