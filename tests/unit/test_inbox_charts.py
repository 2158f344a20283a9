"""Charts lie where their numbers say, and words are said as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.pace import PER_SECOND_MAX
from picha.gateway.inbox import wording
from picha.gateway.inbox.charts import HEIGHT, Series, beside, lines, stacked
from picha.gateway.inbox.overview import quantile
from picha.karibu.senders import MESSAGES_PER_SECOND_MAX
from picha.kit.ids import base62_of

COUNTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


@given(COUNTS, COUNTS)
def test_bars_lie_upon_each_other_from_the_ground_up_and_inside(first: list[int], second: list[int]) -> None:
    both = [Series("a", "read", first), Series("b", "failed", [*second, *first][: len(first)])]

    chart = stacked("t", "s", ["x"] * len(first), both)

    assert all(
        bar.y >= 0 and bar.y + bar.height <= HEIGHT + 0.1 and bar.x + bar.width <= chart.width for bar in chart.bars
    )
    for at in range(len(first)):
        tall = sum(bar.height for bar in chart.bars if at * 20 <= bar.x < (at + 1) * 20)
        assert tall == pytest.approx(sum(one.values[at] or 0 for one in both) / chart.top * HEIGHT, abs=0.05)


@given(COUNTS)
def test_an_axis_ends_at_a_round_number_whose_half_is_whole(values: list[int]) -> None:
    chart = beside("t", "s", ["x"] * len(values), [Series("a", "read", values)])

    top, half, ground = chart.marks
    assert max(values) <= top
    assert top <= max(2, 2 * max(values))
    assert (half == int(half), ground) == (True, 0)


def test_a_line_is_interrupted_where_nothing_was_measured_and_one_alone_is_a_dash() -> None:
    chart = lines("t", "s", ["x"] * 5, [Series("a", "median", [1.0, 2.0, None, 1.0, None])], "s")

    [(look, path)] = chart.lines
    assert (look, path) == ("median", "M10.0 50.00 L30.0 0.00 M66.0 50.00h8")


def test_what_is_all_nothing_is_not_drawn_and_a_line_at_nothing_is_in_the_legend() -> None:
    assert beside("t", "s", ["x"], [Series("a", "read", [0])]).is_empty
    assert lines("t", "s", ["x"], [Series("a", "median", [None])], "s").is_empty
    assert not lines("t", "s", ["x"], [Series("a", "median", [0.0])], "s").is_empty
    chart = lines("t", "s", ["x"], [Series("a", "median", [0.0]), Series("b", "late", [None])], "s")
    assert [one.label for one in chart.shown] == ["a"]


def test_places_below_are_the_first_the_middle_and_the_last() -> None:
    assert stacked("t", "s", ["a", "b", "c", "d"], []).places == ["a", "c", "d"]
    assert stacked("t", "s", ["a"], []).places == ["a"]


@given(st.dictionaries(st.integers(1, 64), st.integers(1, 1000), min_size=1))
def test_a_share_of_messages_took_no_longer_than_its_quantile_says(steps: dict[int, int]) -> None:
    for share in (0.5, 0.95):
        told = quantile(steps, share)

        assert told is not None
        within = sum(number for step, number in steps.items() if 10 ** (step / 8) / 1000 < told)
        assert within >= share * sum(steps.values())


def test_of_no_message_nothing_is_said() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({0: 3}, 0.95) == 0.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.42, "0.4 s"), (12, "12 s"), (61, "1 min"), (3599, "59 min"), (7800, "2 h 10 min"), (7200, "2 h"),
     (90_000, "1 d 1 h"), (172_800, "2 d")],
)  # fmt: skip
def test_a_span_is_said_in_the_units_that_matter(seconds: float, said: str) -> None:
    assert wording.span(seconds) == said


def test_sizes_and_counts_are_said_as_people_do() -> None:
    assert [wording.size(one) for one in (640, 83_000, 1_300_000)] == ["640 B", "83 KB", "1.3 MB"]
    assert [wording.took(one) for one in (12, 1300)] == ["12 ms", "1.3 s"]
    assert [wording.count(1, "message"), wording.count(1204, "message")] == ["1 message", "1,204 messages"]
    assert wording.joined(["a", "b", "c"]) == "a, b and c"
    assert wording.joined([]) == ""


def test_pages_and_the_api_take_the_same_pace() -> None:
    assert PER_SECOND_MAX == MESSAGES_PER_SECOND_MAX


@given(st.binary(min_size=64, max_size=64))
def test_a_word_drawn_from_bytes_is_always_the_same_and_of_its_length(content: bytes) -> None:
    word = base62_of(content, 32)

    assert len(word) == 32
    assert word.isascii()
    assert word.isalnum()
    assert word == base62_of(content, 32)
