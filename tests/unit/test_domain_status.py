"""Status is a fold: order, duplication and batching cannot matter."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.status import Evidence, Failure, Standing, Told, View, standing, view

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


def told(*items: Evidence, wamid: str | None = "wamid.A") -> Told:
    return Told(wamid, standing(items))


def shown(*attempts: Told, is_superseded: bool = False) -> View:
    found = view(attempts, is_superseded=is_superseded)
    assert found is not None
    return found


@given(st.lists(evidence), evidence)
def test_more_evidence_never_takes_delivered_back(items: list[Evidence], more: Evidence) -> None:
    if shown(told(*items)).status in {"delivered", "read"}:
        assert shown(told(*items, more)).status in {"delivered", "read"}


@pytest.mark.parametrize(
    ("statuses", "status"),
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
def test_what_a_set_of_statuses_shows(statuses: list[str], status: str) -> None:
    assert shown(told(*(Evidence(status, at(n)) for n, status in enumerate(statuses)))).status == status


def test_read_without_delivered_implies_it_at_the_same_moment() -> None:
    assert shown(told(Evidence("read", at(5)))) == View("read", "wamid.A", None, at(5), at(5))


def test_delivered_is_never_later_than_read() -> None:
    seen = shown(told(Evidence("read", at(5)), Evidence("delivered", at(9))))

    assert (seen.delivered_at, seen.read_at) == (at(5), at(5))


def test_the_earliest_time_of_each_stage_counts() -> None:
    seen = shown(told(Evidence("sent", at(9)), Evidence("sent", at(3)), Evidence("delivered", at(4))))

    assert (seen.sent_at, seen.delivered_at) == (at(3), at(4))


def test_a_failure_of_what_had_arrived_is_kept_as_a_warning() -> None:
    seen = shown(told(Evidence("delivered", at(1)), Evidence("failed", at(2), 131026, "Undeliverable", "No.")))

    assert (seen.status, seen.failure) == ("delivered", None)
    assert seen.warning == Failure(at(2), 131026, "Undeliverable", "No.")


FAILED, SENT, DELIVERED = Evidence("failed", at(1), 131053), Evidence("sent", at(2)), Evidence("delivered", at(3))
SILENT = Told()


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (told(FAILED), told(SENT), "sent"),
        (told(FAILED), told(), "pending"),
        (told(DELIVERED), told(FAILED), "delivered"),
        (told(FAILED), told(DELIVERED), "delivered"),
        (told(SENT), told(FAILED), "failed"),
        (told(SENT), SILENT, "sent"),
        (told(), SILENT, "pending"),
        (told(DELIVERED), SILENT, "delivered"),
        (told(FAILED), SILENT, None),
        (SILENT, SILENT, None),
        (SILENT, told(SENT), "sent"),
        (SILENT, told(FAILED), "failed"),
    ],
)
def test_what_two_attempts_show(first: Told, second: Told, status: str | None) -> None:
    seen = view([first, second])

    assert (seen.status if seen else None) == status


@pytest.mark.parametrize(
    ("newest", "status"), [(told(FAILED), None), (told(SENT), "sent"), (told(DELIVERED), "delivered"), (SILENT, None)]
)
def test_an_attempt_after_which_another_is_to_come_adds_no_failure(newest: Told, status: str | None) -> None:
    seen = view([newest], is_superseded=True)

    assert (seen.status if seen else None) == status


def test_a_message_without_attempts_shows_what_we_know_ourselves() -> None:
    assert view([]) is None


@pytest.mark.parametrize(
    ("attempts", "duplicates"),
    [
        ([told()], 0),
        ([told(), told()], 1),
        ([told(FAILED), told()], 0),
        ([told(FAILED, DELIVERED), told(SENT)], 1),
        ([SILENT, told()], 0),
        ([told(), told(), told()], 2),
    ],
)
def test_every_attempt_beyond_one_that_whatsapp_has_is_a_duplicate(attempts: list[Told], duplicates: int) -> None:
    assert shown(*attempts).duplicates == duplicates


def test_the_attempt_that_speaks_names_the_message() -> None:
    one, two = told(SENT, wamid="wamid.1"), told(FAILED, wamid="wamid.2")

    assert shown(one, two).wamid == "wamid.2"
    assert shown(one, two, is_superseded=True).wamid == "wamid.1"
    assert shown(told(FAILED, wamid="wamid.1"), told(DELIVERED, wamid="wamid.2")).wamid == "wamid.2"


attempts = st.lists(st.tuples(st.integers(0, 1), evidence), max_size=5)


@given(items=attempts, is_superseded=st.booleans())
def test_the_evidence_of_two_attempts_shows_the_same_in_every_order_with_duplicates(
    items: list[tuple[int, Evidence]], *, is_superseded: bool
) -> None:
    def seen(order: Iterable[tuple[int, Evidence]]) -> View | None:
        kept = list(order)
        pair = [told(*(one for place, one in kept if place == n), wamid=f"wamid.{n}") for n in (0, 1)]
        return view(pair, is_superseded=is_superseded)

    expected = seen(items)

    for order in permutations(items):
        assert seen([*order, *order[:2]]) == expected


@given(st.lists(evidence), st.lists(evidence))
def test_delivered_of_any_attempt_wins(a: list[Evidence], b: list[Evidence]) -> None:
    pair = [told(*a), told(*b)]

    for order in ([*pair], [*pair, SILENT], [SILENT, *pair]):
        if any(one.has_arrived for one in pair):
            assert shown(*order).status in {"delivered", "read"}
