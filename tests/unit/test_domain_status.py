"""Status is a fold: order, duplication and batching cannot matter."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.status import Evidence, Standing, View, standing, view

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


evidence = st.builds(
    Evidence,
    status=st.sampled_from(["sent", "delivered", "read", "failed", "played", "a word of next year"]),
    at=st.integers(0, 60).map(at),
    code=st.sampled_from([0, 131026, 131053]),
)


@given(st.lists(evidence, max_size=5))
def test_every_order_with_duplicates_gives_the_same_standing(items: list[Evidence]) -> None:
    expected = standing(items)

    for order in permutations(items):
        assert standing([*order, *order[:2]]) == expected


@given(st.lists(evidence), st.lists(evidence), st.lists(evidence))
def test_joining_is_commutative_associative_and_idempotent(
    a: list[Evidence], b: list[Evidence], c: list[Evidence]
) -> None:
    x, y, z = standing(a), standing(b), standing(c)

    assert x.join(y) == y.join(x)
    assert x.join(y).join(z) == x.join(y.join(z))
    assert x.join(x) == x
    assert x.join(Standing()) == x


@given(st.lists(evidence), st.lists(evidence))
def test_the_evidence_of_two_batches_folds_to_the_join_of_their_standings(a: list[Evidence], b: list[Evidence]) -> None:
    assert standing([*a, *b]) == standing(a).join(standing(b))


@given(st.lists(evidence), evidence)
def test_more_evidence_never_takes_delivered_back(items: list[Evidence], more: Evidence) -> None:
    if view([standing(items)]).status in {"delivered", "read"}:
        assert view([standing([*items, more])]).status in {"delivered", "read"}


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([], "pending"),
        (["sent"], "sent"),
        (["delivered"], "delivered"),
        (["read"], "read"),
        (["read", "delivered", "sent"], "read"),
        (["sent", "failed"], "failed"),
        (["failed", "delivered"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["played"], "pending"),
    ],
)
def test_what_a_set_of_statuses_shows(statuses: list[str], shown: str) -> None:
    assert view([standing(Evidence(status, at(n)) for n, status in enumerate(statuses))]).status == shown


def test_read_without_delivered_implies_it_at_the_same_moment() -> None:
    shown = view([standing([Evidence("read", at(5))])])

    assert shown == View("read", None, at(5), at(5))


def test_the_earliest_time_of_each_stage_counts() -> None:
    shown = view([standing([Evidence("sent", at(9)), Evidence("sent", at(3)), Evidence("delivered", at(4))])])

    assert (shown.sent_at, shown.delivered_at) == (at(3), at(4))


def test_a_superseded_attempt_adds_no_failure() -> None:
    first, second = standing([Evidence("failed", at(1), 131053)]), standing([Evidence("sent", at(2))])

    assert view([first, second]).status == "sent"


def test_delivered_of_an_earlier_attempt_wins_over_a_later_failure() -> None:
    first, second = standing([Evidence("delivered", at(1))]), standing([Evidence("failed", at(2), 131026)])

    assert view([first, second]).status == "delivered"


def test_a_message_without_attempts_is_pending() -> None:
    assert view([]).status == "pending"
