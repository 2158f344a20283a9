import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.karibu.errors import Code
from picha.karibu.sends import (
    Header,
    Malformed,
    SendImage,
    SendTemplate,
    SendText,
    decode_send_image,
    decode_send_template,
    decode_send_text,
    encode_send,
)

PLAIN = {"to": "255712345678", "media_url": "https://example.com/receipt.jpg"}
PLAIN_SEND = SendImage(to=PLAIN["to"], media_url=PLAIN["media_url"])
ID = "018f6d2e-7a34-7c1b-9d6e-0f4f0a8f2b11"
FIELDS = tuple(SendImage.__struct_fields__)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def decoded(**members: object) -> SendImage:
    return decode_send_image(json.dumps({**PLAIN, **members}).encode())


def refusal(body: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        decode_send_image(body)
    return caught.value


def read_or_refused(body: bytes) -> SendImage | Malformed:
    try:
        return decode_send_image(body)
    except Malformed as refused:
        return refused


def refusal_of(**members: object) -> Malformed:
    return refusal(json.dumps({**PLAIN, **members}).encode())


def test_a_plain_send_is_read_with_our_defaults() -> None:
    send = decoded()

    assert send == PLAIN_SEND
    assert (send.on_unknown, send.media_mode, send.priority, send.preflight) == ("hold", "upload", "normal", False)
    assert send.digits == "255712345678"


def test_every_field_is_read() -> None:
    send = decoded(
        caption="x",
        sender="1107264639145282",
        sender_id=ID,
        conversation_id=ID,
        reply_to=ID,
        client_reference="order-7",
        expires_at="2026-01-31T12:00:00Z",
        on_unknown="resend",
        image_policy="strict",
        media_mode="link",
        priority="high",
        preflight=True,
        recipient_identity_key_hash="DF2lS5v2W6x=",
    )

    assert send.conversation_id == UUID(ID)
    assert send.expires_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert decode_send_image(encode_send(send)) == send


def test_a_number_and_a_sender_are_read_where_no_conversation_is_named() -> None:
    send = decoded(to="255712345678", sender=" +1 555", sender_id=ID)

    assert (send.to, send.sender, send.sender_id) == ("255712345678", " +1 555", UUID(ID))


def test_unknown_fields_are_ignored() -> None:
    assert decoded(size_bytes=9_999_999, check_window=False, type="image") == PLAIN_SEND


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"to", "media_url"}))
def test_null_is_the_same_as_absent(name: str) -> None:
    assert decoded(**{name: None}) == PLAIN_SEND


def test_an_empty_caption_is_no_caption() -> None:
    assert decoded(caption="").caption is None


def test_a_caption_of_1024_code_points_is_taken() -> None:
    assert decoded(caption="😀" * 1024).caption == "😀" * 1024


def test_a_caption_of_1025_characters_is_refused() -> None:
    refused = refusal_of(caption="é" * 1025)

    assert (refused.code, refused.field) == (Code.VALIDATION_ERROR, "caption")
    assert "1024" in refused.message


@pytest.mark.parametrize("sources", [{"media_url": None}, {"file_id": "f"}])
def test_no_source_and_two_sources_are_refused_on_media_url(sources: dict[str, object]) -> None:
    refused = refusal_of(**sources)

    assert (refused.code, refused.field) == (Code.VALIDATION_ERROR, "media_url")


def test_no_target_is_refused_on_to() -> None:
    refused = refusal_of(to=None)

    assert (refused.code, refused.field) == (Code.VALIDATION_ERROR, "to")


def test_a_conversation_wins_over_whatever_else_says_where_to() -> None:
    send = decoded(to="not a number", sender="", sender_id=7, conversation_id=ID)

    assert (send.to, send.sender, send.sender_id, send.conversation_id) == (None, None, None, UUID(ID))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-00:01"])
def test_a_time_that_does_not_exist_in_utc_is_refused(moment: str) -> None:
    assert refusal_of(expires_at=moment).field == "expires_at"


@pytest.mark.parametrize("to", ["255712345", "+255712345678", "123456789012345678", "+123456789012345678", "1234567"])
def test_a_number_of_the_pattern_is_taken(to: str) -> None:
    assert decoded(to=to).digits == to.lstrip("+")


@pytest.mark.parametrize(
    "to",
    [
        "",
        "0712345678",
        "123456",
        "1234567890123456789",
        "++2557123",
        "255 712 345",
        "\uff12\uff15\uff15\uff17\uff11\uff12\uff13\uff14\uff15",
        "255712345\n",
    ],
)
def test_a_number_outside_the_pattern_is_refused(to: str) -> None:
    refused = refusal_of(to=to)

    assert (refused.code, refused.field) == (Code.VALIDATION_ERROR, "to")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to", 255712345678),
        ("media_url", ""),
        ("media_url", "h" * 2084),
        ("media_url", ["https://example.com"]),
        ("caption", 5),
        ("caption", {"text": "x"}),
        ("sender", "1" * 65),
        ("sender_id", "not-a-uuid"),
        ("conversation_id", "7"),
        ("expires_at", "2026-01-31T12:00:00"),
        ("expires_at", 1744344496),
        ("on_unknown", "maybe"),
        ("image_policy", "loose"),
        ("media_mode", "HOLD"),
        ("priority", 1),
        ("preflight", "yes"),
        ("client_reference", "r" * 256),
        ("reply_to", ""),
        ("recipient_identity_key_hash", "h" * 129),
    ],
)
def test_a_wrong_type_length_or_value_is_refused_under_its_own_name(name: str, value: object) -> None:
    refused = refusal_of(**{name: value})

    assert (refused.code, refused.field) == (Code.VALIDATION_ERROR, name)
    assert refused.message.startswith(name)
    assert refused.message.endswith(".")


@pytest.mark.parametrize("name", ["caption", "media_url", "sender", "client_reference", "reply_to"])
def test_a_nul_character_is_refused_wherever_it_would_be_stored(name: str) -> None:
    refused = refusal_of(**{name: "a\0b"})

    assert (refused.code, refused.field) == (Code.VALIDATION_ERROR, name)
    assert "NUL" in refused.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'to':1}",
        b'{"to":"1",}',
        b"\xff",
        b'\xef\xbb\xbf{"to":"1"}',
        '{"to":"1"}'.encode("utf-16"),
        b'{"to":"1","to":"1"}',
        b'{"x":{"y":[{"a":1,"a":2}]}}',
        b'{"\\u0074o":"1","to":"2"}',
        b'{"x":NaN}',
        b'{"x":Infinity}',
        b'{"x":-Infinity}',
        b'{"x":1e999}',
        b'{"x":' + b"1" * 5000 + b"}",
        b'{"caption":"\\ud83d"}',
        b'{"x":"\\udc00"}',
        b"[" * 100_000,
        b'{"x":' * 100_000,
        b'{"x":' * 9 + b"1" + b"}" * 9,
        b'{"x":' + b"[" * 8 + b"]" * 8 + b"}",
        b'{"to":"1"} {}',
    ],
)
def test_json_that_two_readers_could_read_differently_is_malformed(body: bytes) -> None:
    refused = refusal(body)

    assert (refused.code, refused.field) == (Code.MALFORMED_JSON, None)
    assert refused.message.endswith(".")


def test_eight_levels_are_taken() -> None:
    body = json.dumps(PLAIN)[:-1].encode() + b',"x":' + b"[" * 7 + b"]" * 7 + b"}"

    assert decode_send_image(body) == PLAIN_SEND


def test_many_brackets_in_a_flat_body_are_no_depth() -> None:
    assert decoded(caption="[{" * 100, x=[[1], [2], [3], {}, {}, {}, {}, {}]).caption == "[{" * 100


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"])
def test_json_that_is_no_object_is_a_validation_error(body: bytes) -> None:
    assert refusal(body).code is Code.VALIDATION_ERROR


@given(st.binary(max_size=200))
def test_bytes_raise_nothing_but_malformed(body: bytes) -> None:
    assert refusal(body).code in {Code.MALFORMED_JSON, Code.VALIDATION_ERROR}


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), JSON | st.sampled_from([ID, "255712345678"]), max_size=8))
def test_json_raises_nothing_but_malformed(document: dict[str, Any]) -> None:
    outcome = read_or_refused(json.dumps(document).encode())

    if isinstance(outcome, Malformed):
        assert outcome.message
        assert outcome.field is None or outcome.field in FIELDS
    else:
        assert (outcome.media_url is None) is not (outcome.file_id is None)
        assert outcome.to is not None or outcome.conversation_id is not None


@given(st.text().filter(lambda text: "\0" not in text and len(text) <= 1024))
def test_a_caption_arrives_as_it_was_sent(caption: str) -> None:
    assert decoded(caption=caption).caption == (caption or None)


def answered(body: bytes, decode: Callable[[bytes], SendText | SendTemplate]) -> SendText | SendTemplate | Malformed:
    try:
        return decode(body)
    except Malformed as refused:
        return refused


TEXT = {"to": "255712345678", "body": "Habari"}
TEMPLATE = {"to": "255712345678", "template_name": "order", "variables": {"1": "Asha"}}


def test_every_field_of_a_text_and_a_template_is_read_and_written_again() -> None:
    text = decode_send_text(json.dumps(TEXT | {"priority": "high", "client_reference": "x"}).encode())
    template = decode_send_template(
        json.dumps(TEMPLATE | {"language": "sw", "header": {"file_id": ID}, "image_policy": "strict"}).encode()
    )

    assert (text.body, text.priority, text.client_reference) == ("Habari", "high", "x")
    assert (template.variables, template.language, template.header) == ({"1": "Asha"}, "sw", Header(file_id=ID))
    assert decode_send_text(encode_send(text)) == text
    assert decode_send_template(encode_send(template)) == template


def test_numbers_among_variables_are_taken_for_their_text() -> None:
    body = json.dumps(TEMPLATE | {"variables": {"1": 7, "2": 2.5}}).encode()

    assert decode_send_template(body).variables == {"1": "7", "2": "2.5"}


@given(st.dictionaries(st.sampled_from([*SendTemplate.__struct_fields__, *SendText.__struct_fields__]), JSON))
def test_any_text_and_any_template_is_read_or_refused_in_a_sentence(members: dict[str, Any]) -> None:
    for base, decode in ((TEXT, decode_send_text), (TEMPLATE, decode_send_template)):
        try:
            body = json.dumps(base | members, allow_nan=False).encode()
        except ValueError:
            return
        answer = answered(body, decode)
        assert isinstance(answer, SendText | SendTemplate) or len(answer.message) > 15
