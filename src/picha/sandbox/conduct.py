"""What people do besides writing: read, get their messages, block the business, move to another number."""

from picha.cloudapi.messages import make_wamid
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.courier import Courier
from picha.sandbox.credentials import PHONE_NUMBER_ID
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.person import Nonsense, is_user_id, number_of, user_id_of
from picha.sandbox.records import NumberChanged, PersonBlocked, UserIdChanged


class Conduct:
    """Lets people act.

    They are named by number, with or without punctuation, or by user id; anything else raises `Nonsense`.
    """

    def __init__(self, ground: Ground, mailbag: Mailbag, courier: Courier, *, dialect: Dialect) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._mailbag = mailbag
        self._courier = courier
        self._dialect = dialect

    async def deliver(self, who: str) -> list[str]:
        """Let everything that was sent to a person arrive, and return the wamids of what did."""
        return await self._courier.lift(self._key(who), "delivered")

    async def read(self, who: str) -> list[str]:
        """Let a person read everything that was sent to them, and return the wamids of what was new."""
        return await self._courier.lift(self._key(who), "read")

    async def block(self, who: str, *, is_blocked: bool) -> str:
        """Let a person block the business or take that back, and return their number, or user id without one.

        What is on its way to someone who blocks, and what is sent to them from then on, stays at `sent` for good.
        """
        key = self._key(who)
        if is_blocked != (key in self._world.blocked):
            await self._journal.append(PersonBlocked(wa_id=key, is_blocked=is_blocked))
        return key

    async def change_number(self, number: str, new_number: str) -> str:
        """Let a person move to another number and return the id of the system message that tells of it.

        The old number then is not on WhatsApp, and the new one has yet to write before its window opens.

        Raises:
            Nonsense: the person never wrote, or somebody else has the new number.
        """
        wa_id, new = number_of(number), number_of(new_number)
        person = self._world.people.get(wa_id)
        if person is None:
            raise Nonsense("nobody has written from this number")
        if new in self._world.people:
            raise Nonsense("somebody has the new number already")
        changed = NumberChanged(
            id=make_wamid(wa_id, outbound=False, token_hex=self._chance.token_hex(10)),
            phone_number_id=PHONE_NUMBER_ID,
            wa_id=wa_id,
            new_wa_id=new,
            user_id=user_id_of(new),
            previous_user_id=person.user_id,
            name=person.name,
            at=self._clock.now().timestamp(),
        )
        body = documents.number_changed(changed, self._dialect)
        await self._mailbag.tell(changed, body=body, about=changed.id, kind="inbound", at=changed.at)
        return changed.id

    async def change_user_id(self, who: str, new_user_id: str | None = None) -> str:
        """Let a person get another business-scoped user id, drawn unless given; return the system message's id.

        Nobody is reached by the old id from then on. One without a number has yet to write before the window opens.

        Raises:
            Nonsense: the person never wrote, or somebody else has the new id.
        """
        person = self._world.people.get(self._key(who))
        if person is None:
            raise Nonsense("nobody has written from this number or with this user id")
        user_id = new_user_id or f"US.{self._chance.digits(17)}"
        if self._world.wa_id_of(user_id) is not None or user_id in self._world.people:
            raise Nonsense("somebody has the new user id already")
        changed = UserIdChanged(
            id=make_wamid(person.key, outbound=False, token_hex=self._chance.token_hex(10)),
            phone_number_id=PHONE_NUMBER_ID,
            wa_id=person.wa_id,
            user_id=user_id,
            previous_user_id=person.user_id,
            name=person.name,
            at=self._clock.now().timestamp(),
        )
        body = documents.user_id_changed(changed)
        await self._mailbag.tell(changed, body=body, about=changed.id, kind="inbound", at=changed.at)
        return changed.id

    def _key(self, who: str) -> str:
        return self._world.key_of(None, who) if is_user_id(who) else number_of(who)
