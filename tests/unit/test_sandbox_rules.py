from collections.abc import Callable
from types import UnionType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox import rules
from picha.sandbox.accounts import DEFAULT, settled
from picha.sandbox.graph import roads
from picha.sandbox.graph.calls import read_document
from picha.sandbox.phone import country_code_of
from picha.sandbox.refusals import Refusal
from picha.sandbox.rules import Document, ReadMark, Wish
from picha.sandbox.switches import turned

IMAGE: Document = {"messaging_product": "whatsapp", "to": "16505551234", "type": "image", "image": {"id": "1"}}
KEYS = st.sampled_from([*IMAGE, "recipient", "recipient_type", "context", "status", "message_id", "text", "link"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
)


def read(body: Document, **positions: str) -> Wish | ReadMark:
    return rules.read(body, turned(positions), "255")


def refusal_of(deed: Callable[[], object], wanted: type | UnionType) -> Refusal | None:
    """Return how Graph refuses a deed, or None when it gives what is wanted; anything else breaks the test."""
    try:
        assert isinstance(deed(), wanted)
    except Refusal as refusal:
        return refusal
    return None


@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_any_change_to_a_body_is_a_wish_or_a_refusal(change: Document) -> None:
    refusal = refusal_of(lambda: read(IMAGE | change), Wish | ReadMark)

    assert refusal is None or (refusal.http, bool(refusal.error.message)) == (400, True)


@given(st.dictionaries(st.sampled_from(["name", "language", "components"]), JSON), JSON, JSON)
def test_any_template_is_a_wish_or_a_refusal(change: Document, component: object, parameter: object) -> None:
    components = [{"type": "header", "parameters": [parameter]}, component]
    template = {"name": "picha_photo", "language": {"code": "en_US"}, "components": components} | change
    body = IMAGE | {"type": "template", "template": template}

    refusal = refusal_of(lambda: read(body), Wish)

    assert refusal is None or refusal.http in (400, 404)


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_any_bytes_are_a_document_or_a_refusal(body: bytes, content_type: str) -> None:
    refusal = refusal_of(lambda: read_document(body, content_type), dict)

    assert refusal is None or refusal.error.code == 100


@given(st.sampled_from(["GET", "POST", "DELETE", "PATCH"]), st.text(max_size=60).map(lambda text: "/" + text))
def test_any_path_leads_somewhere_or_is_refused(method: str, path: str) -> None:
    road = roads.find(method, path, settled((DEFAULT,), "7", "EAATestPichaSandbox1"))

    assert bool(road.name) != (road.refusal is not None)


@pytest.mark.parametrize(
    ("to", "digits"),
    [("+16505551234", "16505551234"), ("+1 (650) 555-1234", "16505551234"), ("255712345678", "255712345678")],
)
def test_punctuation_of_a_phone_number_does_not_count(to: str, digits: str) -> None:
    wish = read(IMAGE | {"to": to})

    assert isinstance(wish, Wish)
    assert (wish.to, wish.to_as_given) == (digits, to)


@pytest.mark.parametrize(
    ("to", "digits"),
    [("712345678", "255712345678"), ("(712) 345-678", "255712345678"), ("+16505551234", "16505551234")],
)
def test_bare_digits_get_the_country_code_by_switch(to: str, digits: str) -> None:
    wish = read(IMAGE | {"to": to}, country_code="prefix")

    assert isinstance(wish, Wish)
    assert (wish.to, wish.to_as_given) == (digits, to)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("15550783881", "1"),
        ("79161234567", "7"),
        ("447700900123", "44"),
        ("5511987654321", "55"),
        ("255712345678", "255"),
        ("8801712345678", "880"),
        ("97150123456", "971"),
        ("", ""),
    ],
)
def test_a_number_begins_with_its_country_code(number: str, code: str) -> None:
    assert country_code_of(number) == code


@pytest.mark.parametrize(
    ("to", "known"),
    [
        ("+5511987654321", "551187654321"),
        ("551187654321", "551187654321"),
        ("5511912345678", "5511912345678"),
        ("525512345678", "5215512345678"),
        ("5215512345678", "5215512345678"),
        ("16505551234", "16505551234"),
    ],
)
def test_a_number_is_known_as_brazil_and_mexico_have_it_by_switch(to: str, known: str) -> None:
    wish = read(IMAGE | {"to": to}, wa_id="normalised")

    assert isinstance(wish, Wish)
    assert (wish.to, wish.to_as_given) == (known, to)


@pytest.mark.parametrize("to", ["", "0", "1234567890123456", "+", "65o5551234", "\uff11650555123456", "16505551234\n"])
def test_what_is_no_phone_number_is_refused(to: str) -> None:
    with pytest.raises(Refusal):
        read(IMAGE | {"to": to})


@pytest.mark.parametrize("recipient", ["US.13491208655302741918", "TZ.ENT.abcDEF123"])
def test_a_user_id_alone_is_a_target(recipient: str) -> None:
    wish = read(IMAGE | {"to": None, "recipient": recipient})

    assert isinstance(wish, Wish)
    assert (wish.to, wish.recipient) == (None, recipient)


@pytest.mark.parametrize(
    "link", ["http:", "https://", "http://[", "http://host:x/", "javascript:alert(1)", "http://a b/", "//example.com"]
)
def test_what_is_no_web_address_is_refused(link: str) -> None:
    with pytest.raises(Refusal, match="not a valid URI"):
        read(IMAGE | {"image": {"link": link}})
