"""The documents Graph takes, for telling of them: bodies, forms and queries.

They are read and judged by `picha.sandbox.rules` and by the handlers, which refuse in Graph's words.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from picha.cloudapi.limits import BLOCKS_PER_CALL, CALLBACK_DATA_MAX_CHARS, CAPTION_MAX_CHARS, TEXT_MAX_CHARS
from picha.cloudapi.messages import MessageContext

Product = Literal["whatsapp"]
MediaId = Annotated[str, Meta(description="Id of an upload of this number's.")]
Link = Annotated[str, Meta(description="URL of a JPEG or PNG, fetched when the message is sent.")]


class _Addressed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    messaging_product: Product
    recipient_type: Literal["individual", "group"] = "individual"
    to: (
        Annotated[
            str,
            Meta(
                description="A phone number, which wins over recipient; punctuation is ignored. "
                "With recipient_type group, the group's id."
            ),
        ]
        | None
    ) = None
    recipient: Annotated[str, Meta(description="A business-scoped user id. One of the two is needed.")] | None = None
    context: Annotated[MessageContext, Meta(description="The message that is replied to.")] | None = None
    biz_opaque_callback_data: (
        Annotated[str, Meta(max_length=CALLBACK_DATA_MAX_CHARS, description="Comes back on every status.")] | None
    ) = None
    recipient_identity_key_hash: (
        Annotated[str, Meta(description="Another hash than the person's: failed with 137000.")] | None
    ) = None


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture, by exactly one of `id` and `link`."""

    id: MediaId | None = None
    link: Link | None = None
    caption: Annotated[str, Meta(max_length=CAPTION_MAX_CHARS)] | None = None


class ImageMessage(_Addressed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image, with or without a caption."""

    type: Literal["image"]
    image: Image


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a text says."""

    body: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX_CHARS)]
    preview_url: bool = False


class TextMessage(_Addressed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text."""

    type: Literal["text"] = "text"
    text: Text


class HeaderImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The header's picture, by exactly one of `id` and `link`."""

    id: MediaId | None = None
    link: Link | None = None


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """What fills the header."""

    type: Literal["image"]
    image: HeaderImage


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a template: the header has one parameter, the body none."""

    type: Literal["header", "body"]
    parameters: list[Parameter] = []


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """A template's language."""

    code: str


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which template, and what fills it; `namespace` is ignored."""

    name: str
    language: Language
    components: list[Component]
    namespace: str | None = None


class TemplateMessage(_Addressed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The approved template, which reaches people whose 24-hour window is closed."""

    type: Literal["template"]
    template: Template


class Typing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shows that an answer is being written."""

    type: Literal["text"]


class ReadMark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Marks a received message as read."""

    messaging_product: Product
    status: Literal["read"]
    message_id: Annotated[str, Meta(description="wamid of a message that a person wrote.")]
    typing_indicator: Typing | None = None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A form with a file; its parts come in any order, and the part's content type counts."""

    messaging_product: Product
    file: Annotated[str, Meta(extra_json_schema={"format": "binary"})]
    type: Annotated[str, Meta(description="Ignored, as Meta does.")] | None = None


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for media of one number alone."""

    phone_number_id: Annotated[str, Meta(description="Refused when the media is another number's.")] | None = None


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a download address, as a description of media gives it; it lives five minutes."""

    mid: str
    ext: str
    hash: str


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Which fields are answered."""

    fields: (
        Annotated[str, Meta(description="Names with commas between; what holds nothing here is left out.")] | None
    ) = None


class MediaAsked(Fields, frozen=True, kw_only=True):
    """Which fields of media are answered, and whose it has to be."""

    phone_number_id: Annotated[str, Meta(description="Refused when the media is another number's.")] | None = None


class Paged(Fields, frozen=True, kw_only=True):
    """Which fields are answered, of how many."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 25


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """How many are answered."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 25


class TemplateFilter(Paged, frozen=True, kw_only=True):
    """Which templates are listed."""

    name: str | None = None
    status: str | None = None
    language: str | None = None
    category: str | None = None
    summary: Annotated[str, Meta(description="What the summary shall tell, such as total_count.")] | None = None


class AppSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What an app proves itself with."""

    client_id: str
    client_secret: str
    grant_type: Literal["client_credentials"] = "client_credentials"


class InputToken(msgspec.Struct, frozen=True, kw_only=True):
    """The token to look at."""

    input_token: str


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A registration."""

    messaging_product: Product
    pin: Annotated[str, Meta(pattern="^[0-9]{6}$", description="Six digits, any.")]


class IdentityChange(msgspec.Struct, frozen=True, kw_only=True):
    """Whether webhooks tell the hash of a person's identity key."""

    enable_identity_key_check: Annotated[bool, Meta(description="Or `enabled`. Without a word, hashes are told.")]


class NumberSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a number; there is this one."""

    user_identity_change: IdentityChange


class BlockedUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, by number or by business-scoped user id."""

    user: str | None = None
    user_id: str | None = None


class BlockedUsers(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a change of the block list is about, up to 1,000."""

    messaging_product: Product
    block_users: Annotated[list[BlockedUser], Meta(min_length=1, max_length=BLOCKS_PER_CALL)]


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """An address of its own for webhooks; an empty or absent one takes it away. It must shake hands."""

    override_callback_uri: str | None = None
    verify_token: str | None = None


class NumberConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """What is set on a number."""

    webhook_configuration: Override


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """The app's address for webhooks. It must shake hands."""

    object: Literal["whatsapp_business_account"]
    callback_url: str
    verify_token: str | None = None
    fields: Annotated[Any, Meta(description="Ignored: `messages` is what is told of.")] = None
