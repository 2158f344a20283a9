"""What the journal holds: one struct for each thing that can happen to the world, and nothing that can be worked out.

Times are Unix seconds of the sandbox's clock. A record once released keeps its tag and the meaning of its fields.
"""

from typing import Literal

import msgspec

from picha.cloudapi.webhooks import Referral
from picha.sandbox.accounts import AccountWish
from picha.sandbox.chance import Place
from picha.sandbox.credentials import APP_ID, PHONE_NUMBER_ID, WABA_ID

Kind = Literal["status", "inbound", "echo", "error"]
"""What a webhook tells of: a send's status, a message received, one sent from the phone app, an error of the number."""

Status = Literal["sent", "delivered", "read", "failed"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record"):
    """A line of the journal."""


class Born(Record, frozen=True, kw_only=True, omit_defaults=True, tag="born"):
    """The world began: its seed, from which every credential is derived."""

    seed: str


class AccountsNamed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="accounts"):
    """The sandbox was started with these accounts, which it has until it is started with others."""

    accounts: tuple[AccountWish, ...]


class ClockPlaced(Record, frozen=True, kw_only=True, omit_defaults=True, tag="clock"):
    """The clock was moved: seconds it is ahead of the machine's, and the moment it stands still at, if it does."""

    shift: float
    frozen_at: float | None = None


class MediaStored(Record, frozen=True, kw_only=True, omit_defaults=True, tag="media"):
    """A file became media of a phone number; `flaw` says why WhatsApp would not send it as an image."""

    id: str
    phone_number_id: str
    digest: str
    mime_type: str
    size: int
    at: float
    expires_at: float
    flaw: str | None = None


class MediaDeleted(Record, frozen=True, kw_only=True, omit_defaults=True, tag="media-deleted"):
    """Media was deleted by its owner."""

    id: str


class MessageHeard(Record, frozen=True, kw_only=True, omit_defaults=True, tag="heard"):
    """A person wrote to the business, or to a group it is in; `wa_id` is missing when they hide their number.

    `about` is the message that is answered, reacted to, edited or taken back; the emoji of a reaction is its `text`.
    `referral` is the ad or post it was started from.
    """

    id: str
    phone_number_id: str
    wa_id: str | None = None
    user_id: str
    type: str
    at: float
    name: str | None = None
    username: str | None = None
    identity_key_hash: str | None = None
    media_id: str | None = None
    group_id: str | None = None
    opens_window: bool = True
    text: str | None = None
    caption: str | None = None
    about: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False
    referral: Referral | None = None


class MarkedRead(Record, frozen=True, kw_only=True, omit_defaults=True, tag="marked-read"):
    """The business marked a person's message, and with it all earlier ones, as read; they may see it typing since."""

    message_id: str
    at: float
    typing: bool = False


class SendAccepted(Record, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="send"):
    """A send was accepted and given a wamid: the line of the ledger, on disk before the answer and every webhook.

    `doom` is the failure already certain, if one is; `link` is still to be fetched.
    """

    wamid: str
    phone_number_id: str
    type: str
    at: float
    to: str | None = None
    recipient: str | None = None
    group_id: str | None = None
    sha256: str | None = None
    media_id: str | None = None
    link: str | None = None
    caption: str | None = None
    text: str | None = None
    context_id: str | None = None
    biz_opaque_callback_data: str | None = None
    identity_key_hash: str | None = None
    doom: tuple[int, str] | None = None


class Echoed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="echoed"):
    """The business sent a person, by number or user id, something from its phone app; it is no line of the ledger."""

    id: str
    phone_number_id: str
    person: str
    type: str
    at: float
    text: str | None = None
    caption: str | None = None
    media_id: str | None = None


class LinkFetched(Record, frozen=True, kw_only=True, omit_defaults=True, tag="link"):
    """The picture behind a send's link was fetched: its SHA-256 in hexadecimal, or the failure and its details."""

    wamid: str
    sha256: str | None = None
    doom: tuple[int, str] | None = None


class StatusMade(Record, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag="status"):
    """A send reached a status; in a group, `delivered` and `read` name those of its participants who did."""

    wamid: str
    status: Status
    at: float
    participants: tuple[str, ...] = ()
    code: int | None = None
    details: str | None = None


class WebhookQueued(Record, frozen=True, kw_only=True, omit_defaults=True, tag="queued"):
    """A webhook is owed to an address; `body` is the exact ASCII text that is signed and sent."""

    id: str
    url: str
    body: str
    at: float
    about: str
    kind: Kind
    status: str | None = None
    phone_number_id: str = PHONE_NUMBER_ID


class WebhookSettled(Record, frozen=True, kw_only=True, omit_defaults=True, tag="settled"):
    """A webhook was taken, or given up after seven days; `http` is the last HTTP status seen."""

    id: str
    at: float
    attempts: int
    taken: bool
    http: int | None = None


class CallbackSet(Record, frozen=True, kw_only=True, omit_defaults=True, tag="callback"):
    """Webhooks of an app, account or phone number go to `url` from now on; an empty one takes the setting away.

    An account that the app is not subscribed to has no webhooks at all, whatever the addresses are.
    """

    scope: Literal["app", "account", "number"]
    url: str
    verify_token: str = ""
    is_subscribed: bool = True
    object_id: str | None = None

    @property
    def owner(self) -> str:
        """The id of the app, account or phone number; a line that names none is of a sandbox that had one of each."""
        return self.object_id or {"app": APP_ID, "account": WABA_ID, "number": PHONE_NUMBER_ID}[self.scope]


class PersonBlocked(Record, frozen=True, kw_only=True, omit_defaults=True, tag="blocked"):
    """A person, `wa_id` or the user id of one without, blocked a number of the business or took that back."""

    wa_id: str
    is_blocked: bool
    phone_number_id: str = PHONE_NUMBER_ID


class UserBarred(Record, frozen=True, kw_only=True, omit_defaults=True, tag="barred"):
    """A number of the business blocked people, each by number or user id, or took that back."""

    phone_number_id: str
    keys: tuple[str, ...]
    is_barred: bool


class SettingsChanged(Record, frozen=True, kw_only=True, omit_defaults=True, tag="settings"):
    """A number of the business is told the hash of people's identity keys from now on, or is not."""

    phone_number_id: str
    identity_key_check: bool


class NumberChanged(Record, frozen=True, kw_only=True, omit_defaults=True, tag="number-changed"):
    """A person moved to another number, and got another business-scoped user id with it."""

    id: str
    phone_number_id: str
    wa_id: str
    new_wa_id: str
    user_id: str
    previous_user_id: str
    at: float
    name: str | None = None


class UserIdChanged(Record, frozen=True, kw_only=True, omit_defaults=True, tag="user-id-changed"):
    """A person got another business-scoped user id."""

    id: str
    phone_number_id: str
    wa_id: str | None = None
    user_id: str
    previous_user_id: str
    at: float
    name: str | None = None


class GroupMade(Record, frozen=True, kw_only=True, omit_defaults=True, tag="group"):
    """A group of a number of the business came to be, with participants by number, or user id where they hide it."""

    id: str
    participants: tuple[str, ...]
    subject: str | None = None
    phone_number_id: str = PHONE_NUMBER_ID


class Renewed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="renewed"):
    """The world began again with its seed and its callbacks; nothing else that came before is there any more."""


class Placed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="placed"):
    """Everything before was told anew, in `size` bytes, without what nobody can see any more.

    The world has seen `record_count` records all the same, and its ids go on from `chance`.
    """

    size: int
    record_count: int
    chance: Place


AnyRecord = (
    Born
    | AccountsNamed
    | ClockPlaced
    | MediaStored
    | MediaDeleted
    | MessageHeard
    | MarkedRead
    | SendAccepted
    | Echoed
    | LinkFetched
    | StatusMade
    | WebhookQueued
    | WebhookSettled
    | CallbackSet
    | PersonBlocked
    | UserBarred
    | SettingsChanged
    | NumberChanged
    | UserIdChanged
    | GroupMade
    | Renewed
    | Placed
)

encode = msgspec.json.Encoder().encode
encode_lines = msgspec.json.Encoder().encode_lines
decode = msgspec.json.Decoder(AnyRecord).decode

# What a renewal leaves standing.
OUTLIVES_RENEWAL = (Born, AccountsNamed, CallbackSet)
