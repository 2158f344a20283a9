"""Webhooks to customers are signed so that a recipe, a library and our own verifier agree, and nothing else passes."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from picha.karibu import signature
from picha.karibu.signature import SignatureError

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def signed(secret: str, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    return {
        "webhook-id": "wa_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature.sign_v1(secret, "wa_1", at, body),
    }


def test_the_example_of_the_specification_comes_out() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)

    made = signature.sign_v1(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, BODY)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_karibus_header_is_the_hmac_of_the_body_under_the_whole_secret() -> None:
    # By `openssl dgst -sha256 -hmac "$secret"`.
    assert signature.sign("key", b"The quick brown fox jumps over the lazy dog") == (
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )
    signature.verify("key", BODY, {"x-briq-signature": signature.sign("key", BODY)}, now=NOW)


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (SECRET, base64.b64decode(SECRET.removeprefix("whsec_"))),
        ("a secret of sixteen", b"a secret of sixteen"),
        ("whsec_dG9vc2hvcnQ=", b"whsec_dG9vc2hvcnQ="),
        ("whsec_not base64!", b"whsec_not base64!"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("siri ya Zanzibar é", "siri ya Zanzibar é".encode()),
    ],
)
def test_the_key_is_what_follows_the_prefix_or_the_secret_as_it_is_written(secret: str, key: bytes) -> None:
    made = signature.sign_v1(secret, "wa_1", NOW, BODY)

    assert made == standardwebhooks.Webhook(key).sign("wa_1", NOW, BODY.decode())


def test_any_of_several_secrets_and_of_several_signatures_will_do() -> None:
    headers = signed(SECRET)
    headers["webhook-signature"] = f"v1a,AAAA v1,bm90IHRoaXM= {headers['webhook-signature']}"

    signature.verify(["another secret", SECRET], BODY, headers, now=NOW)


def test_a_webhook_is_good_for_five_minutes_to_either_side() -> None:
    for apart in (timedelta(minutes=5), timedelta(minutes=-5)):
        signature.verify(SECRET, BODY, signed(SECRET), now=NOW + apart)
        with pytest.raises(SignatureError, match="5 minutes"):
            signature.verify(SECRET, BODY, signed(SECRET), now=NOW + apart * 1.01)


@pytest.mark.parametrize(
    ("headers", "secret", "body"),
    [
        ({}, SECRET, BODY),
        ({"X-Briq-Signature": "sha256="}, SECRET, BODY),
        ({"X-Briq-Signature": signature.sign("", BODY)}, "", BODY),
        (signed(SECRET), "another secret", BODY),
        (signed(SECRET), SECRET, BODY + b" "),
        (signed(SECRET), "", BODY),
        (signed(SECRET) | {"webhook-id": "wa_2"}, SECRET, BODY),
        (signed(SECRET) | {"webhook-timestamp": "now"}, SECRET, BODY),
        (signed(SECRET) | {"webhook-timestamp": "9" * 30}, SECRET, BODY),
        (signed(SECRET) | {"webhook-timestamp": "²"}, SECRET, BODY),
        # Who takes the time away does not get away with the other header.
        ({"webhook-id": "wa_1", "X-Briq-Signature": signature.sign(SECRET, BODY)}, SECRET, BODY),
    ],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str], secret: str, body: bytes) -> None:
    with pytest.raises(SignatureError):
        signature.verify(secret, body, headers, now=NOW)


@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "X-Briq-Signature", "x"]),
        st.one_of(st.text(), st.sampled_from(list(signed(SECRET).values()))),
    ),
    st.binary(),
    st.text(),
)
def test_whatever_comes_is_verified_or_refused_and_nothing_else(
    headers: dict[str, str], body: bytes, secret: str
) -> None:
    try:
        signature.verify(secret, body, headers, now=NOW)
    except SignatureError:
        return
    assert secret
