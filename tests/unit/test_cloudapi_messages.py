import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.cloudapi import limits
from picha.cloudapi.media import MediaDescription, digest_of, digest_text
from picha.cloudapi.messages import (
    ImageObject,
    ImageSend,
    MessageContext,
    ReadMark,
    SendAnswer,
    SendContact,
    SentMessage,
    decode_send,
    decode_send_answer,
    encode_read_mark,
    encode_send,
    encode_send_answer,
    make_wamid,
)
from picha.karibu import sends


def test_a_send_always_says_product_recipient_type_and_type() -> None:
    written = encode_send(ImageSend(to="+255712345678", image=ImageObject(id="7")))

    assert written == (
        b'{"messaging_product":"whatsapp","recipient_type":"individual","to":"+255712345678","type":"image",'
        b'"image":{"id":"7"}}'
    )


@given(
    st.builds(
        ImageSend,
        to=st.none() | st.text(),
        recipient=st.none() | st.text(),
        image=st.builds(ImageObject, id=st.none() | st.text(), link=st.none() | st.text(), caption=st.text(min_size=1)),
        context=st.none() | st.builds(MessageContext, message_id=st.text()),
        biz_opaque_callback_data=st.none() | st.text(),
        recipient_identity_key_hash=st.none() | st.text(),
    )
)
def test_every_send_reads_back_as_written(send: ImageSend) -> None:
    written = encode_send(send)

    assert decode_send(written) == send
    assert b"null" not in written or "null" in repr(send)


def test_a_read_mark_always_says_product_and_status() -> None:
    written = encode_read_mark(ReadMark(message_id="wamid.X"))

    # As Meta's page has it: developers.facebook.com/docs/whatsapp/cloud-api/guides/mark-message-as-read.
    assert written == b'{"messaging_product":"whatsapp","status":"read","message_id":"wamid.X"}'


@pytest.mark.parametrize("caption", [b"null", b'""'])
def test_an_empty_caption_is_no_caption(caption: bytes) -> None:
    send = decode_send(b'{"to":"1","image":{"id":"7","caption":' + caption + b"}}")

    assert send.image == ImageObject(id="7")


def test_callback_data_that_is_an_object_is_kept_as_text() -> None:
    send = decode_send(b'{"to":"1","image":{"id":"7"},"biz_opaque_callback_data":{"a":[1,"\xc3\xa9"]}}')

    assert send.biz_opaque_callback_data == '{"a":[1,"é"]}'


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"image":{"id":7}}', b'{"to":5,"image":{}}', b'{"image":{}'])
def test_a_send_of_a_wrong_shape_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_send(body)


@given(st.binary(max_size=80))
def test_reading_a_send_raises_nothing_undocumented(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_send(body)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"messages":[]}', b'{"messages":[{"id":""}]}', b'{"messages":[{"id":"w']
)
def test_an_answer_that_names_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_send_answer(body)


def test_an_answer_is_written_as_meta_writes_it() -> None:
    answer = SendAnswer(contacts=[SendContact(input="+1", wa_id="1")], messages=[SentMessage(id="wamid.a")])

    assert encode_send_answer(answer) == (
        b'{"messaging_product":"whatsapp","contacts":[{"input":"+1","wa_id":"1"}],"messages":[{"id":"wamid.a"}]}'
    )


@pytest.mark.parametrize(
    ("published", "peer", "outbound", "token"),
    [
        ("wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEA", "16467043595", True, "5f425a74f13033492a"),
        (
            "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
            "16503879439",
            False,
            "3A4A6599AEE03810144F",
        ),
    ],
)
def test_a_made_wamid_equals_the_published_one(published: str, peer: str, outbound: bool, token: str) -> None:  # noqa: FBT001 - a column of the table
    assert make_wamid(peer, outbound=outbound, token_hex=token) == published


def test_a_wamid_for_a_long_user_id_is_made() -> None:
    wamid = make_wamid("TZ." + "a" * 128, outbound=True, token_hex="ab" * 9)

    assert base64.b64decode(wamid.removeprefix("wamid."))[:4] == b"\x1c\x18\x83\x01"


@pytest.mark.parametrize(("peer", "token"), [("255", ""), ("255", "xyz"), ("é", "ab"), ("255", "ab\n")])
def test_a_wamid_from_anything_else_is_refused(peer: str, token: str) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal|ascii"):
        make_wamid(peer, outbound=True, token_hex=token)


@given(st.binary(min_size=32, max_size=32))
def test_a_digest_reads_the_same_from_either_spelling(digest: bytes) -> None:
    assert digest_of(digest_text(digest)) == digest_of(digest.hex()) == digest_of(digest.hex().upper()) == digest


@given(st.text())
def test_reading_a_digest_raises_nothing_but_value_errors(text: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        digest_of(text)


@pytest.mark.parametrize("text", ["a" * 63, "a" * 65, "a" * 64 + "\n", "A" * 43, "A" * 44, "A" * 44 + "=", "é" * 64])
def test_a_digest_of_another_length_or_alphabet_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        digest_of(text)


@pytest.mark.parametrize("size", ["", "-1", "1.5", "x", "\uff11", "9" * 16, -1])
def test_a_file_size_that_is_none_is_refused(size: int | str) -> None:
    description = MediaDescription(url="u", mime_type="m", sha256="s", file_size=size, id="1")

    with pytest.raises(ValueError, match="number of bytes"):
        _ = description.size


def test_both_wires_agree_on_the_length_of_a_caption() -> None:
    assert sends.CAPTION_MAX_CHARS == limits.CAPTION_MAX_CHARS


def test_a_media_description_is_written_with_its_product() -> None:
    description = MediaDescription(url="u", mime_type="m", sha256="s", file_size="1", id="1")

    assert json.loads(msgspec.json.encode(description))["messaging_product"] == "whatsapp"
