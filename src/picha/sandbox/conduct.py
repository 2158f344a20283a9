"""What people do besides writing: read, get their messages, block the business, move to another number."""

from datetime import datetime
from typing import Literal

import msgspec

from picha.cloudapi.messages import make_wamid
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.courier import Courier
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.people import Nonsense, number_of, our_number
from picha.sandbox.person import user_id_of
from picha.sandbox.records import NumberChanged, PersonBlocked, WebhookQueued


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What there is between a person and one number: until when it may write, and what the person sees of it.

    `unread` holds the ids of the person's messages that the number has not marked as read.
    """

    phone_number_id: str
    blocked: bool
    window_closes_at: datetime | None
    typing: bool
    unread: list[str]


class PersonTold(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the control API shows them."""

    wa_id: str
    user_id: str
    name: str | None
    identity_key_hash: str | None
    conversations: list[Conversation]


class Conduct:
    """Lets people act towards one number of the business, or towards all where none is named.

    A person's number is taken with or without punctuation. One that is none, and a number that is not the business's,
    raise `Nonsense`.
    """

    def __init__(self, ground: Ground, mailbag: Mailbag, courier: Courier, *, dialect: Dialect) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._mailbag = mailbag
        self._courier = courier
        self._dialect = dialect

    def look(self, number: str, phone_number_id: str | None = None) -> PersonTold:
        """Return what there is to tell of a person, made up on the spot if nobody has written from this number."""
        person = self._world.person(number_of(number, self._world.accounts))
        return PersonTold(
            **msgspec.structs.asdict(person),
            conversations=[self._conversation(ours, person.wa_id) for ours in self._ours(phone_number_id)],
        )

    def _conversation(self, phone_number_id: str, wa_id: str) -> Conversation:
        return Conversation(
            phone_number_id=phone_number_id,
            blocked=(phone_number_id, wa_id) in self._world.blocked,
            window_closes_at=self._world.window_closes_at(phone_number_id, wa_id),
            typing=self._world.is_typing(phone_number_id, wa_id),
            unread=self._world.unread(phone_number_id, wa_id),
        )

    async def deliver(self, number: str, phone_number_id: str | None = None) -> list[str]:
        """Let everything that was sent to a person arrive, and return the wamids of what did."""
        return await self._lift(number, phone_number_id, "delivered")

    async def read(self, number: str, phone_number_id: str | None = None) -> list[str]:
        """Let a person read everything that was sent to them, and return the wamids of what was new."""
        return await self._lift(number, phone_number_id, "read")

    async def block(self, number: str, phone_number_id: str | None = None, *, is_blocked: bool) -> str:
        """Let a person block the business or take that back, and return their number.

        What is on its way to someone who blocks, and what is sent to them from then on, stays at `sent` for good.
        """
        wa_id = number_of(number, self._world.accounts)
        changed = [
            PersonBlocked(wa_id=wa_id, is_blocked=is_blocked, phone_number_id=ours)
            for ours in self._ours(phone_number_id)
            if is_blocked != ((ours, wa_id) in self._world.blocked)
        ]
        if changed:
            await self._journal.append(*changed)
        return wa_id

    async def change_number(self, number: str, new_number: str) -> list[str]:
        """Let a person move to another number and return the ids of the system messages that tell of it.

        There is one for each number of the business that they have written to. The old number then is not on WhatsApp,
        and the new one has yet to write before its window opens.

        Raises:
            Nonsense: the person never wrote, or somebody else has the new number.
        """
        wa_id, new = number_of(number, self._world.accounts), number_of(new_number, self._world.accounts)
        person = self._world.people.get(wa_id)
        if person is None:
            raise Nonsense("nobody has written from this number")
        if new in self._world.people:
            raise Nonsense("somebody has the new number already")
        at = self._clock.now().timestamp()
        changes = [
            NumberChanged(
                id=make_wamid(wa_id, outbound=False, token_hex=self._chance.of("people").token_hex(10)),
                phone_number_id=ours,
                wa_id=wa_id,
                new_wa_id=new,
                user_id=user_id_of(new),
                previous_user_id=person.user_id,
                name=person.name,
                at=at,
            )
            for ours in self._world.numbers_of(wa_id) or [self._world.accounts.first.phone_number_id]
        ]
        owed = [queued for changed in changes if (queued := self._queued(changed)) is not None]
        await self._journal.append(*changes, *owed)
        for queued in owed:
            self._mailbag.post(queued)
        return [changed.id for changed in changes]

    async def _lift(self, number: str, phone_number_id: str | None, upto: Literal["delivered", "read"]) -> list[str]:
        return await self._courier.lift(number_of(number, self._world.accounts), self._ours(phone_number_id), upto)

    def _ours(self, phone_number_id: str | None) -> list[str]:
        """Return the ids of the business's numbers that are meant: the one that is named, or all."""
        if phone_number_id is not None:
            return [our_number(phone_number_id, self._world.accounts).phone_number_id]
        return [number.phone_number_id for number in self._world.accounts.numbers]

    def _queued(self, changed: NumberChanged) -> WebhookQueued | None:
        callback = self._world.callback(changed.phone_number_id)
        if callback is None:
            return None
        return WebhookQueued(
            id=self._chance.digits(16),
            url=callback.url,
            body=documents.number_changed(changed, callback.number, self._dialect).decode("ascii"),
            at=changed.at,
            about=changed.id,
            kind="inbound",
            phone_number_id=changed.phone_number_id,
        )
