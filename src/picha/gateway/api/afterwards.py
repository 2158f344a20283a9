"""POST /v1/whatsapp/messages/{message_id}/cancel and /resend: what may be done about a send after it was accepted."""

from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, demand_type
from picha.gateway.api.messages import find
from picha.gateway.api.once import only_once
from picha.gateway.sending import afterwards
from picha.gateway.sending.afterwards import CannotError
from picha.gateway.telling.showing import show
from picha.karibu.errors import Code
from picha.karibu.resend import decode_resend
from picha.karibu.shape import Malformed


async def cancel_message(call: Call) -> Answer:
    """Take a send back that was not handed to WhatsApp yet; again changes nothing."""
    view, caller = await find(call), call.caller
    try:
        view = await afterwards.cancel(call.services.pool, caller.workspace_id, caller.environment, view)
    except CannotError as error:
        raise _refused(error) from None
    return Answer(show(view, call.services.links, caller.workspace_id))


async def resend_message(call: Call) -> Answer:
    """Send once more, on a person's word, what nobody knows to have reached WhatsApp; its timeline tells so."""
    demand_type(call.request, "application/json")
    try:
        decode_resend(await body(call.request, JSON_MAX_BYTES))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    return await only_once(call, b"", _resend)


async def _resend(call: Call) -> Answer:
    view, caller, services = await find(call), call.caller, call.services
    try:
        view = await afterwards.send_again(services.pool, services.times, caller.workspace_id, caller.environment, view)
    except CannotError as error:
        raise _refused(error) from None
    return Answer(show(view, services.links, caller.workspace_id), status=202)


def _refused(error: CannotError) -> RefusedError:
    return RefusedError(Code(error.why), error.message)
