"""What an answer means for its delivery, and how an event is written and signed, whatever a receiver says."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from picha.egress import LIVE, Answered, Refused, TooLarge, Unreachable
from picha.gateway.domain.retry import ASKED_FOR_MAX, TELL_AFTER
from picha.gateway.store.deliveries import Tellable
from picha.gateway.store.endpoints import Endpoint, Secrets
from picha.gateway.store.events import Cursor, EventView
from picha.gateway.telling.composing import compose, kind_of, name_event, name_of
from picha.gateway.telling.deliver import ANSWER_MAX_BYTES, TOTAL_S, judge, post_policy
from picha.gateway.telling.links import Links
from picha.gateway.telling.signing import fresh_secret, fresh_signing_key, public_key, signed
from picha.kit.clock import ManualClock
from picha.kit.secrets import Secret

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
A, B, C = (UUID(int=n) for n in (10, 11, 12))
KEY = fresh_signing_key()
ENDPOINT = Endpoint(A, B, "test", C, "whatsapp", "https://shop.example/hook", Secrets(Secret("s" * 16), None, KEY))
EVENT = EventView(
    cursor=Cursor(5, 7),
    kind="failed",
    app_id=C,
    message_id=A,
    webhook_id=None,
    sequence=2,
    occurred_at=NOON,
    told_at=NOON + timedelta(seconds=1),
    provider_message_id="wamid.X",
    error_code="131026",
    error_message="Undeliverable",
    error_detail="Not on WhatsApp.",
    conversation_id=B,
    sender="15550783881",
    recipient="255712345678",
    client_reference="order 7",
)
DUE = Tellable(7, 0, EVENT)
LINKS = Links(lambda: [b"k" * 32], ManualClock(NOON), "http://gateway")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_says_that_it_arrived(status: int) -> None:
    told = judge(ENDPOINT, DUE, Answered(status, "60", b"thanks"), 0.25, now=NOON, chance=0.5)

    assert (told.status, told.answer_status, told.answer_body, told.took_ms) == ("delivered", status, b"thanks", 250)
    assert (told.error, told.again_after, told.is_gone) == (None, None, False)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 304, 400, 401, 404, 410, 429, 500, 503, 599, 999])
def test_any_other_status_is_tried_again_and_only_410_is_taken_for_a_farewell(status: int) -> None:
    told = judge(ENDPOINT, DUE, Answered(status, None, b""), 0.25, now=NOON, chance=0.5)

    assert (told.status, told.step, told.again_after) == ("pending", 1, TELL_AFTER[0])
    assert told.error is not None
    assert str(status) in told.error
    assert told.is_gone == (status == 410)


@pytest.mark.parametrize(
    "trouble", [Unreachable("timeout", "No answer"), TooLarge(9), Refused("address", "Not public")]
)
def test_no_answer_is_tried_again_until_the_tenth_try(trouble: Unreachable | TooLarge | Refused) -> None:
    for step in range(len(TELL_AFTER) + 1):
        told = judge(ENDPOINT, Tellable(7, step, EVENT), trouble, 15, now=NOON, chance=0.5)

        assert (told.status == "failed") == (step == len(TELL_AFTER))
        assert (told.answer_status, told.error) == (None, f"{trouble.detail}.")


@pytest.mark.parametrize(
    ("asked", "waits_s"),
    [
        ("60", 60),
        (" 60 ", 60),
        ("0", 5),
        ("Sat, 31 Jan 2026 12:02:00 GMT", 120),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 5),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Sat, 31 Jan 2026 12:02:00 -0000", 120),
        ("", 5),
        ("1.5", 5),
        ("²", 5),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(asked: str, waits_s: float) -> None:
    told = judge(ENDPOINT, DUE, Answered(503, asked, b""), 1, now=NOON, chance=0.5)

    assert told.again_after == timedelta(seconds=waits_s)


_parts = st.text("0123456789 :,-+GMTJanFebSatSun.()", max_size=40)


@given(st.one_of(st.text(max_size=60), _parts), st.floats(0, 1, exclude_max=True))
def test_whatever_retry_after_says_the_pause_is_one_of_ours(asked: str, chance: float) -> None:
    told = judge(ENDPOINT, DUE, Answered(503, asked, b""), 1, now=NOON, chance=chance)

    assert told.again_after is not None
    assert TELL_AFTER[0] * 0.9 <= told.again_after <= ASKED_FOR_MAX


def test_a_post_goes_where_a_picture_may_be_fetched_from_and_no_further() -> None:
    policy = post_policy(LIVE)

    assert (policy.schemes, policy.ports, policy.allow_loopback) == (LIVE.schemes, LIVE.ports, False)
    assert (policy.max_redirects, policy.total_s, policy.max_bytes) == (0, TOTAL_S, ANSWER_MAX_BYTES)
    assert (TOTAL_S, ANSWER_MAX_BYTES) == (15, 131_072)


def test_an_event_is_written_the_same_in_every_try_and_signed_anew() -> None:
    event = compose(EVENT, LINKS, workspace=B, app=C)
    assert event is not None
    first, headers = signed(event, ENDPOINT, NOON)
    again, later = signed(event, ENDPOINT, NOON + timedelta(hours=2))

    assert first == again
    assert b" " not in first.replace(b"order 7", b"").replace(b"Not on WhatsApp.", b"")
    assert first.startswith(b'{"event":"whatsapp.failed","event_id":"wa_')
    assert headers["webhook-id"] == later["webhook-id"] == event.event_id
    assert headers["X-Briq-Signature"] == later["X-Briq-Signature"]
    assert headers["webhook-signature"] != later["webhook-signature"]
    assert "X-Briq-Signature-Previous" not in headers


def test_the_public_key_verifies_what_the_signing_key_signed_and_nothing_else() -> None:
    event = compose(EVENT, LINKS, workspace=B, app=C)
    assert event is not None
    body, headers = signed(event, ENDPOINT, NOON)
    told = public_key(KEY)
    raw = base64.b64decode(told.removeprefix("whpk_"))
    [v1a] = [one for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,")]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body

    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(v1a[4:]), content)

    assert public_key(fresh_signing_key()) != told


def test_a_made_secret_is_what_libraries_take() -> None:
    one, other = fresh_secret().reveal(), fresh_secret().reveal()

    assert one != other
    assert (one[:6], len(one)) == ("whsec_", 38)
    standardwebhooks.Webhook(one)


def test_names_of_events_lead_to_their_kind_and_back() -> None:
    for kind in ("sent", "delivered", "read", "failed", "received", "test", "disabled"):
        assert kind_of(name_of(kind)) == kind
    for name in ("sent", "whatsapp.test", "webhook.sent", "", "whatsapp.", "WHATSAPP.sent"):
        with pytest.raises(ValueError, match="no event"):
            kind_of(name)


def test_events_of_a_webhook_have_ids_of_their_own_however_many_there_are() -> None:
    assert name_event(A, 1, "test", 7) != name_event(A, 1, "test", 8)
    assert name_event(A, 1, "sent", 7) == name_event(A, 1, "sent", 8)
