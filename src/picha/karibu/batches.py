"""The request to send one picture to many (`POST /v1/whatsapp/messages/image/batch`), and what becomes of it.

It is one JSON object, or JSON Lines: first what all have in common, then one recipient a line.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from picha.karibu.errors import Code
from picha.karibu.reads import MessageStatus
from picha.karibu.sends import (
    CAPTION_MAX_CHARS,
    ONE_PICTURE,
    FileId,
    ImagePolicy,
    MediaUrl,
    OnUnknown,
    Priority,
    check_source,
    check_target,
    converted,
)
from picha.karibu.shape import Malformed, parse_object

RECIPIENTS_MAX = 10_000
BATCH_MAX_BYTES = 16 * 1024 * 1024
LINE_MAX_BYTES = 64 * 1024
RESULTS = 100
RESULTS_MAX = 1000
JSON_LINES = "application/x-ndjson"

_NAME_MAX_CHARS, _REFERENCE_MAX_CHARS = 64, 255

Caption = Annotated[str, Meta(max_length=CAPTION_MAX_CHARS)]


class BatchHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all messages of a batch have in common: one picture, from exactly one place, and how it goes."""

    media_url: (
        Annotated[
            MediaUrl, Meta(description="Where the picture is, fetched once: an https address that anybody may fetch.")
        ]
        | None
    ) = None
    file_id: Annotated[FileId, Meta(description="Or an upload.")] | None = None
    caption: Annotated[Caption, Meta(description="Of whoever has none of their own.")] | None = None
    sender: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=_NAME_MAX_CHARS,
                description="One of your numbers, or its phone_number_id; may be left out where only one is active.",
            ),
        ]
        | None
    ) = None
    sender_id: Annotated[UUID, Meta(description="The same by its id; deprecated.")] | None = None
    image_policy: (
        Annotated[
            ImagePolicy,
            Meta(description="Make the picture fit, or refuse what does not; the sender's own where it is left out."),
        ]
        | None
    ) = None
    priority: Annotated[
        Priority, Meta(description="High goes before normal; a batch is normal, so that it holds up no single send.")
    ] = "normal"
    expires_at: (
        Annotated[datetime, Meta(tz=True, description="What has not left by this moment is not sent.")] | None
    ) = None
    on_unknown: Annotated[
        OnUnknown,
        Meta(description="What to do where nobody knows whether WhatsApp took one: wait, or send it once more."),
    ] = "hold"


class BatchRecipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recipient of a batch: a thread, which wins, or a number.

    - `to`: a number of 7 to 18 digits in international form, with or without a +
    - `conversation_id`: a thread, which tells whom to and from which number
    - `caption`: in place of the batch's; an empty one is none
    - `client_reference`: your own name for the message, told with it ever after
    """

    to: str | None = None
    conversation_id: UUID | None = None
    caption: Caption | None = None
    client_reference: Annotated[str, Meta(min_length=1, max_length=_REFERENCE_MAX_CHARS)] | None = None

    @property
    def digits(self) -> str | None:
        """The recipient's number without its plus sign; none beside a thread."""
        return self.to.removeprefix("+") if self.to and self.conversation_id is None else None


class Unfit(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient whose shape is wrong: refused by itself, under the names that it has nevertheless."""

    message: str
    field: str | None = None
    to: str | None = None
    conversation_id: UUID | None = None
    client_reference: str | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient as a body may have it: one that cannot be used is refused by itself, in the results.

    - `to`: a number of 7 to 18 digits in international form, with or without a +
    - `conversation_id`: or a thread, which wins, and tells whom to and from which number
    - `caption`: in place of the batch's, at most 1,024 characters; an empty one is none
    - `client_reference`: your own name for the message, 1 to 255 characters, told with it ever after
    """

    to: Any = None
    conversation_id: Any = None
    caption: Any = None
    client_reference: Any = None


class SendBatch(BatchHead, frozen=True, kw_only=True):
    """One picture for many; `recipients` are 1 to 10,000, and one that is named twice gets it twice."""

    recipients: Annotated[list[Listed], Meta(min_length=1, max_length=RECIPIENTS_MAX)]


SendBatchBody = Annotated[SendBatch, Meta(extra_json_schema={"allOf": [ONE_PICTURE]})]
"""A batch as its body must be: with one picture."""

BatchStatus = Literal["pending", "running", "done", "cancelled"]
Outcome = Literal["waiting", "accepted", "refused", "skipped"]


class BatchAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a 202: the batch is stored with all its recipients.

    - `batch_id`: our id, to be used in paths
    - `total`: how many recipients it has
    - `idempotent_replay`: written only on a replay, and then true
    """

    batch_id: UUID
    total: int
    status: BatchStatus = "pending"
    idempotent_replay: bool | msgspec.UnsetType = msgspec.UNSET


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch has come. What is accepted is a message like any other; its status is counted here.

    - `status`: pending until the first recipients are looked at, then running, and in the end done or cancelled
    - `done`: every recipient is looked at or skipped, and every message handed to WhatsApp or over; how it goes on from
      there is still counted
    - `total`: the recipients: waiting, accepted, refused and skipped ones together
    - `waiting`: not looked at yet
    - `accepted`: messages, each with a status below
    - `refused`: there is no message; the results tell why
    - `skipped`: the batch was cancelled before they were looked at
    - `pending`: accepted, and WhatsApp has not said that it sent them
    - `cancelled`: messages that were taken back
    - `file_id`: the picture, once it is here
    - `detail`: what it waits for, in words
    """

    batch_id: UUID
    status: BatchStatus
    done: bool
    total: int
    waiting: int
    accepted: int
    refused: int
    skipped: int
    pending: int
    sent: int
    delivered: int
    read: int
    failed: int
    cancelled: int
    media_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    created_at: datetime
    cancelled_at: datetime | None = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one recipient.

    - `index`: its place in the batch, from 0 on
    - `to`: the number, as the batch named it
    - `conversation_id`: the thread, as the batch named it
    - `outcome`: skipped are those that a cancelled batch has not come to
    - `message_id`: of an accepted one, to be used in paths
    - `status`: of that message
    - `code`: why it is refused, or the `error_code` of its message
    - `message`: what that means, and what to do
    - `field`: what of the recipient it is about
    """

    index: int
    to: str | None = None
    conversation_id: UUID | None = None
    client_reference: str | None = None
    outcome: Outcome
    message_id: UUID | None = None
    status: MessageStatus | None = None
    code: str | None = None
    message: str | None = None
    field: str | None = None


class BatchResults(msgspec.Struct, frozen=True, kw_only=True):
    """A page of results, in the order of the batch.

    - `cursor_next`: where the next page begins; null at the end
    """

    items: list[BatchResult]
    cursor_next: str | None = None
    total: int


class BatchResultsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which results; as JSON Lines all from the cursor on, unless there is a limit."""

    cursor: (
        Annotated[str, Meta(pattern="^[0-9]{1,5}$", description="The `cursor_next` of an earlier answer.")] | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=RESULTS_MAX, description="How many results are told.")] = RESULTS


Named = BatchRecipient | Unfit

_encoder = msgspec.json.Encoder()


def decode_batch(body: bytes) -> tuple[BatchHead, list[Named]]:
    """Return what a JSON body asks for; a recipient whose shape is wrong is `Unfit`, and no reason to refuse the rest.

    Raises:
        Malformed: `MALFORMED_JSON` (see `shape.parse_object`), or `VALIDATION_ERROR` with the field of what all have in
            common, or `recipients` where they are no list of 1 to 10,000 objects.
    """
    members = parse_object(body)
    recipients = members.pop("recipients", None)
    if not isinstance(recipients, list) or not all(isinstance(one, dict) for one in recipients):
        raise _unlisted("recipients is a list of objects, each with to or conversation_id.")
    check_count(len(recipients))
    return _head(members), [_recipient(one) for one in recipients]


def decode_head(line: bytes) -> BatchHead:
    """Return what the first of JSON Lines says; see `decode_batch`."""
    return _head(parse_object(line))


def decode_recipient(line: bytes) -> Named:
    """Return the recipient of one of JSON Lines; raises `Malformed` where it is no JSON object."""
    return _recipient(parse_object(line))


def check_count(count: int) -> None:
    """Raise `Malformed` unless a batch may have so many recipients."""
    if not 1 <= count <= RECIPIENTS_MAX:
        message = f"A batch has 1 to {RECIPIENTS_MAX:,} recipients, and not {count:,}: split it."
        raise _unlisted(message if count else "A batch has at least one recipient: add one.")


def encode_batch(head: BatchHead, recipients: Sequence[BatchRecipient | Mapping[str, object]]) -> bytes:
    """Return the JSON body of a batch; fields at their default are left out."""
    return _encoder.encode({**msgspec.to_builtins(head), "recipients": recipients})


def encode_part(part: BatchHead | Named) -> bytes:
    """Return one part of a batch as JSON."""
    return _encoder.encode(part)


def _head(members: Mapping[str, Any]) -> BatchHead:
    present = {name: value for name, value in members.items() if value is not None}
    if present.get("caption") == "":
        del present["caption"]
    head = converted(present, BatchHead)
    check_source(head, "media_url", "The batch")
    return head


def _recipient(members: Mapping[str, Any]) -> Named:
    present = {name: value for name, value in members.items() if value is not None}
    try:
        recipient = converted(present, BatchRecipient)
        check_target(recipient, "This one")
    except Malformed as error:
        return Unfit(
            message=error.message,
            field=error.field,
            to=_shown(present.get("to"), _NAME_MAX_CHARS),
            conversation_id=_uuid(present.get("conversation_id")),
            client_reference=_shown(present.get("client_reference"), _REFERENCE_MAX_CHARS),
        )
    return recipient


def _shown(value: object, most: int) -> str | None:
    """Return the beginning of a text, as it can be kept."""
    return value.replace("\0", "")[:most] or None if isinstance(value, str) else None


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _unlisted(message: str) -> Malformed:
    return Malformed(Code.VALIDATION_ERROR, message, "recipients")
