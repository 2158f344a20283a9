import io

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData, UploadFile

from picha.sandbox.accounts import Accounts
from picha.sandbox.control_inbound import spoken_of
from picha.sandbox.person import Nonsense, is_group_id, is_user_id, number_of
from picha.sandbox.spoken import KINDS, Spoken, opens_window
from picha.sandbox.switches import Switches, turned

NAMES = st.sampled_from([*Spoken.__struct_encode_fields__, "file", "surprise"])
PARTS = st.lists(st.tuples(NAMES, st.text(max_size=20) | st.sampled_from(["true", "{}", "131051", "null"])))


@given(PARTS)
def test_any_parts_are_a_message_or_nonsense(parts: list[tuple[str, str]]) -> None:
    form = FormData([(name, UploadFile(io.BytesIO()) if name == "file" else text) for name, text in parts])

    try:
        spoken, _ = spoken_of(form)
    except Nonsense:
        return
    assert isinstance(spoken, Spoken)


@given(st.text(max_size=40))
def test_no_text_is_two_of_a_number_a_user_id_and_a_group_id(text: str) -> None:
    try:
        is_number = bool(number_of(text, Accounts()))
    except Nonsense:
        is_number = False

    assert is_number + is_user_id(text) + is_group_id(text) <= 1


def test_everything_that_a_person_does_to_write_opens_the_window_and_news_about_them_does_not() -> None:
    assert [kind for kind in KINDS if not opens_window(kind, Switches())] == ["user_changed_user_id"]


def test_by_switch_a_reaction_opens_no_window_either() -> None:
    switches = turned({"reaction_opens_window": "off"})

    assert [kind for kind in KINDS if not opens_window(kind, switches)] == ["reaction", "user_changed_user_id"]
