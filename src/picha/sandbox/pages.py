"""What a person sees who opens the sandbox's address: what it is and where everything stands, in JSON."""

import json

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.sandbox.ready import Ready


def routes(ready: Ready) -> list[Route]:
    """Return the route of the front."""
    front = {
        "what": "A local WhatsApp Cloud API for image messages. Use base_url in place of https://graph.facebook.com.",
        "base_url": ready.base_url,
        "phone_number_id": ready.phone_number_id,
        "waba_id": ready.waba_id,
        "app_id": ready.app_id,
        "numbers": [
            {"phone_number_id": number.phone_number_id, "waba_id": number.waba_id, "phone": number.display_phone_number}
            for number in ready.numbers
        ],
        "handset_url": ready.handset_url,
        "docs_url": f"{ready.control_url}/docs",
        "openapi_url": f"{ready.control_url}/openapi.json",
    }

    async def show_front(_request: Request) -> Response:
        return Response(msgspec.json.encode(front), media_type="application/json")

    return [Route("/", show_front, methods=["GET"])]


def inbound_command(ready: Ready, *, shows_token: bool) -> str:
    """Return a command that makes Sheena Nelson send a photo, with the control token or a word in its place."""
    spoken = json.dumps({"from": "16505551234", "name": "Sheena Nelson", "caption": "Taj Mahal"})
    token = ready.control_token if shows_token else "<control token>"
    proof = "" if ready.control_token is None else f" -H 'Authorization: Bearer {token}'"
    return f"curl {ready.control_url}/inbound{proof} -H 'Content-Type: application/json' -d '{spoken}'"
