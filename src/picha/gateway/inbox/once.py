"""Secrets that are the same however often one form is sent: of two clicks the second shows what the first one made.

A form has a fresh name in it, and what is made is drawn from that name and the master key: whoever has the name alone
knows nothing of it.
"""

import base64
import hashlib
import hmac
from uuid import UUID

from picha.gateway.inbox.visit import RefusedError, Visit
from picha.kit.ids import base62_of
from picha.kit.secrets import Secret

_STALE = RefusedError(400, "That form is not whole", "Go back, load the page again, and send it once more.")
_SECRET_BYTES = 24


def word(visit: Visit, name: str, purpose: str, length: int) -> str:
    """Return a base62 word that is always the same for one form's name, one purpose and the same person."""
    return base62_of(_drawn(visit, name, purpose), length)


def secret(visit: Visit, name: str, purpose: str) -> Secret:
    """Return a signing secret, as `whsec_` and base64, that is always the same as above."""
    return Secret("whsec_" + base64.b64encode(_drawn(visit, name, purpose)[:_SECRET_BYTES]).decode())


def _drawn(visit: Visit, name: str, purpose: str) -> bytes:
    try:
        named = UUID(name)
    except ValueError:
        raise _STALE from None
    content = f"{purpose}|{visit.workspace}|{visit.environment}|{visit.who.id}|{named}"
    return hmac.digest(visit.means.vault.derive("what forms make"), content.encode(), hashlib.sha512)
