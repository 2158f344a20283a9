"""The window's end, the pauses of retries, and the text of API keys."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain import keys, window
from picha.gateway.domain.retry import ASKED_FOR_MAX, TELL_AFTER, backoff, tell_again
from picha.gateway.settings import EVENTS_DAYS_MIN

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def test_a_webhook_that_was_retried_for_hours_opens_no_longer_window() -> None:
    assert window.closes_at(NOON, NOON + timedelta(hours=5), DAY) == NOON + DAY


def test_a_provider_clock_that_runs_ahead_opens_no_longer_window() -> None:
    assert window.closes_at(NOON + timedelta(hours=5), NOON, DAY) == NOON + DAY


def test_with_a_margin_a_window_counts_as_closed_before_its_end() -> None:
    minute = timedelta(seconds=60)

    assert window.is_open(NOON, NOON - minute - timedelta(microseconds=1), margin=minute)
    assert not window.is_open(NOON, NOON - minute, margin=minute)
    assert not window.is_open(None, NOON)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_stay_between_half_a_step_and_the_longest(tries: int, chance: float) -> None:
    pause = backoff(tries, chance=chance)

    assert timedelta(seconds=0.5) <= pause <= timedelta(minutes=5)


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True))
def test_by_the_same_chance_no_pause_is_shorter_than_the_one_before(tries: int, chance: float) -> None:
    assert backoff(tries, chance=chance) <= backoff(tries + 1, chance=chance)


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True))
def test_a_webhook_is_tried_again_at_the_steps_of_the_table_give_or_take_a_tenth(tries: int, chance: float) -> None:
    pause = tell_again(tries, chance=chance)

    assert pause is not None
    assert TELL_AFTER[tries - 1] * 0.9 <= pause <= TELL_AFTER[tries - 1] * 1.1
    assert tell_again(tries, chance=chance, asked_for=timedelta()) == pause
    assert tell_again(tries, chance=chance, asked_for=timedelta(days=9)) == max(pause, ASKED_FOR_MAX)


def test_ten_tries_are_made_and_all_are_over_before_events_may_go() -> None:
    assert len(TELL_AFTER) == 9
    assert tell_again(10, chance=0.5, asked_for=timedelta(hours=1)) is None

    longest = sum((max(step * 1.1, ASKED_FOR_MAX) for step in TELL_AFTER), timedelta())

    assert longest < timedelta(days=EVENTS_DAYS_MIN)


base62 = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=1)


@given(st.sampled_from(["test", "live"]), base62.map(lambda s: (s * 40)[:40]))
def test_a_composed_key_reads_back_and_one_changed_character_does_not(environment: str, digits: str) -> None:
    text = keys.compose(environment, digits[:8], digits[8:])

    read = keys.parse(text)

    assert read is not None
    assert (read.environment, read.public_id) == (environment, digits[:8])
    assert keys.parse(text[:20] + ("a" if text[20] != "a" else "b") + text[21:]) is None
    assert keys.parse(text[:-1]) is None


@given(st.text())
def test_any_text_is_a_key_or_none(text: str) -> None:
    assert keys.parse(text) is None
