import io
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from picha.kit.clock import ManualClock
from picha.sandbox import records
from picha.sandbox.accounts import DEFAULT, AccountWish, NumberWish
from picha.sandbox.chance import Place
from picha.sandbox.clock import SandboxClock
from picha.sandbox.history import History
from picha.sandbox.world import World

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW = NOON.timestamp()
ANOTHER = AccountWish(numbers=(NumberWish(),))
BODY = '{"object":"whatsapp_business_account","entry":[]}'

names = st.sampled_from(["1", "2"])
user_ids = st.sampled_from(["US.1", "US.2"])
numbers = st.sampled_from(["255700000001", "255700000002"])
stamps = st.integers(-60, 60).map(lambda seconds: NOW + seconds)
kinds: st.SearchStrategy[records.AnyRecord] = st.one_of(
    st.builds(records.ClockPlaced, shift=st.integers(-5, 5).map(float), frozen_at=st.none() | stamps),
    st.builds(
        records.MediaStored,
        id=names,
        phone_number_id=st.just("1"),
        digest=st.sampled_from(["aa", "bb"]),
        mime_type=st.just("image/png"),
        size=st.just(1),
        at=stamps,
        expires_at=stamps,
    ),
    st.builds(records.MediaDeleted, id=names),
    st.builds(
        records.MessageHeard,
        id=names,
        phone_number_id=st.just("1"),
        wa_id=st.none() | numbers,
        user_id=user_ids,
        type=st.just("text"),
        at=stamps,
        name=st.none() | names,
        group_id=st.none() | names,
    ),
    st.builds(records.MarkedRead, message_id=names, at=stamps, typing=st.booleans()),
    st.builds(records.GroupMade, id=names, participants=st.tuples(numbers, user_ids), phone_number_id=names),
    st.builds(
        records.UserIdChanged,
        id=names,
        phone_number_id=names,
        wa_id=st.none() | numbers,
        user_id=user_ids,
        previous_user_id=user_ids,
        at=stamps,
    ),
    st.builds(
        records.SendAccepted,
        wamid=names,
        phone_number_id=st.just("1"),
        type=st.just("image"),
        at=stamps,
        to=st.none() | numbers,
        group_id=st.none() | names,
    ),
    st.builds(
        records.Echoed,
        id=names,
        phone_number_id=st.just("1"),
        person=numbers | user_ids,
        type=st.just("text"),
        at=stamps,
    ),
    st.builds(records.StatusMade, wamid=names, status=st.sampled_from(["sent", "delivered", "read"]), at=stamps),
    st.builds(records.CallbackSet, scope=st.sampled_from(["app", "account"]), url=names, is_subscribed=st.booleans()),
    st.builds(records.PersonBlocked, wa_id=numbers | user_ids, is_blocked=st.booleans(), phone_number_id=names),
    st.builds(
        records.NumberChanged,
        id=names,
        phone_number_id=st.just("1"),
        wa_id=numbers,
        new_wa_id=numbers,
        user_id=user_ids,
        previous_user_id=user_ids,
        at=stamps,
    ),
    st.builds(records.AccountsNamed, accounts=st.sampled_from([(DEFAULT,), (DEFAULT, ANOTHER)])),
    st.just(records.Renewed()),
)


def webhook(number: int, *, is_settled: bool) -> list[records.AnyRecord]:
    queued = records.WebhookQueued(id=f"w{number}", url="u", body=BODY, at=NOW, about="1", kind="status", status="sent")
    settled = records.WebhookSettled(id=queued.id, at=NOW, attempts=1, taken=True, http=200)
    return [queued, settled] if is_settled else [queued]


@st.composite
def lives(draw: st.DrawFn) -> list[records.AnyRecord]:
    life: list[records.AnyRecord] = [records.Born(seed="7")]
    count = itertools.count()
    for record in draw(st.lists(kinds | st.booleans(), min_size=draw(st.integers(0, 40)), max_size=60)):
        life += webhook(next(count), is_settled=record) if isinstance(record, bool) else [record]
    return life


def world_of(life: Sequence[records.AnyRecord]) -> World:
    world = World(SandboxClock(ManualClock(NOON)))
    for record in life:
        world.apply(record)
    return world


def told(life: Sequence[records.AnyRecord], *, now: float = NOW, size: int | None = None) -> list[records.AnyRecord]:
    lines = b"".join(records.encode(record) + b"\n" for record in life)
    history = History(
        io.BytesIO(lines), len(lines) if size is None else size, now=now, has_bytes=lambda digest: digest != "bb"
    )
    return [records.decode(line) for _, line in history.lines()]


def seen(world: World) -> dict[str, Any]:
    """Return what can be seen of a world, but for media that is dead or whose bytes are gone."""
    alive = {name: one for name, one in world.media.items() if one.expires_at > NOW and one.digest != "bb"}
    unseen = {
        "_base",
        "media",
        "clock",
        "deliveries",
        "chronicle",
        "conversations",
        "placed",
        "accounts",
        "callbacks",
        "bell",
    }
    fields = {name: value for name, value in vars(world).items() if name not in unseen}
    clock = (world.clock.shift, world.clock.frozen_at, list(world.callbacks.values()))
    shown = msgspec.json.encode(world.deliveries.newest(100_000))
    talks = {name: value for name, value in vars(world.conversations).items() if name != "clock"}
    fields |= {"happenings": list(world.chronicle.of(None)), "conversations": talks}
    return fields | {"media": alive, "clock": clock, "deliveries": shown, "chance": world.chance()}


@given(lives(), st.data())
def test_a_history_told_anew_makes_the_same_world_and_told_again_is_the_same(
    life: list[records.AnyRecord], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(life)))
    world = world_of(life[:cut])
    placed = records.Placed(size=1, record_count=world.record_count, chance=world.chance())

    short = [*told(life[:cut]), placed]

    assert seen(world_of([*short, *life[cut:]])) == seen(world_of(life))
    assert told(short) == short[:-1]
    assert not any(isinstance(record, (records.MediaDeleted, records.Renewed)) for record in short)


def test_no_line_of_the_ledger_is_left_out_and_webhooks_settled_long_ago_are() -> None:
    sends = [
        records.SendAccepted(wamid=f"wamid.{n}", phone_number_id="1", type="image", at=NOW, to="2") for n in range(6000)
    ]
    webhooks = [webhook(n, is_settled=n % 10 > 0) for n in range(6000)]
    life = [
        records.Born(seed="7"),
        *(r for send, hook in zip(sends, webhooks, strict=True) for r in (send, *hook)),
    ]

    short = told(life)

    assert [record for record in short if isinstance(record, records.SendAccepted)] == sends
    queued = {record.id for record in short if isinstance(record, records.WebhookQueued)}
    settled = [record.id for record in short if isinstance(record, records.WebhookSettled)]
    assert len(settled) == 5000
    # 600 are still owed, and of the 5,400 settled ones the first 400 are forgotten.
    assert len(queued) == 5600
    assert world_of(life).deliveries.forgotten == 400
    assert world_of(short).deliveries.newest(10_000) == world_of(life).deliveries.newest(10_000)


def test_a_kind_of_record_that_it_does_not_know_is_carried_as_it_stands() -> None:
    lines = b'{"record":"born","seed":"7"}\n{"record":"not-yet-invented","id":{"deep":[1]},"x":2}\n'

    history = History(io.BytesIO(lines), len(lines), now=NOW, has_bytes=lambda _digest: True)

    assert [line for _, line in history.lines()] == lines.splitlines()


def test_ids_go_on_at_a_place_of_their_own_after_a_restart() -> None:
    begun = records.Placed(size=1, record_count=40, chance=Place(seed="other", start=3, count=9))

    assert world_of([records.Born(seed="7")]).chance() == Place(seed="7", start=1)
    assert world_of([records.Born(seed="7"), begun]).chance() == Place(seed="other", start=3, count=9)
    later: list[records.AnyRecord] = [records.Born(seed="7"), begun, records.MediaDeleted(id="1")]
    assert world_of(later).chance() == Place(seed="other", start=41)
    assert world_of([*later, records.Renewed()]).chance() == Place(seed="7", start=1)
