"""/webhooks/whatsapp: where Meta shakes hands and delivers."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import PlainTextResponse, Response

from picha.gateway.api.calls import Call, RefusedError, body
from picha.gateway.hearing.intake import SIGNATURE_HEADER, Taken
from picha.gateway.meta.limits import WEBHOOK_MAX_BYTES
from picha.gateway.metrics import WEBHOOKS
from picha.karibu.errors import Code
from picha.kit.crashpoints import crashpoint


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """How Meta asks whether an address wants its webhooks."""

    mode: Annotated[str, Meta(description="`subscribe`.")] = msgspec.field(name="hub.mode")
    verify_token: Annotated[str, Meta(description="The one that this gateway was set up with.")] = msgspec.field(
        name="hub.verify_token"
    )
    challenge: Annotated[str, Meta(description="Comes back as the body.")] = msgspec.field(
        name="hub.challenge", default=""
    )


class Signature(msgspec.Struct, frozen=True, kw_only=True, rename={"signature": SIGNATURE_HEADER}):
    """What proves that a webhook is Meta's."""

    signature: Annotated[
        str, Meta(description="`sha256=` and the HMAC-SHA256 of the body with the app secret, in hexadecimal.")
    ]


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
