"""POST /v1/whatsapp/messages/image."""

from datetime import UTC, datetime
from uuid import UUID

from picha.egress import LIVE, TEST, Refused, check_url
from picha.gateway.api.calls import Answer, Call, RefusedError, body, demand_type
from picha.gateway.domain.admission import Refusal, SendImage
from picha.gateway.metrics import ACCEPTED
from picha.karibu import sends
from picha.karibu.errors import Code
from picha.karibu.sends import Malformed, SendAccepted

JSON_MAX_BYTES = 64 * 1024

# Choices of the contract that nothing here does yet: said at once rather than accepted and not kept.
_NOT_YET = {"on_unknown": "resend", "image_policy": "auto", "media_mode": "link", "priority": "high", "preflight": True}


async def send_image(call: Call) -> Answer:
    """Accept one image send; when this answers 202 the message is durable."""
    demand_type(call.request, "application/json")
    if "idempotency-key" in call.request.headers:
        message = "Idempotency-Key is not supported yet, and ignoring it would send twice; leave it out."
        raise RefusedError(Code.NOT_IMPLEMENTED, message)
    try:
        asked = sends.decode_send_image(await body(call.request, JSON_MAX_BYTES))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    result = await call.services.accept.image(_command(call, asked))
    if isinstance(result, Refusal):
        raise RefusedError(Code(result.code), result.message, result.field)
    ACCEPTED.inc()
    accepted = SendAccepted(
        message_id=result.send.id,
        conversation_id=result.send.conversation_id,
        sender_id=result.send.sender_id,
        sender=result.sender.phone_number_id,
    )
    return Answer(accepted, status=202)


def _command(call: Call, asked: sends.SendImage) -> SendImage:
    for name, value in _NOT_YET.items():
        if getattr(asked, name) == value:
            raise RefusedError(Code.NOT_IMPLEMENTED, f"{name}={value!r} is not supported yet; leave it out.", name)
    _check_url(asked.media_url, call.caller.environment)
    return SendImage(
        workspace_id=call.caller.workspace_id,
        app_id=call.caller.app_id,
        environment=call.caller.environment,
        to=None if asked.conversation_id else asked.digits,
        sender=asked.sender,
        sender_id=asked.sender_id,
        conversation_id=asked.conversation_id,
        media_url=asked.media_url,
        file_id=_id(asked.file_id, "file_id", Code.MEDIA_NOT_FOUND, "There is no uploaded picture with that file_id."),
        caption=asked.caption,
        reply_to=_id(asked.reply_to, "reply_to", Code.MESSAGE_NOT_FOUND, "There is no message with that id."),
        client_reference=asked.client_reference,
        recipient_identity_key_hash=asked.recipient_identity_key_hash,
        expires_at=_utc(asked.expires_at),
    )


def _check_url(url: str | None, environment: str) -> None:
    """Refuse at once what needs no look at the network: scheme, userinfo, port, a literal private address."""
    try:
        if url is not None:
            check_url(url, TEST if environment == "test" else LIVE)
    except Refused as error:
        raise RefusedError(Code.VALIDATION_ERROR, f"media_url cannot be used: {error.detail}.", "media_url") from error


def _utc(moment: datetime | None) -> datetime | None:
    """Return `expires_at` in UTC; at the calendar's two ends there are times that do not exist there."""
    try:
        return moment.astimezone(UTC) if moment is not None else None
    except OverflowError:
        raise RefusedError(Code.VALIDATION_ERROR, "expires_at is beyond the calendar.", "expires_at") from None


def _id(text: str | None, field: str, code: Code, message: str) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        raise RefusedError(code, message, field) from None
