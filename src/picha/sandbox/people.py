"""The people on the other side: what they write, and the webhook that tells the business of it."""

from datetime import timedelta

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.limits import EDIT_WITHIN, REVOKE_WITHIN
from picha.cloudapi.messages import make_wamid
from picha.sandbox.accounts import Number
from picha.sandbox.album import Album
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.mailbag import Letter, Mailbag
from picha.sandbox.clock import from_stamp
from picha.sandbox.conduct import Conduct
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.person import Nonsense, Person, number_of, our_number, user_id_of
from picha.sandbox.records import MediaStored, MessageHeard
from picha.sandbox.spoken import UNSUPPORTED_CODES, Spoken, check, opens_window, refers_to, wire_type
from picha.sandbox.switches import Switchboard

_WITH_PICTURE = frozenset({"image", "reply_buttons"})
_MEDIA_DOWNLOAD_ERROR = 131052
# How the pages word what happened to these messages.
_WHY = {
    131051: "Message type is currently not supported.",
    131060: "This message is currently unavailable.",
    131052: "Failed to download the media from the sender.",
}


class People:
    """Lets people write."""

    def __init__(
        self,
        ground: Ground,
        album: Album,
        mailbag: Mailbag,
        conduct: Conduct,
        switchboard: Switchboard,
        *,
        dialect: Dialect,
    ) -> None:
        self._world, _, self._chance, self._clock = ground
        self._album = album
        self._mailbag = mailbag
        self._conduct = conduct
        self._switchboard = switchboard
        self._dialect = dialect

    async def write(self, spoken: Spoken, file: bytes | None = None) -> str:
        """Return the id of the message, on disk and owed to the business; `file` is its picture, if at hand.

        Raises:
            Nonsense: the message cannot be made.
        """
        check(spoken, self._dialect, has_file=file is not None)
        number = our_number(spoken.phone_number_id, self._world.accounts)
        writer = self._writer(spoken, number)
        if (number.phone_number_id, self._key(writer)) in self._world.blocked:
            raise Nonsense("this person has blocked the business and must unblock it first")
        if (number.phone_number_id, self._key(writer)) in self._world.barred:
            raise Nonsense("the business has blocked this person, and hears nothing from them until it unblocks them")
        self._check_conversation(spoken, number)
        if spoken.type == "user_changed_user_id":
            news = await self._conduct.change_user_id(self._key(writer), spoken.new_user_id, spoken.phone_number_id)
            return news[0]
        media = await self._album.keep(spoken, number, file) if spoken.type in _WITH_PICTURE else None
        heard = self._heard(spoken, writer, media, number)
        message = self._message(spoken, writer, heard, media, number)
        body = documents.inbound(heard, writer, message, number, self._dialect)
        await self._mailbag.tell(
            [heard] if media is None else [media, heard], Letter(number, body, heard.id, "inbound", heard.at)
        )
        return heard.id

    def _check_conversation(self, spoken: Spoken, number: Number) -> None:
        for name, message_id in refers_to(spoken):
            if self._world.number_of(message_id or "") not in (None, number.phone_number_id):
                raise Nonsense(f"{name} is a message of this person's conversation with another number")
        group = self._world.groups.get(spoken.group_id or "")
        if group is not None and group.phone_number_id != number.phone_number_id:
            raise Nonsense("group_id is a group of another number")

    def _writer(self, spoken: Spoken, number: Number) -> Person:
        """Return who writes, with what was known of them; a number that is hidden this time is hidden from view."""
        wa_id = None if spoken.from_ is None else number_of(spoken.from_, self._world.accounts)
        people = self._world.people
        known = people.get(self._world.key_of(wa_id, spoken.user_id)) or people.get(spoken.user_id or "")
        name = spoken.name or (known.name if known else None)
        return Person(
            wa_id=wa_id,
            user_id=spoken.user_id or (known.user_id if known else user_id_of(wa_id or "")),
            name=name or wa_id or spoken.username or spoken.user_id,
            username=spoken.username or (known.username if known else None),
            identity_key_hash=spoken.identity_key_hash if self._hears_identity(number) else None,
        )

    def _hears_identity(self, number: Number) -> bool:
        return self._world.wants_identity.get(number.phone_number_id, True)

    def _heard(self, spoken: Spoken, writer: Person, media: MediaStored | None, number: Number) -> MessageHeard:
        return MessageHeard(
            id=make_wamid(writer.key, outbound=False, token_hex=self._chance.of("people").token_hex(10)),
            phone_number_id=number.phone_number_id,
            wa_id=writer.wa_id,
            user_id=writer.user_id,
            type=wire_type(spoken.type),
            at=self._clock.now().timestamp(),
            name=writer.name,
            username=writer.username,
            identity_key_hash=writer.identity_key_hash,
            media_id=None if media is None else media.id,
            group_id=spoken.group_id,
            opens_window=opens_window(spoken.type, self._switchboard.current),
            text=spoken.text or (spoken.reaction.emoji if spoken.reaction else None) or None,
            caption=spoken.caption or None,
            about=next((message_id for _, message_id in refers_to(spoken) if message_id), None),
            forwarded=_is_forwarded(spoken),
            frequently_forwarded=spoken.frequently_forwarded,
            referral=spoken.referral,
        )

    def _message(
        self, spoken: Spoken, writer: Person, heard: MessageHeard, media: MediaStored | None, number: Number
    ) -> webhooks.InboundMessage:
        """Return what the message holds; who wrote it is for the document to say."""
        bare = webhooks.InboundMessage(
            id=heard.id,
            timestamp=str(int(heard.at)),
            type=heard.type,
            image=None if media is None else self._album.shown(media, spoken.caption),
            text=webhooks.Text(body=spoken.text) if spoken.type == "text" and spoken.text else None,
            context=self._context(spoken, number),
            referral=spoken.referral,
        )
        return msgspec.structs.replace(bare, **self._rest(spoken, writer))

    def _rest(self, spoken: Spoken, writer: Person) -> dict[str, object]:
        """Return the members that only one kind has."""
        match spoken.type:
            case "reaction" if spoken.reaction is not None:
                # An emoji that was taken away is left out (reaction messages webhook reference).
                emoji = spoken.reaction.emoji or None
                return {"reaction": webhooks.Reaction(message_id=spoken.reaction.message_id, emoji=emoji)}
            case "unsupported":
                code = spoken.code or UNSUPPORTED_CODES[0]
                return {"errors": [documents.error(code, _WHY[code])], "unsupported": spoken.unsupported}
            case "failed_image":
                return {"errors": [documents.error(_MEDIA_DOWNLOAD_ERROR, _WHY[_MEDIA_DOWNLOAD_ERROR])]}
            case "edit":
                return {"edit": self._edit(spoken, writer)}
            case "revoke":
                original = self._original(spoken, writer, REVOKE_WITHIN)
                return {"revoke": webhooks.Revoke(original_message_id=original.id)}
        return {}

    def _context(self, spoken: Spoken, number: Number) -> webhooks.InboundContext | None:
        context = webhooks.InboundContext(
            forwarded=_is_forwarded(spoken) or None,
            frequently_forwarded=spoken.frequently_forwarded or None,
            from_=None if spoken.reply_to is None else self._author(spoken.reply_to, number),
            id=spoken.reply_to,
        )
        return None if context == webhooks.InboundContext() else context

    def _author(self, message_id: str, number: Number) -> str | None:
        heard = self._world.heard.get(message_id)
        return number.display_phone_number if heard is None else heard.wa_id

    def _edit(self, spoken: Spoken, writer: Person) -> webhooks.Edit:
        original = self._original(spoken, writer, EDIT_WITHIN)
        context = webhooks.InboundContext(id=original.id)
        media = self._world.media.get(original.media_id or "")
        if original.type == "text" and spoken.text and spoken.caption is None:
            text = webhooks.Text(body=spoken.text)
            message = webhooks.EditedMessage(context=context, type="text", text=text)
        elif media is not None and spoken.text is None:
            image = self._album.shown_as_changed(media, spoken.caption)
            message = webhooks.EditedMessage(context=context, type="image", image=image)
        else:
            raise Nonsense("an image is edited with a caption, and a text with a text")
        return webhooks.Edit(original_message_id=original.id, message=message)

    def _original(self, spoken: Spoken, writer: Person, within: timedelta) -> MessageHeard:
        original = self._world.heard.get(spoken.original_message_id or "")
        if original is None or self._world.writer_of(original) != self._key(writer):
            raise Nonsense("original_message_id is not the id of a message from this person")
        if self._clock.now() - from_stamp(original.at) > within:
            raise Nonsense("this message is too old: one is edited for 15 minutes and revoked for two days")
        return original

    def _key(self, writer: Person) -> str:
        return self._world.key_of(writer.wa_id, writer.user_id)


def _is_forwarded(spoken: Spoken) -> bool:
    return spoken.forwarded or (spoken.type == "reply_buttons" and not spoken.frequently_forwarded)
