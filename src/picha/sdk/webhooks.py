"""Webhooks of a gateway, verified and read; for whatever web framework receives them.

    event = parse(verify(body, headers, secret))

`body` is the raw body, byte for byte, and `headers` are the request's. Each delivery is signed twice: by Standard
Webhooks (webhook-id, webhook-timestamp, webhook-signature) and by Karibu's X-Briq-Signature.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from picha.kit.clock import SystemClock
from picha.sdk.errors import NotVerifiedError, StrangeAnswerError
from picha.sdk.told import Event, read_event

TOLERANCE = timedelta(minutes=5)
"""How far the time that a delivery was signed at may lie from now."""

_BRIQ = "x-briq-signature"
_ID, _TIMESTAMP, _SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX = "whsec_"
# A decoded key of fewer bytes is none of Standard Webhooks': the whole secret is the key then.
_KEY_LEAST = 24
_MOMENT = re.compile(r"[0-9]{1,12}")


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
        raise ValueError("Verifying needs a secret: the gateway shows it once, when the webhook is made.")
    told = {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}
    if any(name in told for name in (_ID, _TIMESTAMP, _SIGNATURE)):
        _check_standard(body, told, secrets, now or SystemClock().now())
    elif not _any_is(told.get(_BRIQ, ""), ("sha256=" + _hmac(_bytes(one), body).hex() for one in secrets)):
        raise NotVerifiedError("The webhook has no signature, or one of another secret: do not believe it.")
    return body


def parse(body: bytes) -> Event:
    """Return the event that a verified body tells; raises `StrangeAnswerError` for what is none."""
    try:
        return read_event(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StrangeAnswerError(f"The webhook's body is no event that this version can read: {error}") from error


def _check_standard(body: bytes, told: Mapping[str, str], secrets: list[str], now: datetime) -> None:
    sent_at = told.get(_TIMESTAMP, "")
    if not sent_at.isascii() or not _MOMENT.fullmatch(sent_at):
        raise NotVerifiedError("The webhook does not tell when it was signed: do not believe it.")
    if abs(now.timestamp() - int(sent_at)) > TOLERANCE.total_seconds():
        raise NotVerifiedError(
            "The webhook was signed more than five minutes ago, or the clocks here and there differ."
        )
    signed = b".".join([_bytes(told.get(_ID, "")), sent_at.encode(), body])
    signatures = told.get(_SIGNATURE, "").split(" ")
    expected = ["v1," + base64.b64encode(_hmac(_key(one), signed)).decode() for one in secrets]
    if not any(_any_is(one, expected) for one in signatures):
        raise NotVerifiedError("The webhook has no signature, or one of another secret: do not believe it.")


def _any_is(presented: str, expected: Iterable[str]) -> bool:
    given = _bytes(presented)
    return any(hmac.compare_digest(one.encode(), given) for one in expected)


def _key(secret: str) -> bytes:
    """Return what follows `whsec_`, decoded, or the secret as it is written where that is no key of decent length."""
    if not secret.startswith(_PREFIX):
        return _bytes(secret)
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    return key if len(key) >= _KEY_LEAST else _bytes(secret)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
