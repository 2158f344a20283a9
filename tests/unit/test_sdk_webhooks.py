"""Webhooks are believed when they are signed with the secret, and for no other reason."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sdk import Message, NotVerifiedError, StatusData, StrangeAnswerError, WebhookNews, parse, verify

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
BODY = b'{"event":"whatsapp.delivered"}'


def briq(secret: str = SECRET, body: bytes = BODY) -> dict[str, str]:
    """Sign as Karibu's guide says."""
    return {"X-Briq-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def standard(key: bytes = b"k" * 24, body: bytes = BODY, at: datetime = NOW, message: str = "wa_1") -> dict[str, str]:
    """Sign as Standard Webhooks says."""
    stamp = str(int(at.timestamp()))
    signed = hmac.new(key, f"{message}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(signed).decode()
    return {"webhook-id": message, "webhook-timestamp": stamp, "webhook-signature": signature}


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        (briq(), SECRET),
        (standard(), SECRET),
        (briq() | standard(), SECRET),
        ({name.upper(): value for name, value in standard().items()}, SECRET),
        (briq("a secret of my own"), "a secret of my own"),
        (standard(b"a secret of my own"), "a secret of my own"),
        # Decoded, it has fewer than 24 bytes: the whole text is the key.
        (standard(b"whsec_" + base64.b64encode(b"k" * 23)), "whsec_" + base64.b64encode(b"k" * 23).decode()),
        (standard() | {"webhook-signature": f"v1a,AAAA v1,{'B' * 44} {standard()['webhook-signature']}"}, SECRET),
        # Without the prefix it is a text, whatever it would be in base64.
        (standard(b"k" * 40), "k" * 40),
        (standard(b"whsec_not*base64*at*all*whatever*it*is"), "whsec_not*base64*at*all*whatever*it*is"),
        (standard(b"k" * 25), "whsec_" + base64.b64encode(b"k" * 25).decode().rstrip("=")),
        (briq(), ["the new one", SECRET]),
        (standard(), iter([SECRET, "the old one"])),
        (standard(at=NOW - timedelta(minutes=5)), SECRET),
        (standard(at=NOW + timedelta(minutes=5)), SECRET),
    ],
)
def test_a_webhook_that_is_signed_with_the_secret_is_verified(headers: Mapping[str, str], secret: Any) -> None:
    assert verify(BODY, headers, secret, now=NOW) is BODY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        briq("another"),
        {"X-Briq-Signature": briq()["X-Briq-Signature"].removeprefix("sha256=")},
        {"X-Briq-Signature": briq()["X-Briq-Signature"].upper()},
        {"X-Briq-Signature": ""},
        briq(body=BODY + b" "),
        standard(b"another key of 24 bytes "),
        standard(body=BODY + b" "),
        standard() | {"webhook-id": "wa_2"},
        standard() | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        standard() | {"webhook-timestamp": "soon"},
        standard() | {"webhook-timestamp": "\u0661"},
        standard() | {"webhook-signature": standard()["webhook-signature"].removeprefix("v1,")},
        standard(at=NOW - timedelta(minutes=5, seconds=1)),
        standard(at=NOW + timedelta(minutes=5, seconds=1)),
        # Headers of Standard Webhooks that do not hold are not made good by the other.
        briq() | standard(at=NOW - timedelta(days=1)),
        briq() | {"webhook-signature": "v1,"},
        {name: value for name, value in standard().items() if name != "webhook-timestamp"},
    ],
)
def test_any_other_webhook_is_refused_without_a_word_of_what_was_expected(headers: dict[str, str]) -> None:
    with pytest.raises(NotVerifiedError) as refused:
        verify(BODY, headers, SECRET, now=NOW)

    assert briq()["X-Briq-Signature"] not in str(refused.value)
    assert SECRET not in str(refused.value)


@given(
    st.binary(max_size=50),
    st.dictionaries(
        st.sampled_from(["X-Briq-Signature", "webhook-id", "webhook-timestamp", "webhook-signature", "Other"]),
        st.text(max_size=60) | st.none() | st.binary(max_size=5),
    ),
)
def test_whatever_comes_is_verified_or_refused_and_nothing_else(body: bytes, headers: Any) -> None:
    with pytest.raises(NotVerifiedError):
        verify(body, headers, SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", [], [""]])
def test_an_empty_secret_verifies_nothing(secret: Any) -> None:
    with pytest.raises(ValueError, match="Verifying needs a secret"):
        verify(BODY, briq(""), secret)


def told(event: str, data: object) -> bytes:
    envelope = {"event": event, "event_id": "wa_1", "service_type": "whatsapp", "timestamp": "2026-01-31T12:00:00Z"}
    return msgspec.json.encode(envelope | {"app_id": str(UUID(int=1)), "data": data})


def test_an_event_is_read_by_its_kind_and_one_of_tomorrow_as_it_comes() -> None:
    ids = {"message_id": str(UUID(int=2)), "conversation_id": str(UUID(int=3))}
    status = ids | {"sender": "1", "status": "read", "timestamp": "2026-01-31T12:00:00Z", "sequence": 3}
    message = {
        "id": str(UUID(int=2)), "conversation_id": str(UUID(int=3)), "sender_id": str(UUID(int=4)), "sender": "1",
        "is_outbound": False, "status": "received", "content": {"caption": "Hi"}, "created_at": "2026-01-31T12:00:00Z",
    }  # fmt: skip

    read = parse(told("whatsapp.read", status))
    received = parse(told("whatsapp.received", message))
    news = parse(told("webhook.disabled", {"webhook_id": str(UUID(int=5)), "reason": "gone"}))
    other = parse(told("sender.paused", {"why": ["token"]}))

    assert isinstance(read.data, StatusData)
    assert (read.event_id, read.data.sequence) == ("wa_1", 3)
    assert isinstance(received.data, Message)
    assert received.data.content.caption == "Hi"
    assert news.data == WebhookNews(webhook_id=UUID(int=5), reason="gone")
    assert other.data == {"why": ["token"]}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", told("whatsapp.read", {}), told("whatsapp.received", [])])
def test_a_body_that_is_no_event_is_said_to_be_strange(body: bytes) -> None:
    with pytest.raises(StrangeAnswerError):
        parse(body)
