"""What goes over the wire to a webhook: the body, and the headers that say whose it is and prove it."""

import base64
import secrets
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from picha.gateway.store.endpoints import Endpoint
from picha.karibu.events import Event
from picha.karibu.signature import (
    BRIQ_HEADER,
    ID_HEADER,
    PREFIX,
    PREVIOUS_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    content,
    sign,
    sign_v1,
)
from picha.kit.secrets import Secret

# As Karibu's own deliveries name themselves.
_USER_AGENT = "Briq-Webhook/1.0"
_SECRET_BYTES = 24
_encoder = msgspec.json.Encoder()


def fresh_secret() -> Secret:
    """Return a new signing secret: `whsec_` and 32 characters of base64."""
    return Secret(PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode())


def fresh_signing_key() -> Secret:
    """Return a new Ed25519 key, in base64."""
    return Secret(base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode())


def public_key(signing_key: Secret) -> str:
    """Return what verifies `v1a` signatures, as Standard Webhooks writes it: `whpk_` and base64 of 32 bytes."""
    return "whpk_" + base64.b64encode(_opened(signing_key).public_key().public_bytes_raw()).decode()


def signed(event: Event, endpoint: Endpoint, at: datetime) -> tuple[bytes, dict[str, str]]:
    """Return the body of `event` and its headers, as they are sent to `endpoint` at a moment."""
    body, keys = _encoder.encode(event), endpoint.secrets
    known = [keys.secret, *([keys.previous] if keys.previous else [])]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "X-Briq-App-ID": str(endpoint.app_id),
        "X-Briq-Service-Type": endpoint.service_type,
        BRIQ_HEADER: sign(keys.secret.reveal(), body),
        ID_HEADER: event.event_id,
        TIMESTAMP_HEADER: str(int(at.timestamp())),
        SIGNATURE_HEADER: " ".join(
            [
                *(sign_v1(one.reveal(), event.event_id, at, body) for one in known),
                _sign_v1a(keys.signing_key, content(event.event_id, at, body)),
            ]
        ),
    }
    if keys.previous:
        headers[PREVIOUS_HEADER] = sign(keys.previous.reveal(), body)
    return body, headers


def _sign_v1a(signing_key: Secret, signs: bytes) -> str:
    return "v1a," + base64.b64encode(_opened(signing_key).sign(signs)).decode()


def _opened(signing_key: Secret) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(signing_key.reveal()))
