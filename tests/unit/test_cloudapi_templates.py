"""What Meta tells of templates is read as far as sending needs it, whatever its components hold."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.cloudapi.templates import TemplateTold, decode_page

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def told(*components: Any, **members: Any) -> TemplateTold:
    document = {"id": "1", "name": "order", "language": "en", "status": "APPROVED", "components": list(components)}
    [one] = decode_page(msgspec.json.encode({"data": [document | members]})).data
    return one


def test_body_header_and_names_are_read() -> None:
    one = told(
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["https://x"]}},
        {"type": "BODY", "text": "Hi {{name}}"},
        {"type": "FOOTER", "text": "Reply STOP"},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Yes"}, {"type": "URL", "url": "https://x"}]},
        parameter_format="NAMED",
        quality_score={"score": "GREEN", "date": 7},
    )

    assert (one.header, one.body, one.is_named, one.others) == ("IMAGE", "Hi {{name}}", True, False)


@pytest.mark.parametrize(
    "component",
    [
        {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://x/{{1}}"}]},
        {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE"}]},
        {"type": "BUTTONS", "buttons": [{"type": "FLOW"}]},
        {"type": "CAROUSEL", "cards": []},
        {"type": "LIMITED_TIME_OFFER"},
    ],
)
def test_what_takes_more_than_the_bodys_values_is_told(component: dict[str, Any]) -> None:
    assert told(component, {"type": "BODY", "text": "Hi"}).others


def test_a_page_leads_to_the_next_as_long_as_there_is_one() -> None:
    paging = {"cursors": {"before": "A", "after": "B"}}

    assert decode_page(msgspec.json.encode({"data": [], "paging": paging | {"next": "https://x"}})).after == "B"
    assert decode_page(msgspec.json.encode({"data": [], "paging": paging})).after is None
    assert decode_page(b'{"data":[]}').after is None


@given(st.lists(st.dictionaries(st.sampled_from(["type", "format", "text", "buttons", "url"]), JSON), max_size=4))
def test_no_components_break_the_reading(components: list[dict[str, Any]]) -> None:
    one = told(*components)

    assert isinstance(one.body, str)
    assert one.header is None or isinstance(one.header, str)
    assert one.others in {True, False}
