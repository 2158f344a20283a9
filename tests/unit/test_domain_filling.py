"""Which template a send means, and what it says when it is filled."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.gateway.domain.filling import Filled, Filling, Form, Unfit, fill, places

FORM = Form(UUID(int=1), UUID(int=2), "order", "en_US", "APPROVED", "Hi {{1}}, order {{2}}.", False, None)
ASKED = Filling("order", {"1": "Asha", "2": "7"})


def unfit(asked: Filling = ASKED, *forms: Form, has_picture: bool = False) -> tuple[str, str]:
    answer = fill(asked, forms, has_picture=has_picture)
    assert isinstance(answer, Unfit)
    assert len(answer.message) > 20
    return answer.code, answer.field


def test_a_template_is_filled_in_the_order_of_its_numbers_and_reads_as_the_customer_reads_it() -> None:
    form = replace(FORM, body="{{2}} {{10}} {{1}} {{2}}")

    filled = fill(Filling("order", {"10": "c", "1": "{{2}}", "2": "b"}), [form], has_picture=False)

    assert filled == Filled(FORM.id, "order", "en_US", [("1", "{{2}}"), ("2", "b"), ("10", "c")], False, "b c {{2}} b")


def test_named_places_keep_their_order() -> None:
    form = replace(FORM, body="{{who}} waits for {{ what }}, {{who}}", is_named=True)

    filled = fill(Filling("order", {"what": "tea", "who": "Asha"}), [form], has_picture=False)

    assert isinstance(filled, Filled)
    assert (filled.values, filled.text) == ([("who", "Asha"), ("what", "tea")], "Asha waits for tea, Asha")


def test_one_approved_language_is_meant_and_of_several_one_must_be_named() -> None:
    swahili = replace(FORM, language="sw", id=UUID(int=3))

    assert isinstance(fill(ASKED, [FORM, replace(swahili, status="PAUSED")], has_picture=False), Filled)
    assert unfit(ASKED, FORM, swahili) == ("VALIDATION_ERROR", "language")
    chosen = fill(replace(ASKED, language="sw"), [FORM, swahili], has_picture=False)
    assert isinstance(chosen, Filled)
    assert (chosen.template_id, chosen.language) == (swahili.id, "sw")


def test_what_is_not_there_or_not_approved_is_told_apart() -> None:
    assert unfit(ASKED) == ("TEMPLATE_NOT_FOUND_OR_UNAPPROVED", "template_name")
    assert unfit(replace(ASKED, language="sw"), FORM) == ("TEMPLATE_NOT_FOUND_OR_UNAPPROVED", "template_name")
    for status in ("PENDING", "REJECTED", "PAUSED", "DELETED"):
        assert unfit(ASKED, replace(FORM, status=status)) == ("TEMPLATE_NOT_APPROVED", "template_name")


def test_a_picture_goes_where_the_header_is_one_and_nowhere_else() -> None:
    pictured = replace(FORM, header="IMAGE")

    assert isinstance(fill(ASKED, [pictured], has_picture=True), Filled)
    assert unfit(ASKED, pictured) == ("VALIDATION_ERROR", "header")
    for header in (None, "TEXT"):
        assert unfit(ASKED, replace(FORM, header=header), has_picture=True) == ("VALIDATION_ERROR", "header")


@pytest.mark.parametrize(
    "form", [replace(FORM, header="VIDEO"), replace(FORM, header="LOCATION"), replace(FORM, others=True)]
)
def test_a_template_that_has_more_to_fill_is_not_sent_half(form: Form) -> None:
    assert unfit(ASKED, form, has_picture=True) == ("NOT_IMPLEMENTED", "template_name")


@pytest.mark.parametrize("variables", [{}, {"1": "a"}, {"1": "a", "2": "b", "3": "c"}, {"one": "a", "2": "b"}])
def test_variables_are_those_of_the_template_and_no_others(variables: dict[str, str]) -> None:
    assert unfit(replace(ASKED, variables=variables), FORM) == ("VALIDATION_ERROR", "variables")


@given(st.text(), st.dictionaries(st.text(), st.text()), st.booleans())
def test_any_body_with_any_values_is_filled_or_refused(body: str, values: dict[str, str], is_named: bool) -> None:  # noqa: FBT001
    form = replace(FORM, body=body, is_named=is_named)

    answer = fill(Filling("order", values), [form], has_picture=False)

    assert isinstance(answer, Filled) == (set(places(body, is_named=is_named)) == set(values))
