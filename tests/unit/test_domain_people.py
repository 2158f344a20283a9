"""Who is who: no two people ever become one, and one person becomes one as soon as that is told."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.people import Directory, Met

SHOP, OTHER_SHOP = UUID(int=1), UUID(int=2)
ACCOUNT, OTHER_ACCOUNT = UUID(int=11), UUID(int=12)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def directory() -> Directory:
    numbers = itertools.count(100)
    return Directory(lambda: UUID(int=next(numbers)), {})


def met(
    minute: int = 0,
    *,
    account: UUID = ACCOUNT,
    workspace: UUID = SHOP,
    former: Mapping[str, str] | None = None,
    **addresses: str,
) -> Met:
    return Met(workspace, account, at(minute), addresses, former or {})


def told(*meetings: Met, known: Directory | None = None) -> list[UUID]:
    """Return which contact each meeting is about in the end."""
    people = known or directory()
    contacts = [people.meet(one) for one in meetings]
    return [people.survivor(one) for one in contacts]


def are_one(*meetings: Met) -> bool:
    return len(set(told(*meetings))) == 1


def test_a_person_is_known_by_any_address_that_was_told_with_another() -> None:
    assert are_one(met(wa_id="1650"), met(wa_id="1650", bsuid="US.1"), met(bsuid="US.1"))


def test_two_contacts_are_one_person_once_an_update_names_both_and_the_older_survives() -> None:
    older, younger, both = told(met(wa_id="1650"), met(bsuid="US.1"), met(wa_id="1650", bsuid="US.1"))

    assert older == younger == both == UUID(int=100)


def test_a_number_goes_on_to_the_next_person_who_has_it() -> None:
    first, second, first_again = told(
        met(0, wa_id="1650", bsuid="US.1"), met(5, wa_id="1650", bsuid="US.2"), met(9, bsuid="US.1")
    )

    assert first == first_again != second


def test_what_was_said_before_a_number_went_on_does_not_bring_it_back() -> None:
    people = directory()
    first, second, late = told(
        met(0, wa_id="1650", bsuid="US.1"),
        met(5, wa_id="1650", bsuid="US.2"),
        met(3, wa_id="1650", bsuid="US.1"),
        known=people,
    )

    assert first == late
    assert people.owners[SHOP, "wa_id", "1650"] == second


def test_a_person_who_changes_their_number_stays_the_same_and_leaves_the_old_one_to_others() -> None:
    people = directory()
    moved = met(5, wa_id="1651", bsuid="US.2", former={"wa_id": "1650", "bsuid": "US.1"})
    old, news, new, stranger = told(
        met(0, wa_id="1650", bsuid="US.1"), moved, met(6, wa_id="1651"), met(7, wa_id="1650"), known=people
    )

    assert old == news == new != stranger
    assert people.phoned[old] == at(5)


def test_the_same_news_for_each_number_of_the_business_changes_nothing_more() -> None:
    moved = met(5, wa_id="1651", former={"wa_id": "1650"})

    assert are_one(met(0, wa_id="1650"), moved, moved, met(6, wa_id="1651"))


def test_news_that_come_after_the_person_wrote_from_the_new_number_make_one_of_both() -> None:
    assert are_one(
        met(0, wa_id="1650", bsuid="US.1"),
        met(6, wa_id="1651", bsuid="US.2"),
        met(5, wa_id="1651", bsuid="US.2", former={"wa_id": "1650", "bsuid": "US.1"}),
    )


def test_news_that_come_after_the_old_number_has_another_owner_do_not_take_that_one_in() -> None:
    person, other, news = told(
        met(0, wa_id="1650", bsuid="US.1"),
        met(8, wa_id="1650", bsuid="US.9"),
        met(5, wa_id="1651", bsuid="US.2", former={"wa_id": "1650", "bsuid": "US.1"}),
    )

    assert person == news != other


def test_one_person_has_a_user_id_of_each_business_that_a_workspace_has() -> None:
    assert are_one(
        met(wa_id="1650", bsuid="US.1"),
        met(wa_id="1650", bsuid="US.2", account=OTHER_ACCOUNT),
        met(bsuid="US.1"),
        met(bsuid="US.2", account=OTHER_ACCOUNT),
    )


def test_two_workspaces_know_nobody_together() -> None:
    assert len(set(told(met(wa_id="1650"), met(wa_id="1650", workspace=OTHER_SHOP)))) == 2


class Walk:
    """People who write in turn under whatever of their addresses, move to other numbers, and leave theirs to others."""

    def __init__(self, steps: Sequence[tuple[int, str, int]]) -> None:
        self.numbers = {person: f"165{person}" for person in range(4)}
        self.users = {person: f"US.{person}" for person in range(4)}
        self.free = [f"170{n}" for n in range(40)]
        self.met: list[tuple[int, Met]] = []
        for minute, (person, deed, other) in enumerate(steps):
            self.met.append((person, self.step(minute, person, deed, other)))

    def step(self, minute: int, person: int, deed: str, other: int) -> Met:
        if deed == "hides":
            return met(minute, bsuid=self.users[person])
        if deed == "moves":
            former = {"wa_id": self.numbers[person], "bsuid": self.users[person]}
            # The number that somebody had last is given out again.
            self.numbers[person] = self.free.pop(other % 2 * -1)
            self.free.append(former["wa_id"])
            self.users[person] += "'"
            return met(minute, wa_id=self.numbers[person], bsuid=self.users[person], former=former)
        return met(minute, wa_id=self.numbers[person], bsuid=self.users[person])


steps = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["writes", "writes", "hides", "moves"]), st.integers(0, 3)),
    max_size=25,
)


@given(steps, st.randoms())
def test_interleaved_and_reordered_updates_of_many_people_never_cross(
    walked: list[tuple[int, str, int]], chance: Random
) -> None:
    heard = Walk(walked).met
    shuffle = heard.copy()
    chance.shuffle(shuffle)

    for order in (heard, shuffle, heard + shuffle):
        contacts = told(*(one for _, one in order))
        whose: dict[UUID, int] = {}
        for (person, _), contact in zip(order, contacts, strict=True):
            assert whose.setdefault(contact, person) == person


@given(steps)
def test_one_person_is_one_contact_when_updates_come_in_order(walked: list[tuple[int, str, int]]) -> None:
    heard = Walk(walked).met

    contacts = told(*(one for _, one in heard))

    found: dict[int, UUID] = {}
    for (person, _), contact in zip(heard, contacts, strict=True):
        assert found.setdefault(person, contact) == contact
