"""How `picha erase`, `export`, `audit` and the caps read what they are told, at the boundaries of what they take."""

import pytest
import typer

from picha.cli import audit, caps, erase


@pytest.mark.parametrize(
    ("text", "digits"),
    [("+1 (650) 555-1234", "16505551234"), ("12345", "12345"), ("1" * 20, "1" * 20), ("00255.754/1", "002557541")],
)
def test_a_phone_number_is_its_digits(text: str, digits: str) -> None:
    assert erase.phone_digits(text) == digits


@pytest.mark.parametrize(
    "text", ["", "1234", "+1234", "1" * 21, "+", "call me", "1650555123x", "1650\n5551234", "٣" * 9]
)
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        erase.phone_digits(text)


def test_a_user_id_has_one_to_128_visible_characters() -> None:
    assert erase.user_id("x" * 128) == "x" * 128
    for text in ("", "x" * 129, "a b", "ä", "a\n"):
        with pytest.raises(typer.BadParameter):
            erase.user_id(text)


def test_a_person_is_named_by_one_thing() -> None:
    assert erase.one_of("12345", None) == {"phone": "12345", "user_id": None}
    for both in (("12345", "US.1"), (None, None)):
        with pytest.raises(typer.BadParameter):
            erase.one_of(*both)


def test_a_cap_is_a_number_of_messages_or_none() -> None:
    assert [caps._cap(text) for text in ("0", "1", "1000000000", "none")] == [0, 1, 1_000_000_000, -1]
    for text in ("", "-1", "1000000001", "1.5", "1e3", "None", "٣", " 1"):
        with pytest.raises(typer.BadParameter):
            caps._cap(text)
    assert caps.told(None, None) == "any number of messages"
    assert caps.told(1000, 5) == "1,000 messages a day and 5 messages a month"


def test_a_hash_is_64_hexadecimal_characters() -> None:
    assert audit._hash("0a" * 32) == "0a" * 32
    for text in ("", "0A" * 32, "0a" * 31, "0a" * 32 + "\n"):
        with pytest.raises(typer.BadParameter):
            audit._hash(text)
