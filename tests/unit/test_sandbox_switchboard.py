import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox.switches import Switchboard, SwitchError, Switches, described, pairs, turned


def test_the_first_value_of_every_switch_is_its_default() -> None:
    assert turned({switch.name: switch.values[0] for switch in described()}) == Switches()


def test_every_switch_can_be_turned_to_each_of_its_values_and_back() -> None:
    for switch in described():
        for value in switch.values:
            position = turned({switch.name: value})

            assert getattr(position, switch.name) == value
            assert turned({switch.name: switch.values[0]}, position) == Switches()


def test_switches_are_written_with_equals_signs_and_commas() -> None:
    found = pairs(["window_failure=sync, file_size=number", "", " recipient_type = required ,"])

    assert found == {"window_failure": "sync", "file_size": "number", "recipient_type": "required"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"made_up": "on"}, "there is no switch 'made_up'; the switches are rate_limit_http, "),
        ({"window_failure": "maybe"}, "the switch window_failure is async or sync, not 'maybe'"),
        ({"webhook_retries": ""}, "the switch webhook_retries is 7d or 36h, not ''"),
    ],
)
def test_a_switch_that_is_none_is_refused_with_those_there_are(texts: dict[str, str], message: str) -> None:
    with pytest.raises(SwitchError) as refused:
        turned(texts)

    assert str(refused.value).startswith(message)


def test_a_switch_without_a_value_is_refused() -> None:
    with pytest.raises(SwitchError, match="a switch is set as name=value, not as 'window_failure'"):
        pairs(["window_failure"])


@given(st.lists(st.text(max_size=30), max_size=4))
def test_any_texts_are_switches_or_are_refused(texts: list[str]) -> None:
    with contextlib.suppress(SwitchError):
        assert isinstance(turned(pairs(texts)), Switches)


def test_a_refused_turn_turns_nothing_and_a_restored_board_is_as_at_the_start() -> None:
    board = Switchboard(turned({"file_size": "number"}))

    with pytest.raises(SwitchError):
        board.turn({"window_failure": "sync", "made_up": "on"})
    assert board.current == turned({"file_size": "number"})

    board.turn({"window_failure": "sync"})
    assert board.current == turned({"file_size": "number", "window_failure": "sync"})

    board.restore()
    assert board.current == turned({"file_size": "number"})
