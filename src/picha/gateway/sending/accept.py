"""Accept sends in batches: one read, pure decisions, one fsynced write, and only then the answer."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.admission import Admitted, Known, Refusal, Sender, SendImage, admit
from picha.gateway.meta.times import Times
from picha.gateway.sending.backlog import Backlog
from picha.gateway.store import accepting
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.ledger.admit import NewSend
from picha.gateway.store.ledger.admit import admit as write
from picha.gateway.store.pool import Pool
from picha.kit.clock import Clock
from picha.kit.ids import Ids

Write = Callable[[Pool, Sequence[NewSend]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A send that is in the outbox, and the number it leaves from."""

    send: NewSend
    sender: Sender


class Accept:
    """Takes commands to send. Enter `group` as a context: its group commit runs inside.

    `write` is the ledger's door; the benchmark measures the rest without it.
    """

    def __init__(
        self, pool: Pool, clock: Clock, ids: Ids, times: Times, backlog: Backlog, *, write: Write = write
    ) -> None:
        self._pool, self._clock, self._ids, self._times, self._write = pool, clock, ids, times, write
        self._backlog = backlog
        self.group: GroupCommit[SendImage, Accepted | Refusal] = GroupCommit(self._batch)

    async def image(self, command: SendImage) -> Accepted | Refusal:
        """Accept or refuse one send; an accepted one is durable when this returns.

        Raises:
            OverloadedError: too many wait for the database.
        """
        return await self.group.submit(command)

    async def look(self, command: SendImage) -> Admitted | Refusal:
        """Decide on a send as `image` would now, and keep nothing."""
        [decided] = await self._decide([command])
        return decided

    async def _batch(self, commands: Sequence[SendImage]) -> list[Accepted | Refusal]:
        decided = await self._decide(commands)
        answers = [
            self._accepted(command, one) if isinstance(one, Admitted) else one
            for command, one in zip(commands, decided, strict=True)
        ]
        sends = [one.send for one in answers if isinstance(one, Accepted)]
        if sends:
            await self._write(self._pool, sends)
        return answers

    async def _decide(self, commands: Sequence[SendImage]) -> list[Admitted | Refusal]:
        found = await accepting.known(self._pool, commands)
        decided = [admit(command, known, self._moments(known)) for command, known in zip(commands, found, strict=True)]
        full = await self._backlog.full({one.sender.id for one in decided if isinstance(one, Admitted)})
        return [full.get(one.sender.id, one) if isinstance(one, Admitted) else one for one in decided]

    def _moments(self, known: Known) -> dict[UUID, datetime]:
        return {sender.account_id: self._times.now(sender.account_id) for sender in known.senders}

    def _accepted(self, command: SendImage, lawful: Admitted) -> Accepted:
        thread = lawful.thread
        send = NewSend(
            id=self._ids.uuid(),
            workspace_id=command.workspace_id,
            conversation_id=thread.id,
            sender_id=thread.sender_id,
            contact_id=thread.contact_id,
            app_id=command.app_id,
            caption=command.caption,
            media_url=command.media_url,
            file_id=command.file_id,
            is_link=command.is_link,
            image_policy=command.image_policy or lawful.sender.image_policy,
            reply_to=lawful.replied_to,
            client_reference=command.client_reference,
            recipient_identity_key_hash=command.recipient_identity_key_hash,
            expires_at=command.expires_at,
            created_at=self._clock.now(),
            priority=int(command.is_high),
            on_unknown=command.on_unknown,
        )
        return Accepted(send, lawful.sender)
