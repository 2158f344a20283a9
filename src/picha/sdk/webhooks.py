"""Webhooks of a gateway, verified and read; for whatever web framework receives them.

    event = parse(verify(body, headers, secret))

`body` is the raw body, byte for byte, and `headers` are the request's. Each delivery is signed twice: by Standard
Webhooks (webhook-id, webhook-timestamp, webhook-signature) and by Karibu's X-Briq-Signature.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from picha.karibu import signature
from picha.karibu.signature import TOLERANCE, SignatureError
from picha.kit.clock import SystemClock
from picha.sdk.errors import NotVerifiedError, StrangeAnswerError
from picha.sdk.told import Event, read_event

__all__ = ["TOLERANCE", "parse", "verify"]


def verify(
    body: bytes, headers: Mapping[str, str], secret: str | Iterable[str], *, now: datetime | None = None
) -> bytes:
    """Return `body` if it is signed with `secret`, or with one of several while you rotate them.

    Where headers of Standard Webhooks are there, they must hold, and the delivery is at most five minutes old.
    X-Briq-Signature alone, which tells no time, holds, too: as events may come twice anyway, remember `event_id`.

    Raises:
        NotVerifiedError: it is not; whatever body and headers hold, nothing else is raised.
    """
    secrets = [one for one in ([secret] if isinstance(secret, str) else secret) if one]
    if not secrets:
        raise ValueError("Verifying needs a secret: the gateway tells it at /v1/webhooks/{webhook_id}/secret.")
    told = {str(name): value for name, value in headers.items() if isinstance(value, str)}
    try:
        signature.verify(secrets, body, told, now=now or SystemClock().now())
    except SignatureError as error:
        raise NotVerifiedError(f"{error} Do not believe it.") from None
    return body


def parse(body: bytes) -> Event:
    """Return the event that a verified body tells; raises `StrangeAnswerError` for what is none."""
    try:
        return read_event(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StrangeAnswerError(f"The webhook's body is no event that this version can read: {error}") from error
