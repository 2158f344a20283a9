"""Which fields of a node are told, by every way of asking."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox import nodes
from picha.sandbox.refusals import Refusal

TOLD = {
    "id": "1", "name": "Shop", "timezone_id": "0", "message_template_namespace": "x", "country": "TZ",
    "health_status": {"can_send_message": "AVAILABLE"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (None, ["id", "name", "timezone_id", "message_template_namespace"]),
        ("", ["id"]),
        ("name", ["id", "name"]),
        (" name , country ,", ["id", "name", "country"]),
        ("currency,name", ["id", "name"]),
        ("health_status{entities{id,errors}},name", ["id", "health_status", "name"]),
        ("phone_numbers.limit(2){id,made_up},country", ["id", "country"]),
        ("analytics.start(1).granularity(DAY),name", ["id", "name"]),
    ],
)
def test_what_is_asked_for_is_told_and_the_id(fields: str | None, names: list[str]) -> None:
    assert list(nodes.chosen(nodes.ACCOUNT, TOLD, fields)) == names


@pytest.mark.parametrize("fields", ["made_up", "name,made_up", "made_up{id}", "Name"])
def test_what_no_such_node_has_is_refused(fields: str) -> None:
    with pytest.raises(Refusal, match="nonexisting field"):
        nodes.chosen(nodes.ACCOUNT, TOLD, fields)


@given(fields=st.text(alphabet="name,{}(). ", max_size=40))
def test_whatever_is_asked_is_told_or_refused(fields: str) -> None:
    with contextlib.suppress(Refusal):
        assert set(nodes.chosen(nodes.ACCOUNT, TOLD, fields)) <= set(TOLD)
