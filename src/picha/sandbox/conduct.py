"""What people do besides writing: read, get their messages, block the business, move to another number."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from picha.cloudapi.messages import make_wamid
from picha.sandbox.accounts import Number
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.mailbag import Letter, Mailbag
from picha.sandbox.courier import Courier
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.person import Nonsense, is_user_id, number_of, our_number, user_id_of
from picha.sandbox.records import NumberChanged, PersonBlocked, UserIdChanged


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
    """A person as the control API shows them; `wa_id` is null when they hide their number."""

    wa_id: str | None
    user_id: str
    name: str | None
    username: str | None
    identity_key_hash: str | None
    conversations: list[Conversation]


class Conduct:
    """Lets people act towards one number of the business, or towards all where none is named.

    They are named by number, with or without punctuation, or by user id. Anything else, and a number that is not the
    business's, raises `Nonsense`.
    """

    def __init__(self, ground: Ground, mailbag: Mailbag, courier: Courier, *, dialect: Dialect) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._mailbag = mailbag
        self._courier = courier
        self._dialect = dialect

    def look(self, who: str, phone_number_id: str | None = None) -> PersonTold:
        """Return what there is to tell of a person, made up on the spot if they never wrote."""
        person = self._world.person(self.key_of(who))
        return PersonTold(
            **msgspec.structs.asdict(person),
            conversations=[self._conversation(ours, person.key) for ours in self._ours(phone_number_id)],
        )

    def _conversation(self, ours: Number, key: str) -> Conversation:
        number, conversations = ours.phone_number_id, self._world.conversations
        return Conversation(
            phone_number_id=number,
            blocked=(number, key) in self._world.blocked,
            window_closes_at=conversations.window_closes_at(number, key),
            typing=conversations.is_typing(number, key),
            unread=conversations.unread(number, key),
        )

    async def deliver(self, who: str, phone_number_id: str | None = None) -> list[str]:
        """Let everything that was sent to a person arrive, and return the wamids of what did."""
        return await self._lift(who, phone_number_id, "delivered")

    async def read(self, who: str, phone_number_id: str | None = None, upto: str | None = None) -> list[str]:
        """Let a person read what was sent to them, and return the wamids of what was new.

        That is everything, or what has arrived as far as the message `upto`.

        Raises:
            Nonsense: `upto` is no message that was sent to them.
        """
        if upto is None:
            return await self._lift(who, phone_number_id, "read")
        key, send = self.key_of(who), self._world.sends.get(upto)
        place = ("", "") if send is None else (send.accepted.phone_number_id, key)
        said = self._world.conversations.said(*place)
        if upto not in said or phone_number_id not in (None, place[0]):
            raise Nonsense("upto is not a message that was sent to this person")
        return await self._courier.see(key, said[: said.index(upto) + 1])

    async def block(self, who: str, phone_number_id: str | None = None, *, is_blocked: bool) -> str:
        """Let a person block the business or take that back, and return their number, or user id without one.

        What is on its way to someone who blocks, and what is sent to them from then on, stays at `sent` for good.
        """
        key = self.key_of(who)
        changed = [
            PersonBlocked(wa_id=key, is_blocked=is_blocked, phone_number_id=ours.phone_number_id)
            for ours in self._ours(phone_number_id)
            if is_blocked != ((ours.phone_number_id, key) in self._world.blocked)
        ]
        if changed:
            await self._journal.append(*changed)
        return key

    async def change_number(self, number: str, new_number: str) -> list[str]:
        """Let a person move to another number and return the ids of the system messages that tell of it.

        There is one for each number of the business that they have written to. The old number then is not on WhatsApp,
        and the new one has yet to write before its window opens. What is unread, and whom they block, goes with them.

        Raises:
            Nonsense: the person never wrote, or somebody else has the new number.
        """
        wa_id, new = number_of(number, self._world.accounts), number_of(new_number, self._world.accounts)
        person = self._world.people.get(wa_id)
        if person is None:
            raise Nonsense("nobody has written from this number")
        if new in self._world.people:
            raise Nonsense("somebody has the new number already")
        news: list[tuple[NumberChanged, Letter]] = []
        for ours in self._known_to(wa_id):
            changed = NumberChanged(
                id=make_wamid(wa_id, outbound=False, token_hex=self._chance.of("people").token_hex(10)),
                phone_number_id=ours.phone_number_id,
                wa_id=wa_id,
                new_wa_id=new,
                user_id=user_id_of(new),
                previous_user_id=person.user_id,
                name=person.name,
                at=self._clock.now().timestamp(),
            )
            body = documents.number_changed(changed, ours, self._dialect)
            news.append((changed, Letter(ours, body, changed.id, "inbound", changed.at)))
        return await self._tell(news)

    async def change_user_id(
        self, who: str, new_user_id: str | None = None, phone_number_id: str | None = None
    ) -> list[str]:
        """Let a person get another business-scoped user id, drawn unless given; return the system messages' ids.

        There is one for each number of the business that they have written to, that of a number that is named first.
        Nobody is reached by the old id from then on. One without a number has yet to write before the window opens.

        Raises:
            Nonsense: the person never wrote, or somebody else has the new id.
        """
        key = self.key_of(who)
        person = self._world.people.get(key)
        if person is None:
            raise Nonsense("nobody has written from this number or with this user id")
        user_id = new_user_id or f"US.{self._chance.of('people').digits(17)}"
        if self._world.wa_id_of(user_id) is not None or user_id in self._world.people:
            raise Nonsense("somebody has the new user id already")
        news: list[tuple[UserIdChanged, Letter]] = []
        for ours in self._known_to(key, phone_number_id):
            changed = UserIdChanged(
                id=make_wamid(person.key, outbound=False, token_hex=self._chance.of("people").token_hex(10)),
                phone_number_id=ours.phone_number_id,
                wa_id=person.wa_id,
                user_id=user_id,
                previous_user_id=person.user_id,
                name=person.name,
                at=self._clock.now().timestamp(),
            )
            body = documents.user_id_changed(changed, ours)
            news.append((changed, Letter(ours, body, changed.id, "inbound", changed.at)))
        return await self._tell(news)

    async def _tell(self, news: Sequence[tuple[NumberChanged | UserIdChanged, Letter]]) -> list[str]:
        await self._mailbag.tell([changed for changed, _ in news], *(letter for _, letter in news))
        return [changed.id for changed, _ in news]

    async def _lift(self, who: str, phone_number_id: str | None, upto: Literal["delivered", "read"]) -> list[str]:
        numbers = [ours.phone_number_id for ours in self._ours(phone_number_id)]
        return await self._courier.lift(self.key_of(who), numbers, upto)

    def _ours(self, phone_number_id: str | None) -> Sequence[Number]:
        """Return the numbers of the business that are meant: the one that is named, or all."""
        accounts = self._world.accounts
        return accounts.numbers if phone_number_id is None else [our_number(phone_number_id, accounts)]

    def _known_to(self, key: str, phone_number_id: str | None = None) -> list[Number]:
        """Return the numbers that a person has written to, the one that is named first; the first if there is none."""
        accounts = self._world.accounts
        named = [] if phone_number_id is None else [phone_number_id]
        # A number that was written to may be gone since.
        met = [accounts.number(one) for one in dict.fromkeys([*named, *self._world.conversations.numbers_of(key)])]
        return [one for one in met if one is not None] or [accounts.first]

    def key_of(self, who: str) -> str:
        """Return what a person is known by: the number, or the user id without one."""
        return self._world.key_of(None, who) if is_user_id(who) else number_of(who, self._world.accounts)
