from picha.cloudapi.errors import RANGES, TABLE
from picha.sandbox import magic


def test_every_code_is_one_that_meta_publishes() -> None:
    for row in magic.TABLE.values():
        assert row.code in TABLE or any(row.code in family for family in RANGES), row


def test_a_number_spells_its_code() -> None:
    for number, row in magic.TABLE.items():
        assert (number[:3], number[3], int(number[4:])) == ("999", row.moment.value, row.code)


def test_a_number_acts_at_its_own_moment_alone() -> None:
    assert magic.find("9990131026", magic.Moment.ANSWER) is None
    assert magic.find("9991131026", magic.Moment.ANSWER) is None
    assert magic.find("9991131026", magic.Moment.STATUS) is not None
    assert magic.find(None, magic.Moment.STATUS) is None
