"""The generated pages say what the code says."""

from tools.reference import stale


def test_the_reference_pages_are_up_to_date() -> None:
    assert stale() == []
