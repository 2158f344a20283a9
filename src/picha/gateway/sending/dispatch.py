"""The send lane: one number's queue, handed to Meta message by message.

For each: the window read again, the picture's media id ready, the attempt committed, the socket opened, the outcome
settled. No transaction is open while the socket is, and nothing here sends twice: only a certain "not sent" or
"not processed" puts a message back into the queue, or a decision that is told in its timeline.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from picha.gateway.blobs import BlobMissing
from picha.gateway.domain import window
from picha.gateway.domain.admission import Sender
from picha.gateway.domain.lane import Due
from picha.gateway.domain.outcomes import NAMES, Ambiguous, NotSent, Outcome, Throttled
from picha.gateway.domain.retry import backoff
from picha.gateway.meta import tokens
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.classify import is_unknown_media
from picha.gateway.meta.graph import Graph, GraphCallError, image
from picha.gateway.meta.times import Times
from picha.gateway.metrics import AGAIN, DUPLICATES, OUTCOMES
from picha.gateway.pictures.upload import Uploads
from picha.gateway.store import outbox, tenants
from picha.gateway.store.group import GroupCommit, OverloadedError
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import decide, equip
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement, settle
from picha.gateway.store.outbox import Outgoing
from picha.gateway.store.pool import UNREACHABLE, Pool
from picha.gateway.store.tenants import Account
from picha.kit.ids import Ids, chance
from picha.kit.logs import logger

_MOST = 256
# A message is not handed over in the window's last minute: Meta's clock decides, and it is not ours.
_WINDOW_MARGIN = timedelta(seconds=60)
_UPLOAD_TRIES = 8
# How often a message is given another media id when Meta does not know the one it was sent with.
_HEALED_TRIES = 2
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture as Meta is told of it: by its media id, or by the link that Meta is to fetch."""

    media_id: str | None = None
    link: str | None = None


class Desk:
    """What all send lanes of a process share. Enter `beginnings` and `settlements` as contexts."""

    def __init__(
        self,
        pool: Pool,
        *,
        graph: Graph,
        book: AccountBook,
        times: Times,
        uploads: Uploads,
        ids: Ids,
        token_key: bytes,
    ) -> None:
        self.pool, self.graph, self.book, self.times, self.uploads, self.ids = pool, graph, book, times, uploads, ids
        self.token_key = token_key
        self.stopping = asyncio.Event()

        async def commit(batch: Sequence[Beginning]) -> Sequence[bool]:
            return await begin(pool, batch)

        async def record(batch: Sequence[Settlement]) -> Sequence[bool]:
            doubled = await settle(pool, batch)
            DUPLICATES.inc(sum(doubled))
            return doubled

        self.beginnings: GroupCommit[Beginning, bool] = GroupCommit(commit, most=16)
        self.settlements: GroupCommit[Settlement, bool] = GroupCommit(record)


@dataclass(slots=True)
class Dispatch:
    """The work of one number's send lane."""

    lease: Lease
    desk: Desk
    _sender: Sender = field(init=False)

    async def opened(self) -> None:
        """Mark as unknown what an earlier owner left in flight."""
        sender = await tenants.sender(self.desk.pool, self.lease.key)
        if sender is None:
            raise LookupError("a lane's number is gone")
        self._sender = sender
        if orphans := await decide.orphan(self.desk.pool, self.lease):
            logger("sending").warning("sends whose outcome was lost are unknown now", count=orphans)

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the oldest due sends; a conversation is a thread, so its messages go one after the other."""
        sends = await outbox.sends(self.desk.pool, self.lease.key, busy=busy, most=_MOST)
        return [Due(one.id, one.conversation_id, one) for one in sends]

    async def perform(self, piece: Due) -> None:
        """Hand one message to Meta and settle what became of it."""
        send: Outgoing = piece.load
        account = await self.desk.book.get(self._sender.account_id)
        if not await self._is_lawful(send, account):
            return
        picture = await self._picture(send, account)
        if picture is None:
            return
        attempt = self.desk.ids.uuid()
        try:
            may_send = await self.desk.beginnings.submit(Beginning(self.lease, send.id, attempt, picture.media_id))
        except (*UNREACHABLE, OverloadedError) as error:
            # The attempt may be committed although nobody said so; certain is that nothing was sent.
            outcome: Outcome = NotSent(
                f"The attempt could not be recorded ({type(error).__name__}), so it was not made."
            )
        else:
            if not may_send:
                # The lease is going, or the message was taken back: either shows in a moment.
                await asyncio.sleep(_PAUSE)
                return
            outcome = await self._send_surely(send, account, picture, attempt)
            if is_unknown_media(outcome) and send.tries < _HEALED_TRIES and send.digest and picture.media_id:
                await self.desk.uploads.forget(self._sender, send.digest, picture.media_id)
                outcome = Throttled("100", "WhatsApp does not know the picture's media id any more; uploading it anew.")
        OUTCOMES.labels(NAMES[type(outcome)]).inc()
        await self._settle(Settlement(send.id, attempt, outcome, again_after=backoff(send.tries + 1, chance=chance())))

    async def _is_lawful(self, send: Outgoing, account: Account) -> bool:
        now = self.desk.times.now(account.id)
        if send.expires_at is not None and now >= send.expires_at:
            await decide.refuse(
                self.desk.pool,
                send.id,
                code="EXPIRED",
                title="Expired",
                detail="The message's expires_at passed before it could be sent.",
            )
            return False
        if not window.is_open(send.window_until, now, margin=_WINDOW_MARGIN):
            await decide.refuse(
                self.desk.pool,
                send.id,
                code="131047",
                title="Re-engagement message",
                detail="The 24-hour window closed before the message could be sent. Wait for the customer to write, or "
                "open the conversation with a template.",
            )
            return False
        return True

    async def _picture(self, send: Outgoing, account: Account) -> _Picture | None:
        """Return the picture as Meta knows it; None when that failed, and the message was put off or failed."""
        if send.file_id is None:
            return _Picture(link=send.media_url)
        detail, code, again = "The picture is no longer kept here. Upload it again.", None, False
        try:
            if send.digest is not None and send.mime_type is not None:
                if send.spoilt_media_id is not None:
                    AGAIN.labels("picture").inc(send.tries == 0)
                    await self.desk.uploads.forget(self._sender, send.digest, send.spoilt_media_id)
                media_id = await self.desk.uploads.media_id(account, self._sender, send.digest, send.mime_type)
                return _Picture(media_id=media_id)
        except BlobMissing:
            pass
        except GraphCallError as error:
            detail, code, again = error.detail, error.code, error.again
        if again and send.tries + 1 < _UPLOAD_TRIES:
            await equip.later(self.desk.pool, send.id, backoff(send.tries + 1, chance=chance()))
        else:
            await decide.refuse(
                self.desk.pool, send.id, code=str(code or 131053), title="Media upload error", detail=detail
            )
        return None

    async def _send_surely(self, send: Outgoing, account: Account, picture: _Picture, attempt: UUID) -> Outcome:
        """Send, and call ambiguous whatever goes wrong in a way that was not foreseen: the attempt is committed."""
        try:
            return await self._send(send, account, picture, attempt)
        except Exception as error:  # noqa: BLE001 - a defect here must not leave the attempt open
            logger("sending").exception("a send failed unexpectedly", id=str(send.id))
            return Ambiguous(f"The worker failed in the middle of the send ({type(error).__name__}).")

    async def _send(self, send: Outgoing, account: Account, picture: _Picture, attempt: UUID) -> Outcome:
        if self.desk.stopping.is_set():
            return NotSent("The worker was stopping, so the request was not begun.")
        message = image(
            media_id=picture.media_id,
            link=picture.link,
            phone=send.phone,
            user_id=send.user_id,
            caption=send.caption,
            reply_to=send.reply_to,
            identity_key_hash=send.recipient_identity_key_hash,
            token=tokens.make(self.desk.token_key, attempt),
        )
        return await self.desk.graph.send(account, self._sender.phone_number_id, message)

    async def _settle(self, settlement: Settlement) -> None:
        """Record an outcome, however long the database is away: it is all that is known of the send."""
        while True:
            try:
                await self.desk.settlements.submit(settlement)
            except (*UNREACHABLE, OverloadedError) as error:
                logger("sending").warning("an outcome waits for the database", error=str(error))
                await asyncio.sleep(_PAUSE)
            else:
                return
