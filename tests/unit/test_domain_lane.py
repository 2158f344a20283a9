"""A lane starts due work: one piece a thread, no more than its room, oldest first."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.lane import Due, Lane


def due(number: int, thread: int) -> Due:
    return Due(UUID(int=number), UUID(int=1000 + thread))


def test_the_next_of_a_thread_waits_until_the_one_before_has_landed() -> None:
    lane = Lane(room=10)
    lane.offer([due(1, 1), due(2, 1), due(3, 2)])

    assert lane.start(10) == [due(1, 1), due(3, 2)]
    assert lane.start(10) == []

    lane.done(due(1, 1).id)

    assert lane.start(10) == [due(2, 1)]


def test_no_more_is_in_flight_than_there_is_room() -> None:
    lane = Lane(room=2)
    lane.offer([due(n, n) for n in range(5)])

    assert len(lane.start(10)) == 2
    assert not lane.is_hungry


def test_a_lane_is_hungry_when_all_it_knows_waits_for_a_thread() -> None:
    lane = Lane(room=10)
    lane.offer([due(1, 1), due(2, 1)])
    lane.start(10)

    assert lane.is_hungry


def test_what_is_in_flight_is_not_started_again_when_the_store_still_offers_it() -> None:
    lane = Lane(room=10)
    lane.offer([due(1, 1)])
    lane.start(10)

    lane.offer([due(1, 1)])

    assert lane.start(10) == []


@given(
    st.lists(st.integers(0, 4), max_size=30),
    st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=60),
    st.integers(1, 6),
)
def test_whatever_happens_each_thread_keeps_its_order_and_its_single_flight(
    threads: list[int], steps: list[tuple[bool, int]], room: int
) -> None:
    lane = Lane(room=room)
    flying: list[Due] = []
    started: list[Due] = []
    lane.offer([due(n, thread) for n, thread in enumerate(threads)])

    for is_landing, most in steps:
        if is_landing and flying:
            lane.done(flying.pop(most % len(flying)).id)
        else:
            begun = lane.start(most)
            flying += begun
            started += begun
        assert len(flying) == lane.in_flight <= room
        assert len({one.thread for one in flying}) == len(flying)

    for thread in set(threads):
        order = [one.id for one in started if one.thread == UUID(int=1000 + thread)]
        assert order == sorted(order, key=lambda id_: id_.int)
