import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox.control_door import is_foreign, is_private_name


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4000", "localhost", "localhost:4000", "LOCALHOST", "[::1]:4000", "192.168.1.7:4000", "sandbox:4000",
        "picha.localhost:4000", "host.docker.internal:4000", "localhost.:4000", "",
    ],
)  # fmt: skip
def test_addresses_and_private_names_are_nobodys(host: str) -> None:
    assert is_private_name(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4000",
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "evil.example.",
        "[::1",
        "a.b@c.d",
    ],
)
def test_a_name_of_the_internet_is_somebodys(host: str) -> None:
    assert not is_private_name(host)


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        (None, "localhost:4000", False),
        ("http://localhost:4000", "localhost:4000", False),
        ("https://LOCALHOST:4000", "localhost:4000", False),
        ("http://localhost:4001", "localhost:4000", True),
        ("http://127.0.0.1:4000", "localhost:4000", True),
        ("https://evil.example", "localhost:4000", True),
        ("null", "localhost:4000", True),
        ("", "localhost:4000", True),
        ("http://[", "localhost:4000", True),
    ],
)
def test_a_page_of_another_origin_is_foreign(origin: str | None, host: str, *, expected: bool) -> None:
    assert is_foreign(origin, host) is expected


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_breaks_the_door(origin: str, host: str) -> None:
    assert is_private_name(host) in (True, False)
    assert is_foreign(origin, host) in (True, False)
