"""What people do besides writing: read, get their messages, block the business, move to another number."""

from picha.cloudapi.messages import make_wamid
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.courier import Courier
from picha.sandbox.credentials import PHONE_NUMBER_ID
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.people import Nonsense, number_of
from picha.sandbox.person import user_id_of
from picha.sandbox.records import NumberChanged, PersonBlocked, WebhookQueued


class Conduct:
    """Lets people act. A number is taken with or without punctuation; one that is none raises `Nonsense`."""

    def __init__(self, ground: Ground, mailbag: Mailbag, courier: Courier, *, dialect: Dialect) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._mailbag = mailbag
        self._courier = courier
        self._dialect = dialect

    async def deliver(self, number: str) -> list[str]:
        """Let everything that was sent to a person arrive, and return the wamids of what did."""
        return await self._courier.lift(number_of(number), "delivered")

    async def read(self, number: str) -> list[str]:
        """Let a person read everything that was sent to them, and return the wamids of what was new."""
        return await self._courier.lift(number_of(number), "read")

    async def block(self, number: str, *, is_blocked: bool) -> str:
        """Let a person block the business or take that back, and return their number.

        What is on its way to someone who blocks, and what is sent to them from then on, stays at `sent` for good.
        """
        wa_id = number_of(number)
        if is_blocked != (wa_id in self._world.blocked):
            await self._journal.append(PersonBlocked(wa_id=wa_id, is_blocked=is_blocked))
        return wa_id

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
        queued = self._queued(changed)
        await self._journal.append(changed, *([queued] if queued else []))
        if queued is not None:
            self._mailbag.post(queued)
        return changed.id

    def _queued(self, changed: NumberChanged) -> WebhookQueued | None:
        callback = self._world.callback()
        if callback is None:
            return None
        return WebhookQueued(
            id=self._chance.digits(16),
            url=callback.url,
            body=documents.number_changed(changed, self._dialect).decode("ascii"),
            at=changed.at,
            about=changed.id,
            kind="inbound",
        )
