"""What a person can say to the business: every kind of message, which members each has, and what opens the window.

Sources: Meta's webhook references of the image, reaction, unsupported, edit, revoke and system messages.
"""

import msgspec

from picha.cloudapi import webhooks
from picha.cloudapi.limits import CAPTION_MAX_CHARS
from picha.sandbox.dialect import Dialect
from picha.sandbox.person import Nonsense, is_group_id, is_user_id
from picha.sandbox.switches import Switches

UNSUPPORTED_CODES = (131051, 131060)

# The members that each kind may have, beside those that tell who writes and where.
_PICTURE = frozenset({"caption", "image_base64", "image_url", "as_is"})
_CONTEXT = frozenset({"forwarded", "frequently_forwarded", "reply_to", "referral"})
_MEMBERS: dict[str, frozenset[str]] = {
    "image": _PICTURE | _CONTEXT,
    "text": frozenset({"text"}) | _CONTEXT,
    "reaction": frozenset({"reaction"}),
    "unsupported": frozenset({"unsupported", "code"}),
    "failed_image": _CONTEXT,
    "reply_buttons": _PICTURE | {"forwarded", "frequently_forwarded"},
    "edit": frozenset({"original_message_id", "text", "caption", "as_is"}),
    "revoke": frozenset({"original_message_id"}),
    "user_changed_user_id": frozenset({"new_user_id"}),
}
KINDS = tuple(_MEMBERS)
_CONTENT = frozenset[str]().union(*_MEMBERS.values())
_NEEDS = {
    "text": "text",
    "reaction": "reaction",
    "edit": "original_message_id",
    "revoke": "original_message_id",
}
_WIRE_TYPES = {"failed_image": "image", "reply_buttons": "image", "user_changed_user_id": "system"}
_MENTIONS = {"image": ("video_url", "thumbnail_url"), "video": ("image_url",)}


class Advertisement(webhooks.Referral, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a message was started from, in the names of Meta's image webhook reference."""


class ReactionWish(webhooks.Reaction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reaction to the message `message_id`; an empty emoji, or none, takes an earlier one away."""


class UnsupportedWish(webhooks.Unsupported, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The kind of message that the webhook cannot tell."""


class Pictured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that may carry a picture: in base64, or by URL, or as the built-in photo when neither is there.

    Without a `phone_number_id` it is in a conversation of the business's first number.
    """

    type: str = "image"
    text: str | None = None
    caption: str | None = None
    image_base64: str | None = None
    image_url: str | None = None
    as_is: bool = False
    phone_number_id: str | None = None


class Spoken(Pictured, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person shall write to the business.

    - `phone_number_id`: the number they write to, else the first; all that a message refers to must be of that number.
    - `type`: image, text, reaction, unsupported, failed_image, reply_buttons, edit, revoke or user_changed_user_id.
    - `from`: their number; without it, `user_id` names somebody who hides theirs.
    - `group_id`: writes to a group; a new one of five letters and digits or more makes it.
    - `text`: of a text, or what an edit changes it to.
    - `caption`: of an image, or what an edit changes it to.
    - `image_base64`: the picture; without it, without `image_url` and without a file, a built-in photo.
    - `image_url`: where the picture is fetched from, up to 32 MB.
    - `as_is`: takes bytes that are no whole JPEG or PNG, and a caption beyond 1,024 characters, which no phone sends.
    - `reply_to`: the wamid of the message that is answered.
    - `referral`: the ad or post that an image or text was started from.
    - `reaction`: to which message; without an emoji, one that is taken away.
    - `unsupported`: the kind of a message that webhooks cannot tell.
    - `code`: why an unsupported message is unsupported, 131051 or 131060.
    - `original_message_id`: what is edited, within 15 minutes, or revoked, within two days.
    - `new_user_id`: drawn when left out.
    """

    from_: str | None = msgspec.field(name="from", default=None)
    name: str | None = None
    username: str | None = None
    user_id: str | None = None
    identity_key_hash: str | None = None
    group_id: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False
    reply_to: str | None = None
    referral: Advertisement | None = None
    reaction: ReactionWish | None = None
    unsupported: UnsupportedWish | None = None
    code: int | None = None
    original_message_id: str | None = None
    new_user_id: str | None = None


def refers_to(spoken: Spoken) -> tuple[tuple[str, str | None], ...]:
    """Return the ids of the messages that a message speaks of, each by the name of its member."""
    return (
        ("reply_to", spoken.reply_to),
        ("reaction.message_id", spoken.reaction.message_id if spoken.reaction else None),
        ("original_message_id", spoken.original_message_id),
    )


def wire_type(kind: str) -> str:
    """Return the `type` that a kind has in its webhook."""
    return _WIRE_TYPES.get(kind, kind)


def opens_window(kind: str, switches: Switches) -> bool:
    """Tell whether a message of this kind opens the 24-hour window, as everything that a person does to write does.

    Meta's pages do not say it of a reaction, so a switch does; news about a person (`system`) is not from them and
    opens none.
    """
    if wire_type(kind) == "system":
        return False
    return kind != "reaction" or switches.reaction_opens_window == "on"


def check(spoken: Spoken, dialect: Dialect, *, has_file: bool) -> None:
    """See that a message can be.

    Raises:
        Nonsense: something in it contradicts Meta's references, or this dialect cannot say it.
    """
    if spoken.type not in KINDS:
        raise Nonsense(f"type is one of {', '.join(KINDS)}")
    _check_writer(spoken, dialect)
    _check_members(spoken)
    check_picture(spoken, has_file=has_file)
    if spoken.forwarded and spoken.frequently_forwarded:
        raise Nonsense("a message is forwarded or frequently_forwarded, not both")
    if spoken.referral is not None:
        _check_referral(spoken.referral)
    if spoken.code not in (None, *UNSUPPORTED_CODES):
        raise Nonsense(f"code is one of {', '.join(map(str, UNSUPPORTED_CODES))}")


def check_picture(spoken: Pictured, *, has_file: bool) -> None:
    """See that a message has one picture, if it can have any, and a caption that a phone would send.

    Raises:
        Nonsense: it has more, is of a kind without, or has too long a caption.
    """
    if len(spoken.caption or "") > CAPTION_MAX_CHARS and not spoken.as_is:
        raise Nonsense(f"a caption has at most {CAPTION_MAX_CHARS:,} characters, unless as_is is true")
    sources = has_file + (spoken.image_base64 is not None) + (spoken.image_url is not None)
    if sources > 1:
        raise Nonsense("an image has one of a file, image_base64 and image_url")
    if has_file and "image_base64" not in _MEMBERS[spoken.type]:
        raise Nonsense(f"a message of type {spoken.type} has no file")


def _check_writer(spoken: Spoken, dialect: Dialect) -> None:
    if spoken.from_ is None and spoken.user_id is None:
        raise Nonsense("a message has a from, or a user_id when the number is hidden")
    for name, value in (("user_id", spoken.user_id), ("new_user_id", spoken.new_user_id)):
        if value is not None and not is_user_id(value):
            raise Nonsense(f"{name} is not a business-scoped user id such as US.13491208655302741918")
    if spoken.group_id is not None and not is_group_id(spoken.group_id):
        raise Nonsense("group_id is not the id of a group; POST /_sandbox/groups makes one")
    if dialect is Dialect.Y2025 and (spoken.from_ is None or spoken.type == "user_changed_user_id"):
        raise Nonsense("the webhooks of 2025 know people by their numbers alone: start with --dialect 2026")


def _check_members(spoken: Spoken) -> None:
    """See that what a kind needs is there and that nothing is there that it does not have."""
    allowed, needed = _MEMBERS[spoken.type], _NEEDS.get(spoken.type)
    for name in sorted(_CONTENT - allowed):
        if getattr(spoken, name) not in (None, False):
            raise Nonsense(f"a message of type {spoken.type} has no {name}")
    if needed is not None and not getattr(spoken, needed):
        raise Nonsense(f"a message of type {spoken.type} needs {needed}")


def _check_referral(referral: Advertisement) -> None:
    if referral.source_type not in (None, "ad", "post"):
        raise Nonsense("a referral's source_type is ad or post")
    if referral.media_type not in (None, *_MENTIONS):
        raise Nonsense("a referral's media_type is image or video")
    for name in _MENTIONS.get(referral.media_type or "", ()):
        if getattr(referral, name) is not None:
            raise Nonsense(f"a referral with media_type {referral.media_type} has no {name}")
