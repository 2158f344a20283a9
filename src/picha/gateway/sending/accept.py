"""Accept sends in batches: one read, pure decisions, one fsynced write, and only then the answer."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from picha.gateway.domain.admission import Admitted, Known, Opening, Refusal, Send, Sender, Thread, admit, survey
from picha.gateway.meta.times import Times
from picha.gateway.sending.backlog import Backlog
from picha.gateway.sending.budget import Budget
from picha.gateway.store import accepting, replays
from picha.gateway.store.group import GroupCommit
from picha.gateway.store.ledger.admit import NewSend
from picha.gateway.store.ledger.admit import admit as write
from picha.gateway.store.ledger.approach import approach
from picha.gateway.store.pool import Pool
from picha.gateway.store.replays import Taken
from picha.kit.clock import Clock
from picha.kit.ids import Ids

Write = Callable[[Pool, Sequence[NewSend]], Awaitable[Collection[UUID]]]

_STATUS = 202
REUSED = Refusal(
    "IDEMPOTENCY_KEY_REUSED",
    "This Idempotency-Key was used for another request; take a new key for each thing that you want done.",
    "Idempotency-Key",
)


class Receipt(msgspec.Struct, frozen=True):
    """An accepted send: the message, its thread, and the number it leaves from with Meta's id for that.

    `is_replay` tells that the message was accepted before, under the same idempotency key.
    """

    message_id: UUID
    conversation_id: UUID
    sender_id: UUID
    phone_number_id: str
    is_replay: bool = False


class Accept:
    """Takes commands to send. Enter `group` as a context: its group commit runs inside.

    `write` is the ledger's door; the benchmark measures the rest without it. A template opens the window for so long
    as `template_window` says, which Meta does not. With `falls_back` a send that names none of several numbers leaves
    from the default one.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        ids: Ids,
        times: Times,
        backlog: Backlog,
        *,
        write: Write = write,
        template_window: timedelta | None = None,
        falls_back: bool = False,
    ) -> None:
        self._pool, self._clock, self._ids, self._times, self._write = pool, clock, ids, times, write
        self._backlog, self._template_window, self._falls_back = backlog, template_window, falls_back
        self._budget = Budget(pool, clock, ids.uuid())
        # Held from planning sends that have caps until they are written and noted: else two plans spend the same.
        self.counting = asyncio.Lock()
        self.group: GroupCommit[Send, Receipt | Refusal] = GroupCommit(self._batch)

    async def send(self, command: Send) -> Receipt | Refusal:
        """Accept or refuse one send; an accepted one is durable when this returns.

        Raises:
            OverloadedError: too many wait for the database.
        """
        return await self.group.submit(command)

    async def before(self, command: Send) -> Receipt | Refusal | None:
        """Return what was answered to the command's idempotency key before, None if nothing was."""
        [answer] = await self._before([command])
        return answer

    async def look(self, command: Send) -> Admitted | Refusal:
        """Decide on a send as `send` would now, and keep nothing."""
        [decided] = await self._decide([command])
        return decided

    async def plan(self, commands: Sequence[Send]) -> list[NewSend | Refusal]:
        """Decide on sends as `send` would now, and return what is to be written of each."""
        decided, naming = await self._decide(commands), _Naming(self._ids)
        return [
            self._send(command, one, naming.receipt(one)) if isinstance(one, Admitted) else one
            for command, one in zip(commands, decided, strict=True)
        ]

    def note(self, sends: Sequence[NewSend]) -> None:
        """Take note of planned sends that were written."""
        self._budget.note([send.spent for send in sends if send.spent])

    async def survey(self, command: Send) -> Sender | Refusal:
        """Return the number from which a send would leave, unless it or the picture cannot be used."""
        [known] = await self._known([command])
        return survey(command, known)

    async def _batch(self, commands: Sequence[Send]) -> list[Receipt | Refusal]:
        answers = await self._before(commands)
        if None not in answers:
            return [one for one in answers if one]
        new = [command for command, answer in zip(commands, answers, strict=True) if answer is None]
        fresh = iter(await self._accepted(new))
        return [next(fresh) if answer is None else answer for answer in answers]

    async def _before(self, commands: Sequence[Send]) -> list[Receipt | Refusal | None]:
        """Return what was answered to each idempotency key before."""
        names = [(one.workspace_id, one.environment, one.once.key) if one.once else None for one in commands]
        found = await replays.find(self._pool, [name for name in names if name])
        answers: list[Receipt | Refusal | None] = []
        for command, name in zip(commands, names, strict=True):
            replay = found.get(name) if name else None
            if replay is None or command.once is None:
                answers.append(None)
            elif replay.fingerprint != command.once.fingerprint:
                answers.append(REUSED)
            else:
                receipt = msgspec.convert(replay.answer, Receipt)
                answers.append(msgspec.structs.replace(receipt, is_replay=True))
        return answers

    async def _accepted(self, commands: Sequence[Send]) -> list[Receipt | Refusal]:
        """Decide, and write what is lawful; where another request took the key meanwhile, return its answer."""
        decided, naming = await self._decide(commands), _Naming(self._ids)
        answers: list[Receipt | Refusal] = [
            naming.receipt(one) if isinstance(one, Admitted) else one for one in decided
        ]
        sends = [
            self._send(command, one, answer)
            for command, one, answer in zip(commands, decided, answers, strict=True)
            if isinstance(one, Admitted) and isinstance(answer, Receipt)
        ]
        late = await self._write(self._pool, sends) if sends else ()
        self._budget.note([send.spent for send in sends if send.spent and send.id not in late])
        for place, answer in enumerate(answers):
            if isinstance(answer, Receipt) and answer.message_id in late:
                [answers[place]] = await self._batch([commands[place]])
        return answers

    async def _decide(self, commands: Sequence[Send]) -> list[Admitted | Refusal]:
        found = await self._known(commands)
        moments = self._moments(commands, found)
        decided = [admit(command, known, moments) for command, known in zip(commands, found, strict=True)]
        full = await self._backlog.full({one.sender.id for one in decided if not isinstance(one, Refusal)})
        lawful = [one if isinstance(one, Refusal) else full.get(one.sender.id, one) for one in decided]
        return await self._approached(commands, await self._afforded(commands, lawful))

    async def _known(self, commands: Sequence[Send]) -> list[Known]:
        return await accepting.known(self._pool, commands, falls_back=self._falls_back)

    async def _afforded(
        self, commands: Sequence[Send], decided: Sequence[Admitted | Opening | Refusal]
    ) -> Sequence[Admitted | Opening | Refusal]:
        """Refuse what is past a cap of its key's or its workspace's; most have none."""
        caps = [() if isinstance(one, Refusal) else of.caps for of, one in zip(commands, decided, strict=True)]
        if not any(caps):
            return decided
        refused = await self._budget.refusals(caps)
        return [refusal or one for refusal, one in zip(refused, decided, strict=True)]

    async def _approached(
        self, commands: Sequence[Send], decided: Sequence[Admitted | Opening | Refusal]
    ) -> list[Admitted | Refusal]:
        """Make the threads in which templates are the first to be sent."""
        wanted: defaultdict[UUID, list[Opening]] = defaultdict(list)
        for command, one in zip(commands, decided, strict=True):
            if isinstance(one, Opening):
                wanted[command.workspace_id].append(one)
        threads: dict[tuple[UUID, str], Thread] = {}
        for workspace, openings in wanted.items():
            people = list(dict.fromkeys((one.sender, one.phone) for one in openings))
            threads |= await approach(self._pool, workspace, people, self._clock.now(), self._ids)
        return [one.into(threads[one.sender.id, one.phone]) if isinstance(one, Opening) else one for one in decided]

    def _moments(self, commands: Sequence[Send], found: Sequence[Known]) -> dict[UUID, datetime]:
        # Whose commands are of one workspace and environment share its senders.
        shared = {(one.workspace_id, one.environment): known for one, known in zip(commands, found, strict=True)}
        accounts = {sender.account_id for known in shared.values() for sender in known.senders}
        return {account: self._times.now(account) for account in accounts}

    def _send(self, command: Send, lawful: Admitted, receipt: Receipt) -> NewSend:
        return NewSend(
            id=receipt.message_id,
            workspace_id=command.workspace_id,
            conversation_id=receipt.conversation_id,
            sender_id=receipt.sender_id,
            contact_id=lawful.thread.contact_id,
            app_id=command.app_id,
            person_id=command.person_id,
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
            message_type=command.message_type,
            facts=_facts(command, lawful),
            template_id=lawful.filled.template_id if lawful.filled else None,
            window_until=self._opened_until(lawful),
            taken=_taken(command, receipt),
            batch_id=command.batch_id,
            spent=self._budget.spent(command.caps),
        )

    def _opened_until(self, lawful: Admitted) -> datetime | None:
        if lawful.filled is None or self._template_window is None:
            return None
        return self._times.now(lawful.sender.account_id) + self._template_window


class _Naming:
    """Names the messages that sends of a batch become, so that in a thread they are in the order in which they came.

    That order is the ids': each is above its thread's newest, as the clock that made that one may be ahead of ours.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._newest: dict[UUID, UUID] = {}

    def receipt(self, lawful: Admitted) -> Receipt:
        thread = lawful.thread
        message = self._newest[thread.id] = self._ids.uuid(after=self._newest.get(thread.id, thread.newest))
        return Receipt(message, thread.id, thread.sender_id, lawful.sender.phone_number_id)


def _facts(command: Send, lawful: Admitted) -> str | None:
    """Return what a text or a template says, as the store keeps it."""
    filled = lawful.filled
    if filled is not None:
        template = {
            "name": filled.name,
            "language": filled.language,
            "values": filled.values,
            "is_named": filled.is_named,
        }
        return msgspec.json.encode({"text": filled.text, "template": template}).decode()
    return msgspec.json.encode({"text": command.text}).decode() if command.text is not None else None


def _taken(command: Send, receipt: Receipt) -> Taken | None:
    if command.once is None:
        return None
    return Taken(command.workspace_id, command.environment, command.once, _STATUS, msgspec.to_builtins(receipt))
