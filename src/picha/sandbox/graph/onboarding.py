"""What a program asks once, when it is set up: is the token good, does the account answer, is the number registered.

Sources: Meta's debug_token reference, health status page, and business phone number registration page.
"""

import re

from picha.kit.secrets import Secret
from picha.sandbox import refusals
from picha.sandbox.credentials import APP_ID, PHONE_NUMBER_ID, WABA_ID, Credentials
from picha.sandbox.rules import Document

APP_NAME = "Picha sandbox"
_SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")
_SYSTEM_USER_ID = "122100541976038711"
_PIN = re.compile(r"[0-9]{6}\Z")
_LIMIT_MAX = 100
_ENTITIES = (("PHONE_NUMBER", PHONE_NUMBER_ID), ("WABA", WABA_ID), ("APP", APP_ID))


def debugged(ours: Credentials, wanted: Document) -> Document:
    """Return what Graph tells of the token `input_token`; one that is not ours is told of as not valid.

    Raises:
        Refusal: no token is named.
    """
    token = wanted.get("input_token")
    if not isinstance(token, str) or not token:
        raise refusals.missing("input_token")
    if Secret(ours.access_token).matches(token):
        return {"data": _valid("SYSTEM_USER") | _granted()}
    if Secret(ours.app_token).matches(token):
        return {"data": _valid("APP") | {"scopes": []}}
    error = {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"}
    return {"data": {"error": error, "is_valid": False, "scopes": []}}


def _valid(kind: str) -> Document:
    return {"app_id": APP_ID, "type": kind, "application": APP_NAME, "is_valid": True, "expires_at": 0}


def _granted() -> Document:
    granular = [{"scope": scope, "target_ids": [WABA_ID]} for scope in _SCOPES]
    user = {"user_id": _SYSTEM_USER_ID, "data_access_expires_at": 0}
    return user | {"scopes": list(_SCOPES), "granular_scopes": granular}


def check_registration(wanted: Document) -> None:
    """Look at a registration of the number; it is registered already, and any PIN of six digits is taken.

    Raises:
        Refusal: the product is not WhatsApp, or the PIN is none.
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


def page(items: list[Document], wanted: Document) -> Document:
    """Return a page of Graph's with all `items`, of which there are never more than one.

    Raises:
        Refusal: `limit` is not a number from 1 to 100.
    """
    limit = str(wanted.get("limit", "25"))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= _LIMIT_MAX):
        raise refusals.parameter(f"Param limit must be a number from 1 to {_LIMIT_MAX}.")
    cursors = {"before": "MAZDZD", "after": "MAZDZD"}
    return {"data": items, "paging": {"cursors": cursors}} if items else {"data": []}


def healthy(kind: str) -> Document:
    """Return a health status without any complaint, of the entity `kind` and of what it depends on."""
    kinds = [name for name, _ in _ENTITIES]
    entities = [
        {"entity_type": name, "id": entity_id, "can_send_message": "AVAILABLE"}
        for name, entity_id in _ENTITIES[kinds.index(kind) :]
    ]
    return {"can_send_message": "AVAILABLE", "entities": entities}
