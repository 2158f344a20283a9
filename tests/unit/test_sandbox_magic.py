"""Which recipients are magic, and which only look it."""

import pytest

from picha.cloudapi.errors import TABLE
from picha.sandbox import magic
from picha.sandbox.magic import Moment


@pytest.mark.parametrize("moment", Moment)
def test_every_published_code_has_a_number_for_each_moment(moment: Moment) -> None:
    for code in TABLE:
        assert magic.code_of(magic.number(code, moment), moment) == code


def test_a_number_spells_its_code() -> None:
    assert magic.number(4, Moment.ANSWER) == "9990000004"
    assert magic.number(2494100, Moment.STATUS) == "99912494100"


def test_a_number_acts_at_its_own_moment_alone() -> None:
    assert magic.code_of("9990131026", Moment.STATUS) is None
    assert magic.code_of("9991131026", Moment.ANSWER) is None
    assert magic.code_of("9991131026", Moment.STATUS) == 131026
    assert magic.doom_of("9991131026") == (131026, TABLE[131026].meaning)
    assert magic.doom_of("9990131026") is None


@pytest.mark.parametrize("to", ["US.9990131062", "GB.ENT.9990131062"])
def test_a_user_id_is_magic_by_its_digits(to: str) -> None:
    assert magic.code_of(to, Moment.ANSWER) == 131062


@pytest.mark.parametrize(
    "to", [None, "", "999", "9990", "9990131", "99900131026", "9990999999", "US.999013A062", "9990\u0661\u0663"]
)
def test_what_only_looks_it_is_a_stranger(to: str | None) -> None:
    assert magic.code_of(to, Moment.ANSWER) is None
    assert magic.doom_of(to) is None
