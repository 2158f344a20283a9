"""What a person sees who opens the sandbox in a browser: the front in JSON, and the handset's page."""

import html
import json

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from picha.sandbox.ready import Ready

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Picha sandbox: handset</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }}
pre {{ background: #f2f2f2; color: #111; padding: 1rem; overflow-x: auto; border-radius: .4rem; }}
</style>
<h1>Handset</h1>
<p>Here you will be the customer: see what the business sends and answer it. This page is still to come.</p>
<p>Until then, write to the business from a terminal. This sends the built-in photo from Sheena Nelson:</p>
<pre>{inbound}</pre>
<p>An image of your own goes in <code>image_base64</code> or <code>image_url</code>, or as a file in a form
(<code>curl -F from=16505551234 -F file=@photo.jpg</code>); a text is <code>"type": "text", "text": "…"</code>.</p>
<p>What both sides said, as the customer sees it, is in <a href="/_sandbox/conversations">the conversations</a> and
<a href="/_sandbox/messages?with=16505551234">their messages</a>; all that the business sent in
<a href="/_sandbox/ledger">the ledger</a>. Every other call is in <a href="/_sandbox/docs">the documentation</a>.</p>
</html>
"""


def routes(ready: Ready) -> list[Route]:
    """Return the routes of the front and of the handset's page."""
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
    page = _PAGE.format(inbound=html.escape(inbound_command(ready, shows_token=False)))

    async def show_front(_request: Request) -> Response:
        return Response(msgspec.json.encode(front), media_type="application/json")

    async def show_handset(_request: Request) -> Response:
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return [Route("/", show_front, methods=["GET"]), Route("/handset", show_handset, methods=["GET"])]


def inbound_command(ready: Ready, *, shows_token: bool) -> str:
    """Return a command that makes Sheena Nelson send a photo, with the control token or a word in its place."""
    spoken = json.dumps({"from": "16505551234", "name": "Sheena Nelson", "caption": "Taj Mahal"})
    token = ready.control_token if shows_token else "<control token>"
    proof = "" if ready.control_token is None else f" -H 'Authorization: Bearer {token}'"
    return f"curl {ready.control_url}/inbound{proof} -H 'Content-Type: application/json' -d '{spoken}'"
