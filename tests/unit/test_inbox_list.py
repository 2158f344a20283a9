"""What the list of conversations reads off an address, and what it says of a message in one line."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from picha.gateway.inbox import sieve
from picha.gateway.inbox.glimpse import glimpse
from picha.gateway.inbox.sieve import Sieve
from picha.gateway.inbox.visit import RefusedError
from picha.gateway.store.inbox_list import Row

ID = UUID("01a218c9-b3ca-743b-b745-b1b5313c4cfd")
NOON = datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)
ROW = Row(ID, ID, ID, "15550783881", "", "255712345678", None, None, "Asha", 0, None, NOON, ID, False, False, "text",
    "received", "received", None, "Habari", None, None, None)  # fmt: skip


def read(**query: str) -> Sieve:
    return sieve.read(QueryParams(query))


def test_an_address_says_what_is_looked_for_and_is_written_back() -> None:
    asked = read(show="unread", search="  Asha & co ", sender=str(ID), numbers="shown")

    assert (asked.which, asked.search, asked.sender, asked.shows_numbers) == ("unread", "Asha & co", ID, True)
    assert asked.query() == f"?show=unread&search=Asha+%26+co&sender={ID}"
    assert asked.query(show="all", search="") == f"?sender={ID}"
    assert Sieve().query() == ""
    assert sieve.read(QueryParams(dict(parse_qsl(asked.query()[1:])))) == replace(asked, shows_numbers=False)


def test_a_place_in_the_list_is_exact_to_the_microsecond() -> None:
    assert read(before=sieve.place(ROW)).before == (NOON, ID)


@pytest.mark.parametrize("wrong", ["x", "1", "1.", f"x.{ID}", f"{10**30}.{ID}", "1.not-an-id", f"\u0663\u0663.{ID}x"])
def test_a_place_that_is_none_is_not_found(wrong: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(before=wrong)

    assert caught.value.status == 404


@given(st.dictionaries(st.sampled_from(["show", "search", "sender", "before", "id", "numbers"]), st.text(max_size=200)))
def test_whatever_an_address_says_is_read_or_not_found(query: dict[str, str]) -> None:
    with suppress(RefusedError):
        asked = read(**query)

        assert len(asked.search) <= sieve.SEARCH_MAX
        assert "\0" not in asked.search


@pytest.mark.parametrize(
    ("row", "icon", "words"),
    [
        (ROW, "", "Habari"),
        (replace(ROW, message_type="image", text=None, caption="In blue?"), "picture", "In blue?"),
        (replace(ROW, message_type="image", text=None), "picture", "Photo"),
        (replace(ROW, message_type="reaction", text=None, emoji="\U0001f44d"), "", "Reacted \U0001f44d"),
        (replace(ROW, message_type="reaction", text=None, emoji=""), "", "Took a reaction back"),
        (replace(ROW, message_type="audio", text=None), "voice", "Voice message"),
        (replace(ROW, message_type="never heard of", text=None), "", "Message"),
    ],
)
def test_the_last_message_is_one_line(row: Row, icon: str, words: str) -> None:
    shown = glimpse(row)

    assert shown is not None
    assert (shown.icon, shown.words, shown.became, shown.is_ours) == (icon, words, None, False)


@pytest.mark.parametrize(
    ("phase", "status", "icon", "words"),
    [
        ("queued", "pending", "clock", "Waiting to be sent"),
        ("unknown", "pending", "clock", "Being confirmed"),
        ("submitted", "sent", "tick", "Sent"),
        ("submitted", "delivered", "ticks", "Delivered"),
        ("submitted", "read", "ticks", "Read"),
        ("failed", "failed", "warning", "Not sent"),
        ("cancelled", "failed", "closed", "Cancelled"),
    ],
)
def test_what_became_of_what_we_sent_is_told(phase: str, status: str, icon: str, words: str) -> None:
    shown = glimpse(replace(ROW, is_outbound=True, phase=phase, status=status))

    assert shown is not None
    assert shown.became is not None
    assert (shown.is_ours, *shown.became[:2]) == (True, icon, words)


def test_where_all_was_cleared_there_is_no_line() -> None:
    assert glimpse(replace(ROW, last_id=None, message_type=None)) is None
