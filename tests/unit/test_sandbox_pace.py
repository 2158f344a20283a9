import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox.pace import Limits, Pace

NUMBER = "106540352242922"


def sent(limits: Limits, count: int, now: float, person: str = "255712345678") -> list[int | None]:
    return [limits.send(NUMBER, person, now) for _ in range(count)]


def test_one_person_gets_45_at_once_and_the_46th_breaks_the_pair_rate() -> None:
    assert sent(Limits(is_on=True), 46, 0.0) == [None] * 45 + [131056]


def test_what_was_borrowed_is_paid_back_at_one_in_six_seconds() -> None:
    limits = Limits(is_on=True)
    sent(limits, 45, 0.0)

    assert sent(limits, 1, 5.99) == [131056]
    assert sent(limits, 2, 6.0) == [None, 131056]
    assert sent(limits, 46, 6.0 + 45 * 6) == [None] * 45 + [131056]


def test_a_number_gets_80_at_once_whoever_they_are_for() -> None:
    limits = Limits(is_on=True)

    codes = [limits.send(NUMBER, str(person), 0.0) for person in range(81)]

    assert codes == [None] * 80 + [130429]
    assert limits.send("another", "1", 0.0) is None
    assert limits.send(NUMBER, "81", 1 / 80) is None


def test_what_the_pair_rate_refuses_does_not_count_for_the_number() -> None:
    limits = Limits(is_on=True)
    sent(limits, 100, 0.0)

    assert [limits.send(NUMBER, str(person), 0.0) for person in range(36)] == [None] * 35 + [130429]


def test_a_number_uploads_25_at_once() -> None:
    limits = Limits(is_on=True)

    assert [limits.upload(NUMBER, 0.0) for _ in range(26)] == [None] * 25 + [4]
    assert limits.upload(NUMBER, 0.04) is None


def test_what_people_write_counts_among_the_80() -> None:
    limits = Limits(is_on=True)

    for _ in range(79):
        limits.hear(NUMBER, 0.0)

    assert [limits.send(NUMBER, str(person), 0.0) for person in range(2)] == [None, 130429]


def test_however_much_people_write_the_number_sends_again_when_the_next_is_free() -> None:
    limits = Limits(is_on=True)

    for _ in range(10_000):
        limits.hear(NUMBER, 0.0)

    assert limits.send(NUMBER, "1", 0.0) == 130429
    assert [limits.send(NUMBER, str(person), 1 / 80) for person in range(2)] == [None, 130429]
    assert limits.send("another", "1", 0.0) is None


def test_switched_off_nothing_counts() -> None:
    limits = Limits(is_on=False)

    limits.hear(NUMBER, 0.0)

    assert set(sent(limits, 500, 0.0)) == {None}
    assert {limits.upload(NUMBER, 0.0) for _ in range(500)} == {None}


def test_cleared_it_begins_anew() -> None:
    limits = Limits(is_on=True)
    sent(limits, 45, 0.0)

    limits.clear()

    assert sent(limits, 1, 0.0) == [None]


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_no_stretch_of_time_passes_more_than_the_burst_and_what_it_earns(burst: int, pauses: list[float]) -> None:
    pace, now, passed = Pace(6.0, burst), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if pace.wait_s("key", now) == 0:
            pace.take("key", now)
            passed.append(now)

    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - start) / 6.0 + 1e-6


@given(st.floats(0, 1e6))
def test_after_the_wait_it_passes(now: float) -> None:
    pace = Pace(6.0, 2)
    pace.take("key", now)
    pace.take("key", now)

    wait = pace.wait_s("key", now)

    assert wait == pytest.approx(6.0)
    assert pace.wait_s("key", now + wait + 1e-6) == 0
