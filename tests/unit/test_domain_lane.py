"""A lane starts due work: one piece a thread, no more than its room and its pace, and rests when there is trouble."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.lane import Due, Lane, share
from picha.gateway.domain.pace import Pace
from picha.gateway.domain.rest import Landing, Rest

NOW = 1000.0


def due(number: int, thread: int, *, is_high: bool = False) -> Due:
    return Due(UUID(int=number), UUID(int=1000 + thread), is_high=is_high)


def test_the_next_of_a_thread_waits_until_the_one_before_has_landed() -> None:
    lane = Lane(room=10)
    lane.offer([due(1, 1), due(2, 1), due(3, 2)])

    assert lane.start(10, NOW) == [due(1, 1), due(3, 2)]
    assert lane.start(10, NOW) == []

    lane.done(due(1, 1).id, NOW)
    lane.offer([due(2, 1)])

    assert lane.start(10, NOW) == [due(2, 1)]


def test_no_more_is_in_flight_than_there_is_room() -> None:
    lane = Lane(room=2)
    lane.offer([due(n, n) for n in range(5)])

    assert len(lane.start(10, NOW)) == 2
    assert not lane.is_hungry
    assert lane.opens_at is None


def test_a_lane_is_hungry_when_all_it_knows_waits_for_a_thread() -> None:
    lane = Lane(room=10)
    lane.offer([due(1, 1), due(2, 1)])
    lane.start(10, NOW)

    assert lane.is_hungry


def test_what_is_in_flight_is_not_started_again_when_the_store_still_offers_it() -> None:
    lane = Lane(room=10)
    lane.offer([due(1, 1)])
    lane.start(10, NOW)

    lane.offer([due(1, 1)])

    assert lane.start(10, NOW) == []


def test_a_lane_with_a_pace_starts_so_many_and_tells_when_the_next_may_start() -> None:
    lane = Lane(room=100, pace=Pace(80))
    lane.offer([due(n, n) for n in range(50)])

    assert len(lane.start(100, NOW)) == 2
    assert lane.opens_at is not None
    assert NOW < lane.opens_at < NOW + 0.02
    assert len(lane.start(100, lane.opens_at)) == 1


@pytest.mark.parametrize("per_second", [1, 20, 80, 1000])
@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200))
def test_no_second_sees_more_starts_than_the_pace_and_a_fortieth(per_second: int, waits: list[float]) -> None:
    pace, now, taken = Pace(per_second), NOW, list[float]()
    for wait in waits:
        now += wait
        for _ in range(5):
            if pace.opens_at <= now:
                pace.take(now)
                taken.append(now)

    for first in taken:
        assert sum(first <= one < first + 1 for one in taken) <= per_second + max(1, per_second / 40) + 1e-6


def test_the_lower_priority_gets_every_fifth_start_and_what_the_higher_leaves() -> None:
    lane = Lane(room=100)
    lane.offer([*(due(n, n, is_high=True) for n in range(8)), *(due(n, n) for n in range(100, 104))])

    started = ["high" if one.is_high else "low" for one in lane.start(100, NOW)]

    assert started == ["high"] * 4 + ["low"] + ["high"] * 4 + ["low"] * 3


def landed(lane: Lane, landing: Landing, now: float) -> None:
    """Start one piece at `now` and let it land."""
    lane.offer([due(1, 1)])
    [piece] = lane.start(1, now)
    lane.done(piece.id, now, landing)


def test_a_throttled_number_rests_then_tries_with_one_piece_and_rests_longer_if_that_is_throttled_too() -> None:
    lane = Lane(room=10)
    landed(lane, Landing.THROTTLED, NOW)
    lane.offer([due(n, n) for n in range(5)])

    first_rest = lane.resting_until - NOW
    assert first_rest > 0
    assert lane.start(10, NOW) == []
    [probe] = lane.start(10, lane.resting_until)
    lane.done(probe.id, lane.resting_until, Landing.THROTTLED)

    assert lane.resting_until - NOW - first_rest == pytest.approx(2 * first_rest)


def test_whoever_goes_on_with_a_lane_rests_and_tries_as_its_last_owner_would_have() -> None:
    first = Lane(room=10)
    landed(first, Landing.THROTTLED, NOW)
    left = first.resting(NOW + 0.1)
    assert left.seconds == pytest.approx(first.resting_until - NOW - 0.1)
    assert left.rests == 1

    second = Lane(room=10, rest=Rest(left, now=5.0))
    second.offer([due(n, n) for n in range(5)])

    assert second.resting_until == pytest.approx(5.0 + left.seconds)
    assert second.start(10, 5.0) == []
    [probe] = second.start(10, second.resting_until)
    assert second.done(probe.id, second.resting_until, Landing.THROTTLED), "a longer rest begins"
    assert second.resting(second.resting_until).rests == 2


def test_after_a_probe_that_went_well_the_number_is_as_before() -> None:
    lane = Lane(room=10)
    landed(lane, Landing.THROTTLED, NOW)
    landed(lane, Landing.FINE, NOW + 5)

    lane.offer([due(n, n) for n in range(10)])

    assert len(lane.start(10, NOW + 5)) == 10


def test_only_troubles_in_a_row_send_a_number_to_rest() -> None:
    lane = Lane(room=10)
    for landing in (*[Landing.TROUBLE] * 4, Landing.FINE, *[Landing.TROUBLE] * 4, Landing.MUTE):
        landed(lane, landing, NOW)
    assert lane.resting_until < NOW

    landed(lane, Landing.TROUBLE, NOW)

    assert lane.resting_until > NOW


def test_what_took_off_before_a_rest_tells_nothing_new_while_it_lasts() -> None:
    lane = Lane(room=10)
    lane.offer([due(n, n) for n in range(10)])
    flying = lane.start(10, NOW)

    for piece in flying:
        lane.done(piece.id, NOW, Landing.THROTTLED)

    assert lane.resting_until <= NOW + 1


@given(
    st.lists(st.integers(0, 4), max_size=30),
    st.lists(st.tuples(st.booleans(), st.integers(1, 5), st.sampled_from(Landing)), max_size=60),
    st.integers(1, 6),
)
def test_whatever_happens_each_thread_keeps_its_order_and_its_single_flight(
    threads: list[int], steps: list[tuple[bool, int, Landing]], room: int
) -> None:
    lane = Lane(room=room, pace=Pace(1000))
    waiting = [due(n, thread) for n, thread in enumerate(threads)]
    flying: list[Due] = []
    started: list[Due] = []

    for moment, (is_landing, most, landing) in enumerate(steps):
        now = NOW + moment
        if is_landing and flying:
            lane.done(flying.pop(most % len(flying)).id, now, landing)
        elif lane.is_hungry:
            lane.offer(one for one in waiting if one not in started)
        else:
            begun = lane.start(most, now)
            flying += begun
            started += begun
        assert len(flying) == lane.in_flight <= room
        assert len({one.thread for one in flying}) == len(flying)

    for thread in set(threads):
        order = [one.id for one in started if one.thread == UUID(int=1000 + thread)]
        assert order == sorted(order, key=lambda id_: id_.int)


ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("parties", "mine", "expected"),
    [
        ([ONE], ONE, 512),
        ([ONE, OTHER], ONE, 256),
        ([ONE] * 50 + [OTHER], OTHER, 256),
        ([ONE] * 50 + [OTHER], ONE, 5),
        ([ONE] * 400 + [OTHER], ONE, 1),
    ],
)
def test_each_workspace_has_an_equal_share_however_many_numbers_it_has(
    parties: list[UUID], mine: UUID, expected: int
) -> None:
    assert share(512, parties, mine, {}) == expected


@pytest.mark.parametrize(
    ("parties", "mine", "expected"),
    [
        ([ONE], ONE, 512),
        ([ONE, OTHER], ONE, 384),
        ([ONE, OTHER], OTHER, 128),
        ([ONE] * 3 + [OTHER], ONE, 128),
        ([ONE] * 3 + [OTHER], OTHER, 128),
    ],
)
def test_a_workspace_that_weighs_three_has_three_shares(parties: list[UUID], mine: UUID, expected: int) -> None:
    assert share(512, parties, mine, {ONE: 3}) == expected
