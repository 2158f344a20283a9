"""POST /v1/whatsapp/messages/{message_id}/read: the customer sees that their message was read."""

from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.api.messages import find
from picha.gateway.meta.graph import GraphCallError
from picha.gateway.store import tenants
from picha.karibu.errors import Code
from picha.karibu.reads import ReadReceipt

_NOT_INBOUND = "The business sent this message itself; name one that a customer sent, whose status is received."


async def send_receipt(call: Call) -> Answer:
    """Give a customer's message its blue ticks, and with it all that they wrote before; again changes nothing."""
    view = await find(call)
    if view.is_outbound or view.provider_message_id is None:
        raise RefusedError(Code.NOT_INBOUND, _NOT_INBOUND)
    sender = await tenants.sender(call.services.pool, view.sender_id)
    if sender is None:
        raise LookupError("a message has no sender")
    account = await call.services.book.get(sender.account_id)
    try:
        await call.services.graph.mark_read(account, sender.phone_number_id, view.provider_message_id)
    except GraphCallError as error:
        message = f"WhatsApp did not take the read receipt: {error.detail}"
        if error.again or error.bars:
            raise RefusedError(
                Code.UNAVAILABLE, message if error.code else f"{message} Try again in a moment."
            ) from error
        raise RefusedError(Code.VALIDATION_ERROR, message, "message_id") from error
    return Answer(ReadReceipt(message_id=view.id))
