"""Up to when a thread was read."""

from datetime import UTC, datetime

import pytest

from picha.karibu.conversations import decode_mark_read
from picha.karibu.shape import Malformed


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"up_to":null}', b'{"why":"ignored"}'])
def test_no_moment_is_all_of_it(body: bytes) -> None:
    assert decode_mark_read(body).up_to is None


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T15:00:00+03:00"])
def test_a_moment_is_read_in_utc_however_it_is_written(text: str) -> None:
    assert decode_mark_read(f'{{"up_to":"{text}"}}'.encode()).up_to == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["1", '"now"', '"2026-01-31T12:00:00"', '"0001-01-01T00:00:00+01:00"', "[]"])
def test_what_is_no_moment_is_refused_by_name(value: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode_mark_read(f'{{"up_to":{value}}}'.encode())

    assert (caught.value.code, caught.value.field) == ("VALIDATION_ERROR", "up_to")
    assert "2026-01-31T12:00:00Z" in caught.value.message
