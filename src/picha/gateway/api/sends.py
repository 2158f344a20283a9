"""POST /v1/whatsapp/messages/image, /text and /template."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from msgspec import UNSET

from picha.gateway.api.bringing import brought, check_address
from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, demand_type
from picha.gateway.api.once import REPLAYED, once
from picha.gateway.domain.admission import Refusal, Send
from picha.gateway.domain.filling import Filling
from picha.gateway.metrics import ACCEPTED
from picha.gateway.sending.accept import Receipt
from picha.karibu import sends
from picha.karibu.errors import Code
from picha.karibu.sends import Malformed, SendAccepted, SendImage, Target, encode_send
from picha.kit.crashpoints import crashpoint

T = TypeVar("T")


async def send_image(call: Call) -> Answer:
    """Accept one image send; when this answers 202 the message is durable."""
    asked = await _asked(call, sends.decode_send_image)
    command = _image(call, asked)
    result = None
    if asked.preflight and command.media_url is not None:
        # What was accepted before needs no second look at its picture.
        result = await call.services.accept.before(command)
        command = command if result else await _preflight(call, command)
    return _answer(result or await call.services.accept.send(command))


async def send_text(call: Call) -> Answer:
    """Accept one text send; when this answers 202 the message is durable."""
    asked = await _asked(call, sends.decode_send_text)
    return _answer(await call.services.accept.send(_command(call, asked, text=asked.body)))


async def send_template(call: Call) -> Answer:
    """Accept one template send, which needs no open window; when this answers 202 the message is durable."""
    asked = await _asked(call, sends.decode_send_template)
    header = asked.header or sends.Header()
    if header.media_url is not None:
        check_address(call, header.media_url, "header")
    filling = Filling(asked.template_name, asked.variables, asked.language)
    command = _command(
        call,
        asked,
        filling=filling,
        media_url=header.media_url,
        file_id=file_named(header.file_id, "header"),
        image_policy=asked.image_policy,
    )
    return _answer(await call.services.accept.send(command))


async def _asked(call: Call, decode: Callable[[bytes], T]) -> T:
    demand_type(call.request, "application/json")
    try:
        return decode(await body(call.request, JSON_MAX_BYTES))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error


def _answer(result: Receipt | Refusal) -> Answer:
    if isinstance(result, Refusal):
        raise refused(result)
    if not result.is_replay:
        ACCEPTED.inc()
    crashpoint("accept_before_answer")
    accepted = SendAccepted(
        message_id=result.message_id,
        conversation_id=result.conversation_id,
        sender_id=result.sender_id,
        sender=result.phone_number_id,
        idempotent_replay=result.is_replay or UNSET,
    )
    return Answer(accepted, status=202, headers=REPLAYED if result.is_replay else {})


def _command(call: Call, asked: Target, **content: Any) -> Send:
    """Return the send that was asked for; `content` are the fields in which kinds of sends differ."""
    return Send(
        workspace_id=call.caller.workspace_id,
        app_id=call.caller.app_id,
        environment=call.caller.environment,
        to=None if asked.conversation_id else asked.digits,
        sender=asked.sender,
        sender_id=asked.sender_id,
        conversation_id=asked.conversation_id,
        reply_to=_id(asked.reply_to, "reply_to", Code.MESSAGE_NOT_FOUND, "There is no message with that id."),
        client_reference=asked.client_reference,
        recipient_identity_key_hash=asked.recipient_identity_key_hash,
        expires_at=utc(asked.expires_at),
        is_high=asked.priority == "high",
        on_unknown=asked.on_unknown,
        once=once(call, partial(encode_send, asked)),
        caps=call.caller.caps,
        **content,
    )


def _image(call: Call, asked: SendImage) -> Send:
    if asked.preflight and asked.media_mode == "link":
        message = "With media_mode link WhatsApp fetches the picture, so preflight cannot look at it; leave one out."
        raise RefusedError(Code.VALIDATION_ERROR, message, "preflight")
    if asked.media_url is not None:
        check_address(call, asked.media_url, "media_url")
    return _command(
        call,
        asked,
        media_url=asked.media_url,
        is_link=asked.media_mode == "link" and asked.media_url is not None,
        image_policy=asked.image_policy,
        file_id=file_named(asked.file_id, "file_id"),
        caption=asked.caption,
    )


async def _preflight(call: Call, command: Send) -> Send:
    """Return the send with its picture brought in; what is refused anyway is refused before anything is fetched."""
    decided = await call.services.accept.look(command)
    if isinstance(decided, Refusal):
        raise refused(decided)
    policy = command.image_policy or decided.sender.image_policy
    file = await brought(call, command.media_url or "", policy, "media_url")
    return replace(command, file_id=file.id)


def refused(refusal: Refusal) -> RefusedError:
    """Return the answer to a command that is not admitted."""
    headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s is not None else {}
    return RefusedError(Code(refusal.code), refusal.message, refusal.field, headers=headers)


def utc(moment: datetime | None) -> datetime | None:
    """Return `expires_at` in UTC; at the calendar's two ends there are times that do not exist there."""
    try:
        return moment.astimezone(UTC) if moment is not None else None
    except OverflowError:
        raise RefusedError(Code.VALIDATION_ERROR, "expires_at is beyond the calendar.", "expires_at") from None


def file_named(text: str | None, field: str) -> UUID | None:
    """Return the id of the upload that a field names; what is no id names none."""
    return _id(text, field, Code.MEDIA_NOT_FOUND, "There is no uploaded picture with that file_id.")


def _id(text: str | None, field: str, code: Code, message: str) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        raise RefusedError(code, message, field) from None
