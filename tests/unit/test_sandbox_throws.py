import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.cloudapi import webhooks
from picha.sandbox.callbacks.documents import merged
from picha.sandbox.callbacks.trouble import Trouble, Troubles
from picha.sandbox.chance import Chance

METADATA = webhooks.Metadata(display_phone_number="15550783881", phone_number_id="106540352242922")


def throws(troubles: Troubles, wish: Trouble, count: int = 200) -> list[tuple[bool, float]]:
    troubles.begin(wish)
    return [(troubles.strikes("drop", str(n), "sent"), troubles.delay_s(str(n), "sent")) for n in range(count)]


def test_the_same_seed_meets_the_same_messages_and_another_does_not() -> None:
    wish = Trouble(drop=0.5, delay_ms=(10, 90), seed=7)

    first = throws(Troubles(Chance("one")), wish)

    assert first == throws(Troubles(Chance("two")), wish)
    assert first != throws(Troubles(Chance("one")), msgspec.structs.replace(wish, seed=8))
    assert 60 < sum(is_dropped for is_dropped, _ in first) < 140
    assert all(0.01 <= delay <= 0.09 for _, delay in first)


def test_order_counts_and_names_do_not() -> None:
    troubles = Troubles(Chance("one"))
    troubles.begin(Trouble(drop=0.5, seed=7))
    by_letter = [troubles.strikes("drop", f"wamid.{n}", "sent") for n in range(50)]

    assert by_letter == [is_dropped for is_dropped, _ in throws(troubles, Trouble(drop=0.5, seed=7), 50)]


def test_what_a_message_meets_does_not_hang_on_when_it_is_asked() -> None:
    troubles = Troubles(Chance("one"))
    troubles.begin(Trouble(drop=0.5, seed=7))
    steps = ("sent", "delivered", "read")

    once = [troubles.strikes("drop", "a", step) for step in steps]
    again = [troubles.strikes("drop", "a", step) for step in reversed(steps)]

    assert once == again[::-1]


def test_a_seed_is_drawn_and_told() -> None:
    assert Troubles(Chance("one")).begin(Trouble(drop=True)).seed


def test_ended_trouble_strikes_nobody() -> None:
    troubles = Troubles(Chance("one"))
    troubles.begin(Trouble(drop=True, delay_ms=(5, 5)))
    troubles.end()

    assert not troubles.strikes("drop", "a", "sent")
    assert troubles.delay_s("a", "sent") == 0


@pytest.mark.parametrize(
    "body",
    ['{"drop": 1.1}', '{"drop": -0.1}', '{"batch": 0}', '{"batch": 1001}', '{"delay_ms": [5, 4]}',
     '{"delay_ms": [-1, 4]}', '{"delay_ms": 5}', '{"dorp": 1}', '{"drop": "often"}', "[]"],
)  # fmt: skip
def test_trouble_that_means_nothing_is_refused(body: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Trouble)


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_merged_bodies_keep_every_change_byte_by_byte(texts: list[str]) -> None:
    def body(text: str) -> bytes:
        message = webhooks.InboundMessage(id="wamid.A", timestamp="1", type="text", text=webhooks.Text(body=text))
        value = webhooks.Value(metadata=METADATA, messages=[message])
        entry = webhooks.Entry(id="102290129340398", changes=[webhooks.Change(value=value)])
        return webhooks.write(webhooks.Envelope(entry=[entry]))

    whole = merged([body(text) for text in texts])

    changes = json.loads(whole)["entry"][0]["changes"]
    assert [change["value"]["messages"][0]["text"].get("body") for change in changes] == texts
    assert whole.isascii()
    assert b"/" not in whole.replace(b"\\/", b"")


def test_a_messages_place_is_where_it_was_met_whoever_is_asked_first() -> None:
    def dropped(asked: list[str]) -> dict[str, bool]:
        troubles = Troubles(Chance("one"))
        troubles.begin(Trouble(drop=0.5, seed=7))
        for n in range(50):
            troubles.meet(str(n))
            troubles.shadow(f"foreign {n}", str(n))
        return {about: troubles.strikes("drop", about, "sent") for about in asked}

    names = [f"{kind}{n}" for n in range(50) for kind in ("", "foreign ")]

    assert dropped(names) == dropped(names[::-1])
    assert 10 < sum(dropped(names[1::2]).values()) < 40
