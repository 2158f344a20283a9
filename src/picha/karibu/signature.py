"""The signatures on the webhooks that customers get: Karibu's own, and those of Standard Webhooks beside it.

`X-Briq-Signature` is `sha256=` and the HMAC-SHA256 of the raw body in lower-case hexadecimal, keyed with the secret as
it is written. It has no time in it, so a body that was listened to can be played again; the Standard Webhooks headers
(`webhook-id`, `webhook-timestamp`, `webhook-signature`) do not allow that (https://www.standardwebhooks.com).
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

BRIQ_HEADER = "X-Briq-Signature"
# What the previous secret signs while the secret is being rotated; ours.
PREVIOUS_HEADER = "X-Briq-Signature-Previous"
ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)
"""How far a webhook's time may be from the verifier's."""

# Standard Webhooks wants keys of 24 bytes at least.
_KEY_MIN_BYTES = 24


class SignatureError(Exception):
    """A webhook is not genuine, or too old; the text says which, and not what would have been right."""


def sign(secret: str, body: bytes) -> str:
    """Return the value of `X-Briq-Signature` for `body`, byte for byte as it goes over the wire."""
    return "sha256=" + hmac.digest(_bytes(secret), body, "sha256").hex()


def sign_v1(secret: str, name: str, at: datetime, body: bytes) -> str:
    """Return the signature of Standard Webhooks, version 1, for the webhook called `name`, sent `at`."""
    signature = hmac.digest(_key(secret), content(name, at, body), "sha256")
    return f"v1,{base64.b64encode(signature).decode()}"


def content(name: str, at: datetime, body: bytes) -> bytes:
    """Return the bytes that every version of Standard Webhooks signs."""
    return f"{name}.{int(at.timestamp())}.".encode() + body


def verify(secrets: str | Iterable[str], body: bytes, headers: Mapping[str, str], *, now: datetime) -> None:
    """Return if any of `secrets` signed `body` in the Standard Webhooks headers, and not long before or after `now`.

    Names of headers are taken in any case. Where none of those headers is there, `X-Briq-Signature` decides.

    Raises:
        SignatureError: it is not genuine, or its time is more than `TOLERANCE` away.
    """
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    given = {name.lower(): value for name, value in headers.items()}
    if not any(name in given for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)):
        if not _is_any(given.get(BRIQ_HEADER.lower(), ""), [sign(secret, body) for secret in known if secret]):
            raise SignatureError("No secret signed this body in X-Briq-Signature.")
        return
    name, written = given.get(ID_HEADER, ""), given.get(TIMESTAMP_HEADER, "")
    at = _time(written)
    if abs(now - at) > TOLERANCE:
        raise SignatureError(f"The webhook's time is more than {TOLERANCE.total_seconds() / 60:.0f} minutes away.")
    right = [sign_v1(secret, name, at, body) for secret in known if secret]
    # Every one is compared, so that the place of the right one does not show.
    matches = [_is_any(one, right) for one in given.get(SIGNATURE_HEADER, "").split(" ")]
    if not any(matches):
        raise SignatureError("No secret signed this body in webhook-signature.")


def _time(written: str) -> datetime:
    try:
        if written.isascii() and written.isdigit():
            return datetime.fromtimestamp(int(written), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise SignatureError("webhook-timestamp is no time.")


def _is_any(presented: str, right: Iterable[str]) -> bool:
    matches = [hmac.compare_digest(_bytes(presented), one.encode()) for one in right]
    return any(matches)


def _key(secret: str) -> bytes:
    """Return what follows `whsec_`, decoded, or the secret as it is written where that is no key of decent length."""
    if secret.startswith(PREFIX):
        text = secret.removeprefix(PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            return _bytes(secret)
        if len(key) >= _KEY_MIN_BYTES:
            return key
    return _bytes(secret)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
