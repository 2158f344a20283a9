"""Whether a send is admitted: who sends, to whom, in which thread, with which picture or template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from picha.gateway.domain import window
from picha.gateway.domain.caps import Cap
from picha.gateway.domain.filling import Filled, Filling, Form, fill
from picha.gateway.domain.once import Once
from picha.gateway.domain.outcomes import OnUnknown
from picha.images.plan import Policy


@dataclass(frozen=True, slots=True)
class Send:
    """A business's command to send one picture, text or template. `environment` is the presented key's: test or live.

    It comes from an app, or without one from the person of the inbox who is `person_id`.

    With `text` or a `filling` it is no picture; a filling's picture is its header's. With `is_link` the address itself
    goes to Meta. `image_policy` (auto or strict) None means the sender's own. With `once` it is accepted once, however
    often it comes. `caps` bound how much its key and its workspace may send.
    """

    workspace_id: UUID
    app_id: UUID | None
    environment: str
    to: str | None = None
    sender: str | None = None
    sender_id: UUID | None = None
    conversation_id: UUID | None = None
    media_url: str | None = None
    is_link: bool = False
    image_policy: Policy | None = None
    file_id: UUID | None = None
    caption: str | None = None
    reply_to: UUID | None = None
    client_reference: str | None = None
    recipient_identity_key_hash: str | None = None
    expires_at: datetime | None = None
    is_high: bool = False
    on_unknown: OnUnknown = "hold"
    once: Once | None = None
    batch_id: UUID | None = None
    text: str | None = None
    filling: Filling | None = None
    caps: tuple[Cap, ...] = ()
    person_id: UUID | None = None

    @property
    def message_type(self) -> str:
        """The kind of message, in the words of both wires."""
        return "template" if self.filling else "image" if self.text is None else "text"


@dataclass(frozen=True, slots=True)
class Sender:
    """A business number as deciding needs it."""

    id: UUID
    account_id: UUID
    environment: str
    phone_number_id: str
    display_number: str
    is_active: bool
    image_policy: Policy
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as deciding needs it; `newest` is its last message, by their ids.

    `asked` is the id that named it, which it may have had before.
    """

    id: UUID
    sender_id: UUID
    contact_id: UUID
    window_until: datetime | None
    newest: UUID | None = None
    is_group: bool = False
    asked: UUID | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows that bears on one command.

    `senders` are the workspace's of the command's environment; `threads` has the one with the person named by `to`, or
    the one named by `conversation_id`; `replied_to` is the provider's id of the message that `reply_to` names; `forms`
    are the templates that have the name of the command's, of every account of the workspace. `falls_back` tells that
    the default sender stands in where several are active and none is named.
    """

    senders: Sequence[Sender]
    threads: Sequence[Thread]
    has_file: bool = False
    is_file_fit: bool = False
    replied_to: str | None = None
    forms: Sequence[Form] = ()
    falls_back: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not admitted; `code` is one of the API's stable codes. `retry_after_s` says when it may be."""

    code: str
    message: str
    field: str | None = None
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A lawful send: the number it leaves from, its thread, the provider id that it replies to, its filled template."""

    sender: Sender
    thread: Thread
    replied_to: str | None
    filled: Filled | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """A lawful send to somebody with whom there is no thread yet: make one, and it is admitted in that."""

    sender: Sender
    phone: str
    filled: Filled

    def into(self, thread: Thread) -> Admitted:
        """Return the send as it is admitted in the thread that was made for it."""
        return Admitted(self.sender, thread, None, self.filled)


_NO_SENDER = Refusal(
    "SENDER_NOT_FOUND",
    "This workspace has no sender with that number or id; list yours with GET /v1/whatsapp/senders.",
    "sender",
)


_OF_A_GROUP = Refusal(
    "VALIDATION_ERROR",
    "That conversation is a group's. This gateway hears groups and sends to people only.",
    "conversation_id",
)


_INACTIVE = Refusal("SENDER_INACTIVE", "This sender is switched off; use an active one.", "sender")


def _digits(number: str) -> str:
    """Return a number as it is stored, without what people write between its digits; empty for what is no number."""
    bare = number.translate(_BETWEEN)
    return bare if bare.isascii() and bare.isdigit() else ""


_BETWEEN = str.maketrans("", "", " +-()./\u00a0")


def sender_of(command: Send, senders: Sequence[Sender], *, falls_back: bool) -> Sender | Refusal:
    """Resolve `sender` (number, then phone_number_id), then `sender_id`, then the only active one, or the default."""
    if command.sender is not None:
        wanted = _digits(command.sender)
        found = [s for s in senders if s.display_number == wanted] or [
            s for s in senders if s.phone_number_id == command.sender.strip()
        ]
    elif command.sender_id is not None:
        found = [s for s in senders if s.id == command.sender_id]
    else:
        found = [s for s in senders if s.is_active]
        if falls_back:
            found = [s for s in found if s.is_default] or found
        if len(found) > 1:
            return Refusal(
                "SENDER_AMBIGUOUS",
                f"This workspace has {len(found)} active senders; name one in `sender`, by number or phone_number_id.",
                "sender",
            )
    if found:
        return found[0]
    by_id = command.sender is None and command.sender_id is not None
    return replace(_NO_SENDER, field="sender_id") if by_id else _NO_SENDER


def _thread(command: Send, known: Known) -> tuple[Sender, Thread | None] | Refusal:
    """Find the number and the thread; `conversation_id` wins over `to` and `sender`."""
    if command.conversation_id is None:
        sender = sender_of(command, known.senders, falls_back=known.falls_back)
        if isinstance(sender, Refusal):
            return sender
        return sender, next((t for t in known.threads if t.sender_id == sender.id), None)
    by_id: Mapping[UUID, Sender] = {s.id: s for s in known.senders}
    for thread in known.threads:
        if command.conversation_id in {thread.id, thread.asked} and thread.sender_id in by_id:
            return _OF_A_GROUP if thread.is_group else (by_id[thread.sender_id], thread)
    return Refusal(
        "CONVERSATION_NOT_FOUND",
        "This workspace has no conversation with that id; ids stand in GET /v1/whatsapp/messages.",
        "conversation_id",
    )


def _unusable(command: Send, known: Known) -> Refusal | None:
    """Return why the picture that a command names cannot be sent, or None when it can."""
    if command.file_id is None or known.is_file_fit:
        return None
    field = "file_id" if command.filling is None else "header"
    if known.has_file:
        message = (
            "WhatsApp does not take that picture as it is. Upload its bytes to POST /v1/whatsapp/media, which makes "
            "them fit, and send the file_id from there."
        )
        return Refusal("IMAGE_NOT_SUPPORTED", message, field)
    message = "There is no uploaded picture with that file_id, or it has expired; upload it to POST /v1/whatsapp/media."
    return Refusal("MEDIA_NOT_FOUND", message, field)


def admit(command: Send, known: Known, now: Mapping[UUID, datetime]) -> Admitted | Opening | Refusal:
    """Decide on one command; `now` tells the domain's moment of each sender's account."""
    found = _thread(command, known)
    if isinstance(found, Refusal):
        return found
    sender, thread = found
    if (refusal := _unlawful(command, known, sender)) is not None:
        return refusal
    if command.filling is not None:
        return _filled(command, command.filling, known, sender, thread)
    if thread is None or not window.is_open(thread.window_until, now[sender.account_id]):
        return Refusal("WINDOW_CLOSED", window.CLOSED)
    return Admitted(sender, thread, known.replied_to)


def survey(command: Send, known: Known) -> Sender | Refusal:
    """Decide on what a command has in common with others: its picture, and the number that it would leave from."""
    if (refusal := _unusable(command, known)) is not None:
        return refusal
    found = _thread(command, known)
    if isinstance(found, Refusal):
        return found
    sender, _ = found
    return sender if sender.is_active else _INACTIVE


def _unlawful(command: Send, known: Known, sender: Sender) -> Refusal | None:
    """Return what speaks against a command whatever it sends, or None."""
    if not sender.is_active:
        return _INACTIVE
    if (refusal := _unusable(command, known)) is not None:
        return refusal
    if command.reply_to is None or known.replied_to is not None:
        return None
    return Refusal(
        "MESSAGE_NOT_FOUND",
        "reply_to names no message of this workspace that WhatsApp knows; use the `id` of a listed message.",
        "reply_to",
    )


def _filled(
    command: Send, filling: Filling, known: Known, sender: Sender, thread: Thread | None
) -> Admitted | Opening | Refusal:
    """Decide on a template, which needs neither a window nor a thread."""
    forms = [one for one in known.forms if one.account_id == sender.account_id]
    filled = fill(filling, forms, has_picture=bool(command.file_id or command.media_url))
    if not isinstance(filled, Filled):
        return Refusal(filled.code, filled.message, filled.field)
    if thread is None:
        return Opening(sender, command.to or "", filled)
    return Admitted(sender, thread, known.replied_to, filled)
