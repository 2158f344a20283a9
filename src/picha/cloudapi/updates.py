"""The documents inside Meta's webhooks: messages that people send, statuses of messages sent, and errors.

One definition writes them (the local stand-in) and reads them (the gateway). Reading is lenient: unknown members are
ignored, and everything that some version of the platform leaves out is optional. Since 2026 a person may be known by a
business-scoped user id alone, so every phone number is optional.
"""

from collections.abc import Sequence

import msgspec

from picha.cloudapi.fields import always


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person calls themselves; `username` since 2026."""

    name: str | None = None
    username: str | None = None


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person as a webhook names them; `identity_key_hash` only while the identity check is on."""

    profile: Profile | None = None
    wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    identity_key_hash: str | None = None


class ErrorData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The words that explain one error."""

    details: str | None = None


class WebhookError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as webhooks tell it; `error_data` may be an object or plain text, `details` reads both."""

    code: int
    title: str | None = None
    message: str | None = None
    error_data: ErrorData | str | None = None
    href: str | None = None

    @property
    def details(self) -> str | None:
        """The explanation, if there is one."""
        return self.error_data.details if isinstance(self.error_data, ErrorData) else self.error_data


class InboundImage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture that was received; `sha256` is base64 (hexadecimal in some echoes), `url` lives minutes if present."""

    caption: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    id: str
    url: str | None = None


class InboundMedia(InboundImage, frozen=True, kw_only=True, omit_defaults=True):
    """A video, document, audio or sticker that was received."""

    filename: str | None = None
    voice: bool | None = None


class Text(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A text that was received."""

    body: str


class InboundContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a message comes from: forwarded (up to five times), forwarded more often, or a reply to `id` by `from_`."""

    forwarded: bool | None = None
    frequently_forwarded: bool | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    id: str | None = None


class WelcomeMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The greeting of an advertisement."""

    text: str | None = None


class Referral(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The advertisement or post that a message was started from; `ctwa_clid` is missing for ads in Status."""

    source_url: str | None = None
    source_id: str | None = None
    source_type: str | None = None
    body: str | None = None
    headline: str | None = None
    media_type: str | None = None
    image_url: str | None = None
    video_url: str | None = None
    thumbnail_url: str | None = None
    ctwa_clid: str | None = None
    welcome_message: WelcomeMessage | None = None


class SystemChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """News about a person rather than from them: `user_changed_number` or `user_changed_user_id`."""

    type: str | None = None
    body: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    previous_user_id: str | None = None


class Reaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An emoji that a person put on the message `message_id`; without `emoji` they took theirs away."""

    message_id: str
    emoji: str | None = None


class Unsupported(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What kind of message it is that webhooks cannot tell, such as `edit` or `poll`; since 2026."""

    type: str | None = None


class EditedMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as it reads after an edit: an image with its new caption, or a text."""

    context: InboundContext | None = None
    type: str
    image: InboundImage | None = None
    text: Text | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person changed an earlier message (within 15 minutes); only numbers in coexistence hear of it."""

    original_message_id: str
    message: EditedMessage | None = None


class Revoke(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person took an earlier message back (within two days); only numbers in coexistence hear of it."""

    original_message_id: str


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that somebody sent to a business; `timestamp` is seconds since 1970 as text (`when` reads it).

    The members are those of Meta's image webhook reference, and the few of other kinds that a reader of images needs.
    """

    from_: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    group_id: str | None = None
    id: str
    timestamp: str
    type: str
    image: InboundImage | None = None
    text: Text | None = None
    video: InboundMedia | None = None
    audio: InboundMedia | None = None
    document: InboundMedia | None = None
    sticker: InboundMedia | None = None
    context: InboundContext | None = None
    referral: Referral | None = None
    reaction: Reaction | None = None
    system: SystemChange | None = None
    edit: Edit | None = None
    revoke: Revoke | None = None
    errors: list[WebhookError] = []
    unsupported: Unsupported | None = None

    @property
    def media(self) -> InboundImage | None:
        """The medium that the message carries, of whatever kind."""
        return self.image or self.video or self.audio or self.document or self.sticker


class MessageEcho(InboundMessage, frozen=True, kw_only=True, omit_defaults=True):
    """A message that the business itself sent from its phone app (coexistence), to the person `to`."""

    to: str | None = None
    to_user_id: str | None = None


class ConversationOrigin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who opened a conversation."""

    type: str | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The conversation of a status; gone from v24 on except in a free entry point."""

    id: str | None = None
    expiration_timestamp: str | None = None
    origin: ConversationOrigin | None = None


class Pricing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a message is charged; on `sent` and on one of `delivered` and `read`."""

    billable: bool | None = None
    pricing_model: str | None = None
    type: str | None = None
    category: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a message that was sent: sent, delivered, read, failed (or played, for voice).

    `recipient_participant_id` names the member in a group; `participant_recipient_id` is its second documented
    spelling, and `participant` reads both; `recipient_participant_user_id` stands beside it since 2026. `errors` is
    filled on `failed` only.
    """

    id: str
    status: str
    timestamp: str
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    recipient_parent_user_id: str | None = None
    recipient_type: str | None = None
    recipient_participant_id: str | None = None
    participant_recipient_id: str | None = None
    recipient_participant_user_id: str | None = None
    recipient_identity_key_hash: str | None = None
    biz_opaque_callback_data: str | None = None
    conversation: Conversation | None = None
    pricing: Pricing | None = None
    errors: list[WebhookError] = []

    @property
    def participant(self) -> str | None:
        """The member of a group that the status is about."""
        return self.recipient_participant_id or self.participant_recipient_id


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The business number that an update belongs to; route on `phone_number_id`."""

    display_phone_number: str | None = None
    phone_number_id: str


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of one change of field `messages`, for writing; an item that is bytes already goes in as `Raw`.

    `message_echoes` stand alone in it, under the field `smb_message_echoes`.
    """

    messaging_product: str = always("whatsapp")
    metadata: Metadata
    contacts: list[Contact] = []
    messages: Sequence[InboundMessage | msgspec.Raw] = []
    statuses: Sequence[Status | msgspec.Raw] = []
    errors: Sequence[WebhookError | msgspec.Raw] = []
    message_echoes: Sequence[MessageEcho | msgspec.Raw] = []


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one subscribed field."""

    value: Value | msgspec.Raw
    field: str = always("messages")


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The changes of one WhatsApp business account."""

    id: str
    changes: list[Change]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of one webhook call."""

    object: str = always("whatsapp_business_account")
    entry: list[Entry]
