"""`POST /<PHONE_NUMBER_ID>/messages`: judge a wish against the world, write the ledger's line, and only then answer."""

from sys import intern

from picha.cloudapi.limits import READ_MARK_LIFE
from picha.cloudapi.media import SuccessAnswer
from picha.cloudapi.messages import SendAnswer, SendContact, SentMessage, make_wamid
from picha.sandbox import magic, refusals, rules
from picha.sandbox.clock import from_stamp
from picha.sandbox.graph.calls import Answer, answer
from picha.sandbox.ground import Ground
from picha.sandbox.pace import Limits
from picha.sandbox.person import is_user_id
from picha.sandbox.records import MarkedRead, MediaStored, SendAccepted
from picha.sandbox.rules import Document, ReadMark, Wish
from picha.sandbox.switches import Switchboard

_WINDOW_CLOSED = (
    131047,
    "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
)
_NO_SUCH_MESSAGE = "Parameter 'message_id' is not the id of a message received within the last 30 days."
_UNDELIVERABLE = (131026, "Message undeliverable: nobody with this business-scoped user id ever wrote here.")
_NOT_ON_WHATSAPP = (131026, "The recipient has moved to another number and is not on WhatsApp with this one.")
_KEY_CHANGED = (137000, "The recipient's identity key hash does not match the one in the request.")
_MEDIA_UPLOAD_ERROR = 131053


class Messages:
    """Takes sends and read marks for the business's phone numbers."""

    def __init__(self, ground: Ground, limits: Limits, switchboard: Switchboard, *, has_window: bool) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._limits = limits
        self._switchboard = switchboard
        self._has_window = has_window

    async def take(self, phone_number_id: str, body: Document) -> Answer:
        """Return the answer to a body, durable before it is given.

        Raises:
            Refusal: a rule is broken, a rate is used up, the media or message named is not there, or
                the recipient is a number that refuses by magic.
        """
        number = self._world.accounts.number(phone_number_id)
        phone = "" if number is None else number.display_phone_number
        wish = rules.read(body, self._switchboard.current, phone)
        if isinstance(wish, ReadMark):
            return await self._mark(phone_number_id, wish)
        accepted = self._accept(phone_number_id, wish)
        await self._journal.append(accepted)
        has_status = wish.type == "template" or self._switchboard.current.message_status == "accepted"
        sent = SentMessage(
            id=accepted.wamid,
            group_id=accepted.group_id,
            message_status="accepted" if has_status else None,
        )
        return answer(SendAnswer(contacts=[self._contact(wish, accepted)], messages=[sent]), accepted.wamid)

    async def _mark(self, phone_number_id: str, mark: ReadMark) -> Answer:
        heard, now = self._world.heard.get(mark.message_id), self._clock.now()
        is_known = heard is not None and heard.phone_number_id == phone_number_id
        if heard is None or not is_known or now - from_stamp(heard.at) > READ_MARK_LIFE:
            if self._switchboard.current.unknown_message == "100":
                raise refusals.no_such_object(mark.message_id[:200], "post")
            raise refusals.of_code(131009, _NO_SUCH_MESSAGE)
        marked = MarkedRead(message_id=mark.message_id, at=now.timestamp(), typing=mark.typing)
        await self._journal.append(marked)
        return answer(SuccessAnswer(success=True))

    def _accept(self, phone_number_id: str, wish: Wish) -> SendAccepted:
        if not self._switchboard.current.is_registered:
            raise refusals.of_code(133010)
        number = self._world.accounts.number(phone_number_id)
        if number is not None and wish.to == number.display_phone_number:
            raise refusals.of_code(131021)
        trick = magic.code_of(wish.to or wish.recipient, magic.Moment.ANSWER)
        if trick is not None:
            raise refusals.of_code(trick)
        if wish.group_id is not None:
            self._check_group(phone_number_id, wish.group_id)
        media = None
        if wish.media_id is not None:
            media = self._world.live_media(wish.media_id, phone_number_id)
            if media is None:
                raise refusals.bad_attachment()
        to = wish.to or self._world.wa_id_of(wish.recipient or "")
        key = wish.group_id or to or wish.recipient or ""
        if (phone_number_id, key) in self._world.barred:
            raise refusals.of_code(130403)
        doom = self._doom(phone_number_id, wish, key, media)
        if doom is _WINDOW_CLOSED and self._switchboard.current.window_failure == "sync":
            raise refusals.of_code(*doom)
        code = self._limits.send(phone_number_id, key, self._clock.monotonic())
        if code is not None:
            raise refusals.of_code(code)
        return SendAccepted(
            wamid=make_wamid(key, outbound=True, token_hex=self._chance.of("sends").token_hex(9)),
            # One and the same string in all sends that name it: they stay as long as the world does.
            phone_number_id=intern(phone_number_id),
            type=intern(wish.type),
            at=self._clock.now().timestamp(),
            to=to and intern(to),
            recipient=wish.recipient,
            group_id=wish.group_id,
            sha256=None if media is None else media.digest,
            media_id=wish.media_id and intern(wish.media_id),
            link=wish.link,
            caption=wish.caption,
            text=wish.text,
            context_id=wish.context_id,
            biz_opaque_callback_data=wish.callback_data,
            identity_key_hash=wish.identity_key_hash,
            doom=doom,
        )

    def _check_group(self, phone_number_id: str, group_id: str) -> None:
        group = self._world.groups.get(group_id)
        if group is None or group.phone_number_id != phone_number_id:
            raise refusals.of_code(131041)
        if not group.participants:
            # The business is alone in it.
            raise refusals.of_code(131020)

    def _doom(self, phone_number_id: str, wish: Wish, key: str, media: MediaStored | None) -> tuple[int, str] | None:
        """Return the failure that is certain already; Meta tells of it by webhook, not in the answer.

        `key` is the number of the person written to, their user id without one, or the group's id.
        """
        trick = magic.doom_of(key)
        if trick is not None:
            return trick
        if key in self._world.moved:
            return _NOT_ON_WHATSAPP
        if self._has_window and wish.type != "template" and not self._world.conversations.is_open(phone_number_id, key):
            return _WINDOW_CLOSED
        if is_user_id(key) and key not in self._world.people:
            return _UNDELIVERABLE
        if wish.identity_key_hash not in (None, self._world.person(key).identity_key_hash):
            return _KEY_CHANGED
        flaw = None if media is None else media.flaw
        return None if flaw is None else (_MEDIA_UPLOAD_ERROR, flaw)

    def _contact(self, wish: Wish, accepted: SendAccepted) -> SendContact:
        if wish.group_id is not None:
            # Meta's page shows `input` alone; the most used Python client reads the id a second time.
            return SendContact(input=wish.group_id, wa_id=wish.group_id)
        if wish.to is not None:
            is_told = self._switchboard.current.user_id_with_phone == "present"
            user_id = self._world.person(wish.to).user_id if is_told else None
            return SendContact(input=wish.to_as_given or wish.to, wa_id=accepted.to, user_id=user_id)
        return SendContact(input=wish.recipient or "", user_id=wish.recipient)
