"""Whatever the trouble and whoever sends at once: the ledger and the sum of the webhooks tell one story.

`make test` tries a few mixes, `make soak` many.
"""

import asyncio
import hashlib
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journeys.sandbox_program import DOCUMENTED_MEDIA, Receiver, SandboxProgram, telling

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANCES = (
    "duplicate", "reorder", "drop", "early_status", "skip_delivered", "failed_after_delivered", "unknown_wamid",
)  # fmt: skip
OPEN, CLOSED, DOOMED = "16505551234", "255799999999", "9991131026"
# An example takes as long as its webhooks take, seconds where they are held back.
FEWER = settings(max_examples=settings().max_examples // 8)
LAST = ("read", "failed")


class Sending(NamedTuple):
    """One send that a client shall make; what it carries names it."""

    to: str
    source: str


@st.composite
def troubles(draw: st.DrawFn) -> dict[str, Any]:
    least = draw(st.integers(0, 20))
    trouble: dict[str, Any] = {name: draw(st.sampled_from((0, 0, 0.3, 0.7, True))) for name in CHANCES}
    # What is held is held for two seconds, and an early status that never comes keeps its answer waiting as long.
    trouble["reorder"] = draw(st.sampled_from((0, 0, 0, 0.5)))
    if trouble["drop"] or trouble["reorder"]:
        trouble["early_status"] = 0
    delay = [least, least + draw(st.integers(0, 30))]
    return trouble | {"batch": draw(st.sampled_from((1, 2, 7, 1000))), "delay_ms": delay, "seed": draw(st.integers())}


SENDINGS = st.lists(
    st.builds(
        Sending, to=st.sampled_from((OPEN, OPEN, CLOSED, DOOMED)), source=st.sampled_from(("id", "link", "gone"))
    ),
    min_size=1,
    max_size=6,
)
CLIENTS = st.lists(SENDINGS, min_size=1, max_size=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ears() -> AsyncIterator[Receiver]:
    async with Receiver("shaken").listening() as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(ears: Receiver) -> AsyncIterator[SandboxProgram]:
    async with telling(ears, "--ladder", "0,0,0", "--limits", "off", "--seed", "oracle") as program:
        yield program


class Story(NamedTuple):
    """All that can be known of one mix: what was sent, the ledger, the statuses made, the log, and what came."""

    sent: dict[str, tuple[str, Sending]]
    ledger: list[Any]
    made: list[Any]
    log: list[Any]
    calls: list[Any]


async def told(
    sandbox: SandboxProgram, ears: Receiver, trouble: dict[str, Any], clients: Sequence[Sequence[Sending]]
) -> Story:
    """Let the clients send at once, each one after the other, and return the story once it is over."""
    await sandbox.control("POST", "/reset")
    await settled(sandbox)
    ears.calls.clear()
    status, answer = await sandbox.control("POST", "/trouble", json=trouble)
    assert status == 200, answer

    async def client(number: int, sendings: Sequence[Sending]) -> dict[str, tuple[str, Sending]]:
        return {
            await send(sandbox, f"{number}-{place}", one): (f"{number}-{place}", one)
            for place, one in enumerate(sendings)
        }

    parts = await asyncio.gather(*(client(number, sendings) for number, sendings in enumerate(clients)))
    sent = {wamid: one for part in parts for wamid, one in part.items()}
    assert len(sent) == sum(map(len, clients)), "two sends were given one wamid"
    made = await ended(sandbox, set(sent))
    return Story(sent, await sandbox.ledger(), made, await settled(sandbox), list(ears.calls))


async def send(sandbox: SandboxProgram, name: str, sending: Sending) -> str:
    links = {"link": f"{sandbox.ready.control_url}/photo.jpg", "gone": f"{sandbox.ready.base_url}/handset"}
    image = {"id": DOCUMENTED_MEDIA} if sending.source == "id" else {"link": links[sending.source]}
    body = {"messaging_product": "whatsapp", "to": sending.to, "type": "image", "image": {**image, "caption": name}}
    body |= {"biz_opaque_callback_data": name}
    status, answer = await sandbox.graph("POST", f"/v24.0/{sandbox.number}/messages", json=body)
    assert status == 200, answer
    wamid = answer["messages"][0]["id"]
    assert isinstance(wamid, str)
    return wamid


async def ended(sandbox: SandboxProgram, wamids: set[str]) -> list[Any]:
    """Return every status once each of these sends has its last."""
    made: list[Any] = []
    while not wamids <= {item["wamid"] for item in made if item["status"] in LAST}:
        status, answer = await sandbox.control("GET", "/wait", params={"event": "status", "count": str(len(made) + 1)})
        assert status == 200, answer
        _, answer = await sandbox.control("GET", "/wait", params={"event": "status", "count": "9999", "timeout_s": "0"})
        made = answer["items"]
    return made


async def settled(sandbox: SandboxProgram) -> list[Any]:
    """Return the log of webhooks once none is owed any more."""
    while True:
        log = await sandbox.deliveries(limit="1000")
        if all(item["state"] != "owed" for item in log):
            return log
        await sandbox.wait("delivery", count=str(len(log)))


def updates(story: Story) -> list[tuple[str, str, bytes]]:
    """Return (wamid, status, the change's bytes) of every status that came, whatever it travelled in."""
    envelopes = [msgspec.json.decode(call.body, type=Envelope) for call in story.calls]
    changes = [bytes(change) for envelope in envelopes for entry in envelope.entry for change in entry.changes]
    return [
        (one["id"], one["status"], change)
        for change in changes
        for one in json.loads(change)["value"].get("statuses", [])
    ]


class Entry(msgspec.Struct):
    changes: list[msgspec.Raw]


class Envelope(msgspec.Struct):
    entry: list[Entry]


def check_ledger(story: Story) -> None:
    """Every accepted send is there once, with nobody else's recipient, caption or callback data."""
    assert Counter(line["wamid"] for line in story.ledger) == Counter(list(story.sent))
    for line in story.ledger:
        name, sending = story.sent[line["wamid"]]
        assert (line["to"], line["caption"], line["biz_opaque_callback_data"]) == (sending.to, name, name)


def check_statuses(story: Story, trouble: dict[str, Any]) -> dict[str, list[str]]:
    """Each send climbs as the trouble lets it, and returns each send's statuses in order."""
    made: dict[str, list[str]] = defaultdict(list)
    for item in story.made:
        made[item["wamid"]].append(item["status"])
    assert set(made) == set(story.sent)
    for wamid, statuses in made.items():
        _, sending = story.sent[wamid]
        if sending.to != OPEN or sending.source == "gone":
            assert statuses == ["failed"]
            continue
        lawful = [["sent", "delivered", "read"]]
        lawful += [["sent", "read"]] if trouble["skip_delivered"] else []
        lawful += [["sent", "delivered", "failed"]] if trouble["failed_after_delivered"] else []
        both = trouble["skip_delivered"] and trouble["failed_after_delivered"]
        assert statuses in [*lawful, *([["sent", "failed"]] if both else [])]
    return made


def check_webhooks(story: Story, made: dict[str, list[str]], trouble: dict[str, Any]) -> None:
    """What came is what was made, less what the log calls dropped, and foreign only what trouble announced."""
    came = updates(story)
    times = Counter((wamid, status) for wamid, status, _ in came)
    owed = Counter((item["about"], item["status"]) for item in story.log if item["kind"] == "status")
    taken = Counter((i["about"], i["status"]) for i in story.log if i["kind"] == "status" and i["state"] == "taken")
    dropped = {(i["about"], i["status"]) for i in story.log if i["kind"] == "status" and i["state"] == "given up"}
    assert times == taken
    assert {about for about, _ in dropped} == set() or trouble["drop"]
    assert all(item["attempts"] == 0 for item in story.log if item["state"] == "given up")
    ours = {(wamid, status) for wamid, statuses in made.items() for status in statuses}
    assert {one for one in times if one[0] in story.sent} == ours - dropped
    foreign = {about for about, _ in owed} - set(story.sent)
    assert not foreign or trouble["unknown_wamid"]
    assert all(count == 1 or trouble["duplicate"] for count in owed.values())
    bodies: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for wamid, status, body in came:
        bodies[wamid, status].add(body)
    assert all(len(some) == 1 for some in bodies.values()), "a duplicate differs from its first"


def check_calls(story: Story, trouble: dict[str, Any], secret: str) -> None:
    """Every POST is signed over its bytes, carries no more than it may, and mixes no two sends."""
    for call in story.calls:
        expected = hmac.new(secret.encode(), call.body, hashlib.sha256).hexdigest()
        assert call.headers["X-Hub-Signature-256"] == f"sha256={expected}"
        changes = [change for entry in json.loads(call.body)["entry"] for change in entry["changes"]]
        assert len(changes) <= trouble["batch"]
        for one in (one for change in changes for one in change["value"]["statuses"]):
            name, sending = story.sent.get(one["id"], (None, None))
            assert one.get("biz_opaque_callback_data") == name
            assert sending is None or one["recipient_id"] == sending.to


@FEWER
@given(trouble=troubles(), clients=CLIENTS)
async def test_the_ledger_and_the_sum_of_webhooks_agree(
    sandbox: SandboxProgram, ears: Receiver, trouble: dict[str, Any], clients: list[list[Sending]]
) -> None:
    story = await told(sandbox, ears, trouble, clients)

    check_ledger(story)
    made = check_statuses(story, trouble)
    check_calls(story, trouble, sandbox.ready.app_secret)
    check_webhooks(story, made, trouble)


def shape(story: Story) -> dict[str, Counter[str]]:
    """Return what trouble did to each send by its name: the statuses made, and what became of them."""
    shape: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for item in story.made:
        shape[story.sent[item["wamid"]][0]][item["status"]] += 1
    for item in story.log:
        name = story.sent[item["about"]][0] if item["about"] in story.sent else "foreign"
        shape[name][f"{item['status']} {item['state']}"] += 1
    return shape


@FEWER
@given(trouble=troubles(), sendings=SENDINGS)
async def test_the_same_seed_and_sends_get_the_same_ids_and_trouble(
    sandbox: SandboxProgram, ears: Receiver, trouble: dict[str, Any], sendings: list[Sending]
) -> None:
    first = await told(sandbox, ears, trouble, [sendings])
    second = await told(sandbox, ears, trouble, [sendings])

    assert list(first.sent) == list(second.sent)
    assert shape(first) == shape(second)
