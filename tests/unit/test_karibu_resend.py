"""The word without which nothing is sent twice."""

import pytest

from picha.karibu.resend import decode_resend
from picha.karibu.shape import Malformed


def test_a_person_confirms_it() -> None:
    assert decode_resend(b'{"confirm": true, "why": "ignored"}').confirm


@pytest.mark.parametrize(
    "body", [b"{}", b'{"confirm":false}', b'{"confirm":null}', b'{"confirm":"yes"}', b'{"confirm":1}']
)
def test_anything_else_is_no_confirmation(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        decode_resend(body)

    assert (caught.value.code, caught.value.field) == ("VALIDATION_ERROR", "confirm")
    assert "twice" in caught.value.message


def test_no_json_is_no_confirmation() -> None:
    with pytest.raises(Malformed) as caught:
        decode_resend(b"confirm=true")

    assert caught.value.code == "MALFORMED_JSON"
