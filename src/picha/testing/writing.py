"""What a test lets the business hear: every kind of message a person can send, echoes of its phone app, and errors."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict, Unpack

PERSON = "16505551234"


class Writer(TypedDict, total=False):
    """Who writes, beside their number: `user_id` names one who hides it, with None in the number's place.

    `group_id` writes to a group, which is there from then on if it was not. `phone_number_id` is the number of the
    business that they write to, which else is its first.
    """

    name: str
    username: str
    user_id: str
    identity_key_hash: str
    group_id: str
    phone_number_id: str


class Referral(TypedDict, total=False):
    """The advertisement (`source_type` ad) or post that a message was started from, as Meta's reference names it."""

    source_url: str
    source_id: str
    source_type: str
    body: str
    headline: str
    media_type: str
    image_url: str
    video_url: str
    thumbnail_url: str
    ctwa_clid: str
    welcome_message: Mapping[str, str]


class _Controlled(Protocol):
    def control(self, method: str, path: str, body: Any = None) -> Any: ...


class Writing:
    """The part of `Sandbox` through which people write.

    Each call returns the message's wamid, sends its webhook at once if a callback is set, and opens the 24-hour window
    of that person, or of the group. `RefusedError` says why a message cannot be.
    """

    def receive_image(
        self: _Controlled,
        from_: str | None = PERSON,
        *,
        caption: str | None = None,
        image: bytes | Path | None = None,
        forwarded: bool = False,
        frequently_forwarded: bool = False,
        reply_to: str | None = None,
        referral: Referral | None = None,
        as_is: bool = False,
        **writer: Unpack[Writer],
    ) -> str:
        """Let a person send the business a picture; without `image`, a built-in photo.

        `as_is` takes what no phone sends: bytes that are no whole JPEG or PNG, a caption beyond 1,024 characters.

        Raises:
            RefusedError: no such message can be; the reason is said.
        """
        return _speak(
            self,
            from_,
            writer,
            caption=caption,
            image_base64=_base64(image),
            forwarded=forwarded,
            frequently_forwarded=frequently_forwarded,
            reply_to=reply_to,
            referral=referral,
            as_is=as_is,
        )

    def receive_failed_image(self: _Controlled, from_: str | None = PERSON, **writer: Unpack[Writer]) -> str:
        """Let a person send a picture that WhatsApp cannot fetch from them: it comes with error 131052 in its place."""
        return _speak(self, from_, writer, type="failed_image")

    def receive_text(
        self: _Controlled,
        text: str,
        from_: str | None = PERSON,
        *,
        reply_to: str | None = None,
        **writer: Unpack[Writer],
    ) -> str:
        """Let a person write a text to the business."""
        return _speak(self, from_, writer, type="text", text=text, reply_to=reply_to)

    def receive_reaction(
        self: _Controlled, message_id: str, emoji: str, from_: str | None = PERSON, **writer: Unpack[Writer]
    ) -> str:
        """Let a person react to the message `message_id`; an empty emoji takes their reaction away."""
        return _speak(self, from_, writer, type="reaction", reaction={"message_id": message_id, "emoji": emoji})

    def receive_unsupported(
        self: _Controlled,
        kind: str | None = None,
        from_: str | None = PERSON,
        *,
        code: int = 131051,
        **writer: Unpack[Writer],
    ) -> str:
        """Let a person send what webhooks cannot tell, a `poll` for example, with error 131051 or 131060."""
        unsupported = None if kind is None else {"type": kind}
        return _speak(self, from_, writer, type="unsupported", unsupported=unsupported, code=code)

    def receive_edit(
        self: _Controlled,
        message_id: str,
        from_: str | None = PERSON,
        *,
        caption: str | None = None,
        text: str | None = None,
        **writer: Unpack[Writer],
    ) -> str:
        """Let a person change the caption or the text of their message of the last 15 minutes."""
        return _speak(self, from_, writer, type="edit", original_message_id=message_id, caption=caption, text=text)

    def receive_revoke(self: _Controlled, message_id: str, from_: str | None = PERSON, **writer: Unpack[Writer]) -> str:
        """Let a person take back their message of the last two days."""
        return _speak(self, from_, writer, type="revoke", original_message_id=message_id)

    def make_group(
        self: _Controlled,
        participants: Sequence[str],
        subject: str | None = None,
        *,
        phone_number_id: str | None = None,
    ) -> str:
        """Make a group of up to 8 people and the business, by its first number unless one is named; return its id."""
        wish = {"participants": list(participants), "subject": subject, "phone_number_id": phone_number_id}
        return str(self.control("POST", "/groups", wish)["group_id"])

    def echo(
        self: _Controlled,
        to: str = PERSON,
        *,
        text: str | None = None,
        caption: str | None = None,
        image: bytes | Path | None = None,
        phone_number_id: str | None = None,
    ) -> str:
        """Let the business send from its phone app (coexistence), a picture unless it is a text; return the wamid."""
        kind = "image" if text is None else "text"
        wish = {"to": to, "type": kind, "text": text, "caption": caption, "image_base64": _base64(image)}
        wish["phone_number_id"] = phone_number_id
        return str(self.control("POST", "/echo", wish)["message_id"])

    def tell_error(
        self: _Controlled, code: int, details: str | None = None, *, phone_number_id: str | None = None
    ) -> None:
        """Tell the business by webhook of an error such as 130429 outside any message.

        It is of the first number, unless another is named.

        Raises:
            RefusedError: no callback is set.
        """
        self.control("POST", "/errors", {"code": code, "details": details, "phone_number_id": phone_number_id})


def _base64(image: bytes | Path | None) -> str | None:
    data = image.read_bytes() if isinstance(image, Path) else image
    return None if data is None else base64.b64encode(data).decode()


def _speak(sandbox: _Controlled, from_: str | None, writer: Writer, **members: Any) -> str:
    said = {"from": from_, **writer, **members}
    wish = {name: value for name, value in said.items() if value is not None}
    return str(sandbox.control("POST", "/inbound", wish)["message_id"])
