"""What a person sees on their phone: conversations with the business, message by message."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from picha.cloudapi.webhooks import Referral
from picha.sandbox.blobs import Blobs
from picha.sandbox.clock import from_stamp
from picha.sandbox.on_the_way import Send
from picha.sandbox.person import Nonsense, is_user_id, number_of, our_number
from picha.sandbox.records import Echoed, MessageHeard
from picha.sandbox.world import World

PICTURES = "/_sandbox/pictures"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation of a number of the business; `with` is the person's number, or user id without one, or the group.

    - `blocked`: whether the person has blocked the number.
    - `typing`: whether they see the business typing.
    - `unread`: how many of their messages the number has not marked as read.
    """

    phone_number_id: str
    with_: str = msgspec.field(name="with")
    wa_id: str | None
    user_id: str | None
    group_id: str | None
    name: str | None
    blocked: bool
    typing: bool
    window_closes_at: datetime | None
    unread: int
    messages: int
    last_at: datetime


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message in a conversation, with what is not there as null.

    - `by`: which side wrote it.
    - `from_app`: whether the business wrote it in its phone app.
    - `wa_id`, `user_id`: who of the people wrote it.
    - `text`: also the emoji of a reaction, or what an edit makes of a text.
    - `about`: the message that is answered, reacted to, edited or taken back.
    - `picture`: the path of its picture, as long as the bytes are kept.
    - `referral`: the ad or post that a person wrote from.
    - `status`: how far what the business sent has come; null until it is sent, and for what its phone app sent.
    - `code`, `details`: why it failed.
    """

    message_id: str
    by: Literal["business", "person"]
    from_app: bool = False
    wa_id: str | None = None
    user_id: str | None = None
    type: str
    text: str | None = None
    caption: str | None = None
    about: str | None = None
    sha256: str | None = None
    picture: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False
    referral: Referral | None = None
    status: str | None = None
    code: int | None = None
    details: str | None = None
    at: datetime


class Handset:
    """Shows the conversations of a world; it changes nothing."""

    def __init__(self, world: World, blobs: Blobs) -> None:
        self._world = world
        self._blobs = blobs

    def conversations(self, phone_number_id: str | None = None) -> list[Told]:
        """Return the conversations of one number of the business, or of all, that something was said in last first.

        Raises:
            Nonsense: the business has no such number.
        """
        if phone_number_id is not None:
            our_number(phone_number_id, self._world.accounts)
        places = [place for place in self._world.conversations.all() if phone_number_id in (None, place[0])]
        return sorted((self._conversation(*place) for place in places), key=lambda one: one.last_at, reverse=True)

    def messages(self, who: str, phone_number_id: str | None, before: str | None, limit: int) -> list[Message]:
        """Return the last `limit` messages of a conversation in order, or the last before the message `before`.

        Raises:
            Nonsense: there is no such number, person or group, or `before` is not a message of theirs.
        """
        number = our_number(phone_number_id, self._world.accounts).phone_number_id
        said = self._world.conversations.said(number, self._key(who))
        end = len(said) if before is None else _place(before, said)
        return [self._message(message_id) for message_id in said[max(0, end - limit) : end]]

    def _key(self, who: str) -> str:
        if who in self._world.groups:
            return who
        return self._world.key_of(None, who) if is_user_id(who) else number_of(who, self._world.accounts)

    def _conversation(self, number: str, key: str) -> Told:
        conversations = self._world.conversations
        is_group = key in self._world.groups
        person = self._world.person(key)
        said = conversations.said(number, key)
        return Told(
            phone_number_id=number,
            with_=key,
            wa_id=None if is_group else person.wa_id,
            user_id=None if is_group else person.user_id,
            group_id=key if is_group else None,
            name=None if is_group else person.name,
            blocked=(number, key) in self._world.blocked,
            typing=conversations.is_typing(number, key),
            window_closes_at=conversations.window_closes_at(number, key),
            unread=len(conversations.unread(number, key)),
            messages=len(said),
            last_at=self._message(said[-1]).at,
        )

    def _message(self, message_id: str) -> Message:
        heard, echoed = self._world.heard.get(message_id), self._world.echoes.get(message_id)
        if heard is not None:
            return self._heard(heard)
        return self._sent(self._world.sends[message_id]) if echoed is None else self._echoed(echoed)

    def _echoed(self, echoed: Echoed) -> Message:
        digest = self._digest(echoed.media_id)
        return Message(
            message_id=echoed.id,
            by="business",
            from_app=True,
            type=echoed.type,
            text=echoed.text,
            caption=echoed.caption,
            sha256=digest,
            picture=self._picture(digest),
            at=from_stamp(echoed.at),
        )

    def _digest(self, media_id: str | None) -> str | None:
        media = self._world.media.get(media_id or "")
        return None if media is None else media.digest

    def _heard(self, heard: MessageHeard) -> Message:
        digest = self._digest(heard.media_id)
        return Message(
            message_id=heard.id,
            by="person",
            wa_id=heard.wa_id,
            user_id=heard.user_id,
            type=heard.type,
            text=heard.text,
            caption=heard.caption,
            about=heard.about,
            sha256=digest,
            picture=self._picture(digest),
            forwarded=heard.forwarded,
            frequently_forwarded=heard.frequently_forwarded,
            referral=heard.referral,
            at=from_stamp(heard.at),
        )

    def _sent(self, send: Send) -> Message:
        accepted = send.accepted
        code, details = send.doom if send.doom is not None and send.status == "failed" else (None, None)
        return Message(
            message_id=accepted.wamid,
            by="business",
            type=accepted.type,
            text=accepted.text,
            caption=accepted.caption,
            about=accepted.context_id,
            sha256=send.sha256,
            picture=self._picture(send.sha256),
            status=send.status,
            code=code,
            details=details,
            at=from_stamp(accepted.at),
        )

    def _picture(self, digest: str | None) -> str | None:
        is_here = digest is not None and self._blobs.path(digest).exists()
        return f"{PICTURES}/{digest}" if is_here else None


def _place(message_id: str, said: Sequence[str]) -> int:
    try:
        return said.index(message_id)
    except ValueError:
        raise Nonsense("before is not a message of this conversation") from None
