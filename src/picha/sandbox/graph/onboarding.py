"""What a program asks once, when it is set up: is the token good, does the account answer, is the number registered.

Sources: Meta's debug_token reference, health status page, and business phone number registration page.
"""

import base64
import re
from urllib.parse import urlencode

from picha.cloudapi.errors import lookup
from picha.kit.secrets import Secret
from picha.sandbox import magic, refusals
from picha.sandbox.accounts import Accounts
from picha.sandbox.credentials import APP_ID, Credentials
from picha.sandbox.rules import Document

APP_NAME = "Picha sandbox"
_SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")
_SYSTEM_USER_ID = "122100541976038711"
_PIN = re.compile(r"[0-9]{6}\Z")
_LIMIT_MAX = 100
_PLACE_MAX_DIGITS = 9


def debugged(ours: Credentials, accounts: Accounts, wanted: Document) -> Document:
    """Return what Graph tells of the token `input_token`; one that is not ours is told of as not valid.

    Raises:
        Refusal: no token is named.
    """
    token = wanted.get("input_token")
    if not isinstance(token, str) or not token:
        raise refusals.missing("input_token")
    opened = [account.waba_id for account in accounts.all if Secret(account.access_token).matches(token)]
    if opened:
        return {"data": _valid("SYSTEM_USER") | _granted(opened)}
    if Secret(ours.app_token).matches(token):
        return {"data": _valid("APP") | {"scopes": []}}
    error = {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"}
    return {"data": {"error": error, "is_valid": False, "scopes": []}}


def _valid(kind: str) -> Document:
    return {"app_id": APP_ID, "type": kind, "application": APP_NAME, "is_valid": True, "expires_at": 0}


def _granted(waba_ids: list[str]) -> Document:
    granular = [{"scope": scope, "target_ids": waba_ids} for scope in _SCOPES]
    user = {"user_id": _SYSTEM_USER_ID, "data_access_expires_at": 0}
    return user | {"scopes": list(_SCOPES), "granular_scopes": granular}


def check_registration(wanted: Document) -> None:
    """Look at a registration of the number; it is registered already, and any PIN of six digits is taken.

    Raises:
        Refusal: the product is not WhatsApp, or the PIN is none, or it is a registration error's code.
    """
    if wanted.get("messaging_product") is None:
        raise refusals.missing("messaging_product")
    if wanted["messaging_product"] != "whatsapp":
        raise refusals.one_of("messaging_product", ("whatsapp",), str(wanted["messaging_product"])[:100])
    pin = wanted.get("pin")
    if pin is None:
        raise refusals.missing("pin")
    if not isinstance(pin, str) or not _PIN.match(pin):
        raise refusals.parameter("Param pin must be 6 characters long.")
    if int(pin) in magic.REGISTRATION_CODES:
        raise refusals.of_code(int(pin))


def page(items: list[Document], wanted: Document, here: str) -> Document:
    """Return a page of Graph's: up to `limit` of the `items`, 25 without one, from the one after the cursor `after`.

    `here` is the address of the call, from which that of the next page is made if there is one.

    Raises:
        Refusal: `limit` is not a number from 1 to 100, or `after` is no cursor of Graph's.
    """
    text = str(wanted.get("limit", "25"))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _LIMIT_MAX):
        raise refusals.parameter(f"Param limit must be a number from 1 to {_LIMIT_MAX}.")
    limit, first = int(text[:9]), _place_after(wanted.get("after"))
    shown = items[first : first + limit]
    if not shown:
        return {"data": []}
    after = _cursor(first + len(shown) - 1)
    paging: Document = {"cursors": {"before": _cursor(first), "after": after}}
    if first + limit < len(items):
        kept = {key: value for key, value in wanted.items() if isinstance(value, str) and key != "after"}
        paging["next"] = f"{here}?{urlencode(kept | {'after': after}, errors='replace')}"
    return {"data": shown, "paging": paging}


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _place_after(cursor: object) -> int:
    if cursor in (None, ""):
        return 0
    try:
        text = base64.urlsafe_b64decode(str(cursor).encode()).decode("ascii")
    except ValueError:
        text = ""
    if not (text.isdigit() and len(text) <= _PLACE_MAX_DIGITS):
        raise refusals.parameter("Param after is not a valid cursor.")
    return int(text) + 1


def health(*entities: tuple[str, str], is_able: bool = True) -> Document:
    """Return the health status of an object, by kind and id, and of those it depends on; the first may be unable."""
    listed: list[Document] = [
        {"entity_type": kind, "id": object_id, "can_send_message": "AVAILABLE"}
        for kind, object_id in (*entities, ("APP", APP_ID))
    ]
    if not is_able:
        row = lookup(133010)
        error = {"error_code": row.code, "error_description": row.title, "possible_solution": row.remedy}
        listed[0] |= {"can_send_message": "BLOCKED", "errors": [error]}
    return {"can_send_message": "AVAILABLE" if is_able else "BLOCKED", "entities": listed}
