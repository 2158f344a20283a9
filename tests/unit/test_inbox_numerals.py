"""Phone numbers as the inbox shows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.inbox.names import named, own
from picha.gateway.inbox.numerals import masked, spaced


@pytest.mark.parametrize(
    ("number", "open_", "hidden"),
    [
        ("255712345678", "+255 712 345 678", "+255 7•• ••• 678"),
        ("16505551234", "+1 650 555 1234", "+1 6•• ••• •234"),
        ("+1 555-078-3881", "+1 555 078 3881", "+1 5•• ••• •881"),
        ("5511912345678", "+55 119 1234 5678", "+55 1•• •••• •678"),
        ("4712345678", "+47 1234 5678", "+47 1••• •678"),
        ("US.13491208655302741918", "US.13491208655302741918", "U••••••"),
        ("", "", "••••••"),
    ],
)
def test_a_number_is_grouped_and_hides_all_but_its_ends_until_it_is_asked_for(
    number: str, open_: str, hidden: str
) -> None:
    assert (spaced(number), masked(number)) == (open_, hidden)


@given(st.from_regex(r"[1-9][0-9]{6,19}", fullmatch=True))
def test_no_digit_of_a_number_is_lost_and_most_are_hidden(number: str) -> None:
    assert "".join(filter(str.isdigit, spaced(number))) == number
    assert "".join(filter(str.isdigit, masked(number))) != number
    assert len(masked(number)) == len(spaced(number))


@given(st.text(max_size=30))
def test_whatever_stands_for_a_number_can_be_shown(text: str) -> None:
    assert isinstance(spaced(text) + masked(text), str)


def test_a_name_that_is_the_number_is_masked_and_one_that_nobody_sees_is_none() -> None:
    assert named("Asha", "255712345678") == "Asha"
    assert named("+255 712-345-678", "255712345678") == named("\u200b\u202e", "255712345678") == "+255 7•• ••• 678"
    assert named("12345678", "255712345678") == "12345678"
    assert own("255712345678", "255712345678") == own(None, None) == own("\ufeff", None) == ""
