"""/webhooks/whatsapp: where Meta shakes hands and delivers."""

from starlette.responses import PlainTextResponse, Response

from picha.gateway.api.calls import Call, RefusedError, body
from picha.gateway.hearing.intake import SIGNATURE_HEADER, Taken
from picha.gateway.meta.limits import WEBHOOK_MAX_BYTES
from picha.gateway.metrics import WEBHOOKS
from picha.karibu.errors import Code
from picha.kit.crashpoints import crashpoint


async def handshake(call: Call) -> Response:
    """Answer a subscription's challenge, as plain text, to whoever knows a verify token of ours."""
    query = call.request.query_params
    if not await call.services.intake.shakes_hands(query.get("hub.mode"), query.get("hub.verify_token")):
        raise RefusedError(
            Code.UNAUTHORIZED, "hub.mode must be subscribe and hub.verify_token the one this gateway was set up with."
        )
    return PlainTextResponse(query.get("hub.challenge", ""))


async def deliver(call: Call) -> Response:
    """Keep a webhook, then answer 200. What cannot be kept is answered 503, and Meta brings it again."""
    raw = await body(call.request, WEBHOOK_MAX_BYTES)
    taken = await call.services.intake.take(raw, call.request.headers.get(SIGNATURE_HEADER))
    WEBHOOKS.labels(taken.name.lower()).inc()
    if taken is Taken.REFUSED:
        raise RefusedError(
            Code.UNAUTHORIZED, f"{SIGNATURE_HEADER} does not sign this body with the app secret of any account here."
        )
    crashpoint("intake_before_answer")
    return PlainTextResponse("kept")
