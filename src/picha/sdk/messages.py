"""What is done with messages: send one, look at it, wait for it, take it back, answer it with blue ticks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import structs

from picha.karibu.reads import Message, MessageStatus, Page, ReadReceipt, Timeline, TimelineItem
from picha.karibu.sends import (
    Header,
    ImagePolicy,
    MediaMode,
    OnUnknown,
    Priority,
    SendAccepted,
    SendImage,
    SendTemplate,
    SendText,
    Target,
    encode_send,
)
from picha.sdk.calls import Call, Progress, identifier, query, reader
from picha.sdk.errands import Errand, Rest, Tools, ask
from picha.sdk.errors import MessageFailedError, NotYetError
from picha.sdk.media import upload
from picha.sdk.pages import Parts, Question, newest_first
from picha.sdk.pictures import Address, Filed, Image, understood
from picha.sdk.posting import derived, post, written

Stage = Literal["sent", "delivered", "read"]

_PATH = "/v1/whatsapp/messages"
_STAGES: tuple[Stage, ...] = ("sent", "delivered", "read")
_LOOK_FIRST_S, _LOOK_MOST_S = 0.1, 2.0


def send_image(
    tools: Tools,
    *,
    image: Image,
    to: str | None = None,
    conversation_id: UUID | str | None = None,
    sender: str | None = None,
    caption: str | None = None,
    reply_to: UUID | str | None = None,
    client_reference: str | None = None,
    expires_at: datetime | None = None,
    on_unknown: OnUnknown = "hold",
    image_policy: ImagePolicy | None = None,
    media_mode: MediaMode = "upload",
    priority: Priority = "normal",
    preflight: bool = False,
    recipient_identity_key_hash: str | None = None,
    idempotency_key: str | None = None,
    on_progress: Progress | None = None,
) -> Errand[SendAccepted]:
    """Send a picture to a person who wrote in the last 24 hours; when this returns, the gateway has it for good.

    `image` is bytes, a path, an open file, an https address, a file_id or a `Media` (see `picha.sdk.Image`); what is
    not yet at the gateway is uploaded first. The target is `to`, a phone number, or `conversation_id`. A connection
    that is lost on the way is no reason for a second message: each call has an idempotency key, and one of your own,
    such as the number of an order, makes it one message over the life of your programs, for seven days.

    Raises:
        RefusedError: by its code, such as WindowClosedError.
        NoAnswerError: nobody knows whether it is sent: call again with the same `idempotency_key`.
        OSError: the file cannot be read.
    """
    send = SendImage(
        caption=caption or None,
        image_policy=image_policy,
        media_mode=media_mode,
        preflight=preflight,
        to=to,
        sender=sender,
        conversation_id=_uuid(conversation_id, "conversation_id"),
        reply_to=_text(reply_to),
        client_reference=client_reference,
        expires_at=expires_at,
        on_unknown=on_unknown,
        priority=priority,
        recipient_identity_key_hash=recipient_identity_key_hash,
    )
    place = yield from placed(tools, image, image_policy, idempotency_key, on_progress)
    send = structs.replace(send, media_url=place.media_url, file_id=place.file_id)
    return (yield from _sent(tools, "image", send, idempotency_key))


def send_text(
    tools: Tools,
    *,
    body: str,
    to: str | None = None,
    conversation_id: UUID | str | None = None,
    sender: str | None = None,
    reply_to: UUID | str | None = None,
    client_reference: str | None = None,
    expires_at: datetime | None = None,
    on_unknown: OnUnknown = "hold",
    priority: Priority = "normal",
    recipient_identity_key_hash: str | None = None,
    idempotency_key: str | None = None,
) -> Errand[SendAccepted]:
    """Send a text of 1 to 4,096 characters to a person who wrote in the last 24 hours; otherwise as `send_image`."""
    send = SendText(
        body=body,
        to=to,
        sender=sender,
        conversation_id=_uuid(conversation_id, "conversation_id"),
        reply_to=_text(reply_to),
        client_reference=client_reference,
        expires_at=expires_at,
        on_unknown=on_unknown,
        priority=priority,
        recipient_identity_key_hash=recipient_identity_key_hash,
    )
    return (yield from _sent(tools, "text", send, idempotency_key))


def send_template(
    tools: Tools,
    *,
    template_name: str,
    variables: Mapping[str, str] | None = None,
    language: str | None = None,
    image: Image | None = None,
    image_policy: ImagePolicy | None = None,
    to: str | None = None,
    conversation_id: UUID | str | None = None,
    sender: str | None = None,
    reply_to: UUID | str | None = None,
    client_reference: str | None = None,
    expires_at: datetime | None = None,
    on_unknown: OnUnknown = "hold",
    priority: Priority = "normal",
    recipient_identity_key_hash: str | None = None,
    idempotency_key: str | None = None,
    on_progress: Progress | None = None,
) -> Errand[SendAccepted]:
    """Send an approved template to anybody, at any time; `image` is the picture of its header, as in `send_image`.

    Raises:
        TemplateNotFoundError, TemplateNotApprovedError: it is not there, or may not be sent.
    """
    header = None
    if image is not None:
        header = yield from placed(tools, image, image_policy, idempotency_key, on_progress)
    send = SendTemplate(
        template_name=template_name,
        variables=dict(variables or {}),
        language=language,
        header=header,
        image_policy=image_policy,
        to=to,
        sender=sender,
        conversation_id=_uuid(conversation_id, "conversation_id"),
        reply_to=_text(reply_to),
        client_reference=client_reference,
        expires_at=expires_at,
        on_unknown=on_unknown,
        priority=priority,
        recipient_identity_key_hash=recipient_identity_key_hash,
    )
    return (yield from _sent(tools, "template", send, idempotency_key))


def placed(
    tools: Tools, image: Image, policy: ImagePolicy | None, idempotency_key: str | None, on_progress: Progress | None
) -> Errand[Header]:
    """Return where the gateway finds a picture; what it does not have yet is uploaded.

    The upload's idempotency key is derived from the one of whatever needs it.
    """
    match understood(image):
        case Address(url):
            return Header(media_url=url)
        case Filed(file_id):
            return Header(file_id=file_id)
        case _:
            key = derived(idempotency_key, "upload")
            taken = yield from upload(
                tools, image=image, image_policy=policy, idempotency_key=key, on_progress=on_progress
            )
            return Header(file_id=taken.file_id)


def _sent(tools: Tools, kind: str, send: Target, idempotency_key: str | None) -> Errand[SendAccepted]:
    call = post(tools, f"{_PATH}/{kind}", SendAccepted, body=encode_send(send), idempotency_key=idempotency_key)
    return (yield from ask(tools, call))


def _uuid(value: UUID | str | None, name: str) -> UUID | None:
    return UUID(identifier(value, name)) if value else None


def _text(value: UUID | str | None) -> str | None:
    return str(value) if value else None


def get(tools: Tools, message_id: UUID | str) -> Errand[Message]:
    """Return one message, a send or one that was received, by our id."""
    path = f"{_PATH}/{identifier(message_id, 'message_id')}"
    return (yield from ask(tools, Call(method="GET", path=path, reads=reader(Message))))


def wait(tools: Tools, message_id: UUID | str, *, until: Stage = "delivered", timeout: float = 60.0) -> Errand[Message]:
    """Wait until a send is sent, delivered or read, or has come further, and return it; `timeout` is in seconds.

    Raises:
        MessageFailedError: it failed, was cancelled or was given up. One whose outcome was not known may yet turn out
            to have arrived.
        NotYetError: it has not come so far in time.
    """
    if until not in _STAGES:
        raise ValueError(f"until is {', '.join(_STAGES)}.")
    wanted = _STAGES[_STAGES.index(until) :]
    gives_up_at = tools.clock.monotonic() + timeout
    rest_s = _LOOK_FIRST_S
    while True:
        message = yield from get(tools, message_id)
        if message.status in wanted:
            return message
        if message.status == "failed":
            raise MessageFailedError(message)
        left_s = gives_up_at - tools.clock.monotonic()
        if left_s <= 0:
            raise NotYetError(message, until, timeout)
        yield Rest(min(rest_s, left_s))
        rest_s = min(rest_s * 1.5, _LOOK_MOST_S)


def messages(
    tools: Tools,
    *,
    conversation_id: UUID | str | None = None,
    direction: Literal["inbound", "outbound"] | None = None,
    status: MessageStatus | Sequence[MessageStatus] | None = None,
    message_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    page_size: int = 100,
) -> Parts[Message]:
    """Go through messages, the newest first, as far as you read on; each comes once, whatever arrives meanwhile.

    `since` is the first moment, `until` the first that is not asked for; both are aware. `page_size` is 1 to 200.
    """

    def asked(question: Question) -> Errand[Page[Message]]:
        parameters = query(
            conversation_id=conversation_id,
            direction=direction,
            status=[status] if isinstance(status, str) else list(status) if status else None,
            message_type=message_type,
            since=since,
            until=until,
            limit=page_size,
            offset=question.offset,
            before=question.before,
        )
        call = Call(method="GET", path=_PATH, reads=reader(Page[Message]), query=parameters)
        return (yield from ask(tools, call))

    return newest_first(asked, key=lambda one: one.id, goes_on=True)


def timeline(tools: Tools, message_id: UUID | str) -> Errand[list[TimelineItem]]:
    """Return a message's story, the oldest first: decisions of the gateway, attempts, evidence from WhatsApp."""
    path = f"{_PATH}/{identifier(message_id, 'message_id')}/timeline"
    told = yield from ask(tools, Call(method="GET", path=path, reads=reader(Timeline)))
    return told.items


def cancel(tools: Tools, message_id: UUID | str, *, idempotency_key: str | None = None) -> Errand[Message]:
    """Take a send back that was not handed over yet; raises `NotCancellableError` for one that was."""
    path = f"{_PATH}/{identifier(message_id, 'message_id')}/cancel"
    return (yield from ask(tools, post(tools, path, Message, idempotency_key=idempotency_key)))


def resend(
    tools: Tools, message_id: UUID | str, *, confirm: bool, idempotency_key: str | None = None
) -> Errand[Message]:
    """Send a message once more of which nobody knows whether it arrived.

    `confirm=True` is your word that the customer may get it twice. Raises `NotResendableError` for any other message.
    """
    path = f"{_PATH}/{identifier(message_id, 'message_id')}/resend"
    call = post(tools, path, Message, body=written(confirm=confirm), idempotency_key=idempotency_key)
    return (yield from ask(tools, call))


def mark_read(tools: Tools, message_id: UUID | str, *, idempotency_key: str | None = None) -> Errand[ReadReceipt]:
    """Show the customer that a message of theirs was read, and with it all that they wrote before."""
    path = f"{_PATH}/{identifier(message_id, 'message_id')}/read"
    return (yield from ask(tools, post(tools, path, ReadReceipt, idempotency_key=idempotency_key)))
