import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.cloudapi.webhooks import (
    Change,
    Contact,
    Entry,
    Envelope,
    ErrorItem,
    InboundImage,
    InboundMessage,
    MessageItem,
    Metadata,
    OtherItem,
    Reading,
    StatusItem,
    Value,
    escape,
    read,
    when,
    write,
)

METADATA = {"phone_number_id": "1"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
# Values that stand where the real ones would, so that the fuzz reaches every level.
MEMBERS = st.sampled_from(
    ["id", "from", "timestamp", "type", "image", "status", "errors", "context", "referral", "wa_id", "code", "pricing"]
)
ITEM = st.dictionaries(MEMBERS, JSON | st.just("1") | st.just({"id": "1"}), max_size=8) | JSON
VALUE = st.fixed_dictionaries(
    {"metadata": st.just(METADATA) | JSON},
    optional={name: st.lists(ITEM, max_size=3) | JSON for name in ("contacts", "messages", "statuses", "errors")},
)
CHANGE = st.fixed_dictionaries({"field": st.just("messages") | JSON, "value": VALUE | JSON}) | JSON
ENVELOPE = st.fixed_dictionaries(
    {"entry": st.lists(st.fixed_dictionaries({"id": st.just("1") | JSON, "changes": st.lists(CHANGE) | JSON}) | JSON)}
)


def body(*values: object, field: str = "messages") -> bytes:
    changes = [{"field": field, "value": value} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": changes}]}).encode()


def message(**members: object) -> dict[str, Any]:
    return {"from": "255", "id": "wamid.a", "timestamp": "1", "type": "image", "image": {"id": "3"}, **members}


def status(**members: object) -> dict[str, Any]:
    return {"id": "wamid.a", "status": "sent", "timestamp": "1", "recipient_id": "255", **members}


def of_messages(*messages: object, **members: object) -> bytes:
    return body({"metadata": METADATA, "messages": messages, **members})


def messages_of(reading: Reading) -> list[MessageItem]:
    return [item for item in reading.items if isinstance(item, MessageItem)]


def test_every_level_of_lists_is_walked_in_order() -> None:
    reading = read(
        body(
            {"metadata": METADATA, "messages": [message(id="a"), message(id="b")]},
            {"metadata": METADATA, "statuses": [status(id="c")], "errors": [{"code": 1}]},
        )
    )

    assert [type(item) for item in reading.items] == [MessageItem, MessageItem, StatusItem, ErrorItem]
    assert reading.troubles == []


def test_a_bad_item_leaves_its_neighbours_whole_and_is_kept_with_its_place() -> None:
    reading = read(of_messages(message(id="a"), {"id": 5}, message(id="c")))

    assert [item.message.id for item in messages_of(reading)] == ["a", "c"]
    (trouble,) = reading.troubles
    assert trouble.path == "$.entry[0].changes[0].value.messages[1]"
    assert json.loads(trouble.raw) == {"id": 5}
    assert trouble.reason


@pytest.mark.parametrize("bad", [5, {}, {"id": "9"}, {"id": "9", "changes": 3}])
def test_a_bad_entry_leaves_the_next_entry_whole(bad: object) -> None:
    good = json.loads(of_messages(message()))["entry"][0]

    reading = read(json.dumps({"entry": [bad, good]}).encode())

    assert len(reading.items) == 1
    assert [trouble.path for trouble in reading.troubles] == ["$.entry[0]"]


def test_a_bad_value_leaves_the_next_change_whole() -> None:
    reading = read(body({"messages": [message()]}, {"metadata": METADATA, "messages": [message()]}))

    assert len(reading.items) == 1
    assert [trouble.path for trouble in reading.troubles] == ["$.entry[0].changes[0].value"]


@pytest.mark.parametrize("hostile", [b"", b"[]", b"{", b"\xff\xfe", b"null", b'{"object":"x"}', b"[" * 100_000])
def test_a_body_that_is_no_envelope_is_one_trouble_at_the_root(hostile: bytes) -> None:
    reading = read(hostile)

    assert reading.items == []
    assert [(trouble.path, trouble.raw) for trouble in reading.troubles] == [("$", hostile)]


def test_a_raw_item_is_its_own_bytes_cut_from_the_body() -> None:
    own = b'{ "from":"255", "id":"wamid\\/a","timestamp":"1" ,"type":"image", "new":[1, 2.50] }'

    (item,) = read(of_messages("PLACE").replace(b'"PLACE"', own)).items

    assert isinstance(item, MessageItem)
    assert item.raw == own
    assert item.message.id == "wamid/a"


def test_a_spare_member_that_cannot_be_read_is_left_out_and_named() -> None:
    (item,) = read(of_messages(message(referral="?", context=7))).items

    assert isinstance(item, MessageItem)
    assert set(item.left_out) == {"referral", "context"}
    assert item.message.image == InboundImage(id="3")
    assert json.loads(item.raw)["referral"] == "?"


def test_an_image_without_a_readable_image_member_is_a_trouble() -> None:
    reading = read(of_messages(message(image={"id": 7})))

    assert reading.items == []
    assert len(reading.troubles) == 1


def test_half_a_surrogate_pair_reads_as_the_replacement_character() -> None:
    whole = of_messages(message(text={"body": "x"}), message(id="b", text={"body": "PLACE \U0001f600"}))

    reading = read(whole.replace(b"PLACE", rb"\ud83d \\ud83d"))

    texts = [item.message.text.body for item in messages_of(reading) if item.message.text]
    assert texts == ["x", "\ufffd \\ud83d \U0001f600"]
    assert reading.troubles == []


@pytest.mark.parametrize("name", ["contacts", "messages", "statuses", "errors"])
def test_a_null_list_is_an_empty_list(name: str) -> None:
    reading = read(body({"metadata": METADATA, "messages": [message()], "statuses": [status()], name: None}))

    assert reading.troubles == []
    assert reading.items


def test_a_value_with_no_known_list_is_kept_as_other() -> None:
    (item,) = read(body({"metadata": METADATA, "calls": []})).items

    assert isinstance(item, OtherItem)
    assert item.field == "messages"
    assert json.loads(item.raw)["calls"] == []


def test_a_contact_is_found_by_phone_by_user_id_or_by_being_the_only_one() -> None:
    two = [{"wa_id": "255"}, {"user_id": "TZ.1"}]

    by_phone, by_id, nobody = read(
        of_messages(
            message(**{"from": "+255"}),
            message(from_user_id="TZ.1", **{"from": None}),
            message(**{"from": "7"}),
            contacts=two,
        )
    ).items
    (sole,) = read(of_messages(message(**{"from": "5511987654321"}), contacts=[{"wa_id": "551187654321"}])).items

    assert isinstance(by_phone, MessageItem)
    assert by_phone.contact == Contact(wa_id="255")
    assert isinstance(by_id, MessageItem)
    assert by_id.contact == Contact(user_id="TZ.1")
    assert isinstance(nobody, MessageItem)
    assert nobody.contact is None
    assert isinstance(sole, MessageItem)
    assert sole.contact == Contact(wa_id="551187654321")


def test_a_sole_contact_is_not_given_to_two_different_senders() -> None:
    reading = read(of_messages(message(**{"from": "1"}), message(**{"from": "2"}), contacts=[{"wa_id": "1"}]))

    assert [item.contact for item in messages_of(reading)] == [Contact(wa_id="1"), None]


def test_a_thousand_updates_are_all_read() -> None:
    reading = read(of_messages(*(message(id=f"wamid.{n}") for n in range(1000))))

    assert [item.message.id for item in messages_of(reading)] == [f"wamid.{n}" for n in range(1000)]


@given(st.binary(max_size=200))
def test_reading_never_raises_on_bytes(hostile: bytes) -> None:
    reading = read(hostile)

    assert reading.items or reading.troubles or b"entry" in hostile


@given(ENVELOPE)
def test_reading_never_raises_on_json_and_loses_no_item(document: dict[str, Any]) -> None:
    text = json.dumps(document).encode()

    reading = read(text)

    for item in (*reading.items, *reading.troubles):
        assert isinstance(item.raw, bytes)
    assert len(reading.items) + len(reading.troubles) >= sum(1 for entry in document["entry"] if not _is_idle(entry))


def _is_idle(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("changes") == []


@given(ENVELOPE, st.data())
def test_a_cut_body_never_raises(document: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(document).encode()
    cut = text[: data.draw(st.integers(0, len(text)))]

    assert isinstance(read(cut), Reading)


def test_a_timestamp_is_a_moment_in_utc() -> None:
    assert when("1744344496") == datetime(2025, 4, 11, 4, 8, 16, tzinfo=UTC)


@pytest.mark.parametrize("nonsense", ["", "soon", "-1", "1.5", " 1", "1\n", "1e9", "\uff11", "9" * 12, "9" * 500])
def test_a_timestamp_that_is_no_count_of_seconds_is_refused(nonsense: str) -> None:
    with pytest.raises(ValueError, match="seconds since 1970"):
        when(nonsense)


@given(st.text())
def test_reading_a_timestamp_raises_nothing_but_value_errors(text: str) -> None:
    try:
        moment = when(text)
    except ValueError:
        return
    assert moment.tzinfo is UTC


def envelope(caption: str) -> Envelope:
    image = InboundImage(id="3", caption=caption)
    content = InboundMessage(from_="255", id="wamid.a", timestamp="1", type="image", image=image)
    value = Value(metadata=Metadata(phone_number_id="1"), messages=[content])
    return Envelope(entry=[Entry(id="9", changes=[Change(value=value)])])


def test_the_wire_has_metas_escapes() -> None:
    written = write(envelope('ä/<%@>é😀"\\\n'))

    assert rb'"caption":"\u00e4\/\u003C\u0025\u0040>\u00e9\ud83d\ude00\"\\\n"' in written


def test_bytes_that_have_metas_escapes_are_not_escaped_twice() -> None:
    once = escape('{"a":"ä/<%@ \\\\/ \\\\u0040"}'.encode())

    assert escape(once) == once


@given(st.text())
def test_whatever_is_written_is_ascii_and_reads_back(caption: str) -> None:
    written = write(envelope(caption))

    (item,) = read(written).items
    assert written.isascii()
    assert not set(b"/<%@") & set(written.replace(rb"\/", b""))
    assert isinstance(item, MessageItem)
    assert item.message.image is not None
    assert item.message.image.caption == caption


@given(JSON)
def test_escaping_keeps_a_documents_meaning(document: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "replace")
        assert json.dumps(json.loads(escape(text))) == json.dumps(json.loads(text))
