"""What happened last is remembered, and how much is not."""

from hypothesis import given
from hypothesis import strategies as st

from picha.sandbox.chronicle import Chronicle
from picha.sandbox.happenings import Happening, OfSend
from picha.sandbox.records import MessageHeard


def told(wamids: list[str], most: int) -> tuple[Chronicle, list[str]]:
    """Return a chronicle that these messages were told to, and what its listener heard."""
    chronicle, heard = Chronicle(most), list[str]()

    def listen(happening: Happening | OfSend) -> None:
        heard.append(happening.wamid)

    chronicle.listeners.add(listen)
    for wamid in wamids:
        record = MessageHeard(id=wamid, phone_number_id="1", user_id="US.1", type="text", at=0.0)
        chronicle.inbound(record, "text", "US.1")
    return chronicle, heard


@given(wamids=st.lists(st.sampled_from("abc"), max_size=20), most=st.integers(1, 6))
def test_the_last_are_remembered_in_order_and_the_rest_are_counted(wamids: list[str], most: int) -> None:
    chronicle, heard = told(wamids, most)

    last = wamids[-most:]
    assert [one.wamid for one in chronicle.of(None)] == last
    assert chronicle.forgotten == len(wamids) - len(last)
    assert heard == wamids
    for wamid in "abc":
        assert [one.wamid for one in chronicle.of(wamid)] == [one for one in last if one == wamid]
