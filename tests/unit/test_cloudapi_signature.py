import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.cloudapi.signature import HEADER, sign, verify

SECRET = "test_app_secret"
BODY = b'{"object":"whatsapp_business_account","entry":[]}'
SIGNATURE = "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"


def test_the_published_vector_is_met() -> None:
    assert sign(SECRET, BODY) == SIGNATURE
    assert verify([SECRET], BODY, SIGNATURE)
    assert HEADER == "X-Hub-Signature-256"


def test_any_of_several_secrets_verifies() -> None:
    assert verify(["old", SECRET], BODY, SIGNATURE)
    assert verify([SECRET, "new"], BODY, SIGNATURE)
    assert not verify(["old", "new"], BODY, SIGNATURE)
    assert not verify([], BODY, SIGNATURE)


def test_an_empty_secret_verifies_nothing() -> None:
    assert not verify([""], BODY, sign("", BODY))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        SIGNATURE[7:],
        SIGNATURE.upper(),
        SIGNATURE[:-1],
        SIGNATURE + "0",
        " " + SIGNATURE,
        "sha1=" + SIGNATURE[7:],
        "\u017fha256=\udcff",
        "sha256=" + "é" * 64,
        SIGNATURE + "\0",
    ],
)
def test_any_other_header_is_refused(header: str | None) -> None:
    assert not verify([SECRET], BODY, header)


def test_one_changed_byte_is_refused() -> None:
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        assert not verify([SECRET], changed, SIGNATURE)


@given(st.text(st.characters(), min_size=1), st.binary())
def test_what_is_signed_verifies_and_is_the_plain_hmac(secret: str, body: bytes) -> None:
    expected = hmac.new(secret.encode("utf-8", "surrogatepass"), body, hashlib.sha256).hexdigest()

    assert sign(secret, body) == "sha256=" + expected
    assert verify([secret], body, sign(secret, body))


@given(st.text(st.characters()) | st.none())
def test_no_header_makes_it_raise(header: str | None) -> None:
    assert verify([SECRET], BODY, header) is (header == SIGNATURE)
