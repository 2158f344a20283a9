"""The handset's page and its files: a customer's phone, and beside it what the sandbox does.

Whatever it shows it asks the control API for, so that the page itself holds no secret and may be read by anybody.
"""

import html
import json
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from picha.sandbox.accounts import Accounts
from picha.sandbox.control_words import refused
from picha.sandbox.first_day import PERSON, PERSON_NAME
from picha.sandbox.page_files import page_files, type_of
from picha.sandbox.ready import Ready

# Pictures come from here; `blob:` are those that a person has chosen, and those that are fetched with the token.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


def handset_page(ready: Ready, business: Accounts, inbox_url: str | None) -> list[Route]:
    """Return the routes of the page; it leads to the inbox where one is known."""
    template, files, digest = page_files()
    facts = {
        "wants_token": ready.control_token is not None,
        "person": {"with": PERSON, "name": PERSON_NAME},
        "numbers": [
            {
                "phone_number_id": number.phone_number_id,
                "phone": number.display_phone_number,
                "name": number.verified_name,
            }
            for number in business.numbers
        ],
    }
    page = Template(template).substitute(
        files=f"/handset/{digest}",
        facts=html.escape(json.dumps(facts)),
        inbox="" if inbox_url is None else html.escape(inbox_url),
        inbox_hidden="hidden" if inbox_url is None else "",
    )

    async def show_page(_request: Request) -> Response:
        return HTMLResponse(page, headers=_HEADERS)

    async def show_file(request: Request) -> Response:
        name: str = request.path_params["name"]
        if request.path_params["digest"] != digest or name not in files:
            return refused("there is no such file of the handset: open /handset anew", 404)
        return Response(files[name], media_type=type_of(name), headers=_FOR_EVER)

    return [
        Route("/handset", show_page, methods=["GET"]),
        Route("/handset/{digest}/{name}", show_file, methods=["GET"]),
    ]
