"""POST /v1/whatsapp/messages/{message_id}/cancel and /resend: what may be done about a send after it was accepted."""

from datetime import timedelta

from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, demand_type
from picha.gateway.api.messages import find
from picha.gateway.api.once import only_once
from picha.gateway.domain import window
from picha.gateway.domain.outcomes import SOFT_WAIT, UNKNOWN
from picha.gateway.metrics import AGAIN
from picha.gateway.store import threads
from picha.gateway.store.ledger import decide, withdraw
from picha.gateway.store.views import MessageView
from picha.gateway.telling.showing import show
from picha.karibu.errors import Code
from picha.karibu.resend import decode_resend
from picha.karibu.shape import Malformed

_MINUTES = SOFT_WAIT // timedelta(minutes=1)


async def cancel_message(call: Call) -> Answer:
    """Take a send back that was not handed to WhatsApp yet; again changes nothing."""
    view = await find(call)
    done = await withdraw.cancel(call.services.pool, view.id)
    view = await find(call)
    if not done and view.phase != "cancelled":
        raise RefusedError(Code.NOT_CANCELLABLE, _why_not_cancellable(view))
    return Answer(show(view, call.services.links, call.caller.workspace_id))


async def resend_message(call: Call) -> Answer:
    """Send once more, on a person's word, what nobody knows to have reached WhatsApp; its timeline tells so."""
    demand_type(call.request, "application/json")
    try:
        decode_resend(await body(call.request, JSON_MAX_BYTES))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    return await only_once(call, b"", _resend)


async def _resend(call: Call) -> Answer:
    view = await find(call)
    # WhatsApp takes a template at any time.
    if _is_doubtful(view) and view.message_type != "template":
        await _demand_window(call, view)
    if not await decide.send_again(call.services.pool, view.id):
        raise RefusedError(Code.NOT_RESENDABLE, _why_not_resendable(view))
    AGAIN.labels("person").inc()
    return Answer(show(await find(call), call.services.links, call.caller.workspace_id), status=202)


def _is_doubtful(view: MessageView) -> bool:
    return view.phase == "unknown" or (view.phase == "failed" and view.error_code == UNKNOWN)


async def _demand_window(call: Call, view: MessageView) -> None:
    """Refuse what would fail for its window anyway."""
    environment, workspace = call.caller.environment, call.caller.workspace_id
    thread = await threads.conversation(call.services.pool, workspace, environment, view.conversation_id)
    if thread is not None and not window.is_open(thread.window_until, call.services.times.now(thread.account_id)):
        raise RefusedError(Code.WINDOW_CLOSED, window.CLOSED)


def _why_not_cancellable(view: MessageView) -> str:
    if not view.is_outbound:
        return "A customer sent this message; only a send of yours can be cancelled."
    if view.phase in {"image_wait", "queued"}:
        return "An earlier attempt at this message may have reached WhatsApp, so it cannot be taken back any more."
    return f"Only what was not handed to WhatsApp yet can be cancelled; this message is {view.phase}."


def _why_not_resendable(view: MessageView) -> str:
    if view.phase == "unknown":
        return (
            "WhatsApp may still tell what became of this message: ask again "
            f"{_MINUTES} minutes after it was handed over."
        )
    shown = f"{view.phase} with {view.error_code}" if view.error_code else view.phase
    return f"Only a message of which nobody knows whether WhatsApp took it can be sent again; this one is {shown}."
