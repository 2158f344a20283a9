import asyncio
import base64
import copy
import hashlib
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journeys.sandbox_program import PATIENCE_S, SandboxProgram, running

from picha.sandbox import records

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTED_MEDIA = "1479537139650973"
PERSON, OTHER = "16505551234", "255712345678"
# Nobody is there: what is owed stays owed.
ARGUMENTS = ("--ladder", "0,-,-", "--callback", "http://127.0.0.1:1/hook", "--limits", "off")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one() -> AsyncIterator[SandboxProgram]:
    async with running(*ARGUMENTS) as program:
        yield program


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two() -> AsyncIterator[SandboxProgram]:
    async with running(*ARGUMENTS) as program:
        yield program


async def state(sandbox: SandboxProgram) -> bytes:
    async with sandbox.session.get(f"{sandbox.ready.control_url}/state") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def put(sandbox: SandboxProgram, document: bytes) -> tuple[int, str]:
    async with sandbox.session.put(f"{sandbox.ready.control_url}/state", data=document) as answer:
        return answer.status, await answer.text()


async def settled(sandbox: SandboxProgram) -> None:
    """Return when every send has come as far as it comes by itself."""
    for line in await sandbox.ledger():
        await sandbox.wait("status", wamid=line["wamid"])


def plain(number: str, **more: str) -> dict[str, str]:
    return {"from": number, "type": "text", "text": "Habari", **more}


people = st.sampled_from([PERSON, OTHER, "255700000001"])
deeds = st.one_of(
    st.tuples(st.just("/inbound"), people.map(plain)),
    st.tuples(st.just("/inbound"), people.map(lambda number: {"from": number, "caption": "Mua \U0001f331"})),
    st.tuples(st.just("/inbound"), people.map(lambda number: plain(number, group_id="Y2FwaV9ncm91cDoxZD"))),
    st.tuples(st.just("/inbound"), st.just({"user_id": "US.4321", "username": "asha"})),
    st.tuples(st.just("/inbound"), people.map(lambda number: {"from": number, "type": "user_changed_user_id"})),
    st.tuples(st.just("/groups"), people.map(lambda number: {"participants": [number, "US.4321"]})),
    st.tuples(st.just("/echo"), people.map(lambda number: {"to": number})),
    st.tuples(st.just("/people/{}/block"), people),
    st.tuples(st.just("/people/{}/read"), people),
    st.tuples(st.just("/people/{}/change-number"), people),
    st.tuples(st.just("/clock"), st.sampled_from([{"advance_s": 90000}, {"freeze": True}, {"resume": True}])),
    st.tuples(st.just("upload"), st.binary(min_size=1, max_size=2000)),
    st.tuples(st.just("delete"), st.just("")),
    st.tuples(st.just("send"), people),
    st.tuples(st.just("/reset"), st.just({})),
)


async def do(sandbox: SandboxProgram, deed: str, what: Any, uploaded: list[str]) -> None:
    if deed == "upload":
        uploaded.append(await sandbox.upload(what))
    elif deed == "delete":
        await sandbox.graph("DELETE", f"/{uploaded.pop() if uploaded else DOCUMENTED_MEDIA}")
    elif deed == "send":
        await sandbox.send_image(to=what, id=uploaded[-1] if uploaded else DOCUMENTED_MEDIA, caption=f"For {what}")
    elif isinstance(what, str):
        await sandbox.control("POST", deed.format(what), json={"to": "255799999999"} if "change" in deed else None)
    else:
        await sandbox.control("POST", deed, json=what)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(deeds, max_size=14))
async def test_a_state_that_was_taken_is_given_again_and_the_next_ids_are_the_same(
    one: SandboxProgram, two: SandboxProgram, life: list[tuple[str, Any]]
) -> None:
    await one.control("POST", "/reset")
    uploaded: list[str] = []
    for deed, what in life:
        await do(one, deed, what, uploaded)
    await settled(one)

    document = await state(one)
    status, said = await put(two, document)

    assert (status, said) == (204, "")
    assert await state(two) == document
    assert await two.ledger() == await one.ledger()
    next_ids = [
        (await sandbox.upload(b"the next"), (await sandbox.send_image(id=DOCUMENTED_MEDIA))[1].get("messages"))
        for sandbox in (one, two)
    ]
    assert next_ids[0] == next_ids[1]


async def test_the_credentials_of_the_one_that_takes_it_stay_and_a_reset_is_its_own_first_day(
    one: SandboxProgram, two: SandboxProgram
) -> None:
    await two.control("POST", "/reset")
    first_day = await state(two)
    await one.control(
        "POST", "/inbound", json={"from": OTHER, "as_is": True, "image_base64": base64.b64encode(b"seen").decode()}
    )

    await put(two, await state(one))
    (*_, media) = [line for line in json.loads(await state(two))["records"] if line["record"] == "media"]
    _, described = await two.graph("GET", f"/{media['id']}")
    bearer = {"Authorization": f"Bearer {two.ready.access_token}"}
    async with two.session.get(described["url"], headers=bearer) as answer:
        data = await answer.read()
    await two.control("POST", "/reset")

    assert data == b"seen"
    again = json.loads(await state(two))
    was = json.loads(first_day)
    assert again["chance"] == was["chance"]
    assert [line.get("id") for line in again["records"]] == [line.get("id") for line in was["records"]]


async def test_what_was_taken_is_kept_by_a_kill_right_after_the_answer_and_what_is_under_way_goes_on(
    tmp_path: Path,
) -> None:
    async with running("--ladder", "0,-,-") as first:
        await first.send_image(id=DOCUMENTED_MEDIA)
        await settled(first)
        document = await state(first)
    home = ("--home", str(tmp_path), "--ladder", "0,0,0")

    async with running(*home) as second:
        status, _ = await put(second, document)
        await second.kill()
    async with running(*home) as second:
        (line,) = await second.ledger()
        await second.wait("status", wamid=line["wamid"], status="read")
        kept = json.loads(await state(second))

    assert status == 204
    told = json.loads(document)
    assert kept["records"][: len(told["records"])] == told["records"]
    assert kept["media"] == told["media"]
    assert kept["record_count"] == told["record_count"] + 2


async def test_a_kill_while_a_state_is_taken_leaves_the_old_world_or_the_new_one(tmp_path: Path) -> None:
    async with running(*ARGUMENTS) as first:
        for n in range(12):
            await first.upload(os.urandom(400_000) + bytes([n]))
        new = await state(first)
    home = ("--home", str(tmp_path), "--ladder", "0,-,-")
    async with running(*home) as second:
        await second.send_image(id=DOCUMENTED_MEDIA)
        await settled(second)
        old = await state(second)
    worlds = {tuple(map(json.dumps, json.loads(document)["records"])): document for document in (old, new)}

    seen = []
    for tenths in range(8):
        async with running(*home) as second:
            putting = asyncio.create_task(put(second, new))
            await asyncio.wait({putting}, timeout=tenths / 20)
            await second.kill()
            await asyncio.gather(putting, return_exceptions=True)
        async with running(*home) as second:
            found = json.loads(await state(second))
            world = worlds[tuple(map(json.dumps, found["records"]))]
            seen.append(world == new)
            assert found["media"] == json.loads(world)["media"]
            assert (await put(second, old))[0] == 204

    assert not seen[0]


def broken(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield documents that are no state, each with a word of what must be said."""
    send = {"record": "send", "wamid": "wamid.x", "phone_number_id": "1", "type": "image", "at": 0}
    media = {
        "record": "media", "id": "1", "phone_number_id": "1", "digest": "", "mime_type": "x", "size": 1, "at": 0,
        "expires_at": 9e9,
    }  # fmt: skip
    queued = {"record": "queued", "id": "1", "url": "u", "body": "", "at": 0, "about": "x", "kind": "status"}
    foreign = hashlib.sha256(b"x").hexdigest()
    additions: list[tuple[str, list[Any]]] = [
        ("wamid", [{**send, "wamid": 5}]),
        ("twice", [send, send]),
        ("calendar|range|year", [{**send, "at": 1e300}]),
        ("unknown|invalid", [{"record": "nonsense"}]),
        ("born", [{"record": "born", "seed": "x"}]),
        ("renewed", [{"record": "renewed"}]),
        ("placed", [{"record": "placed", "size": 1, "record_count": 1, "chance": {"seed": "x"}}]),
        ("no bytes", [{**media, "digest": foreign}]),
        ("no bytes", [{**media, "digest": "../../../etc/passwd"}]),
        ("records", [{**queued, "body": "not a webhook"}]),
        ("records", [{**queued, "body": "{\u00e9}"}]),
        ("calendar", [{"record": "clock", "shift": 252_000_000_000.0}]),
        ("records", [{"record": "clock", "shift": 1e300}]),
        ("records", [{"record": "clock", "shift": 0, "frozen_at": 1e18}]),
    ]
    for word, more in additions:
        yield word, {**document, "records": [*document["records"], *more]}
    yield "version", {**document, "version": 2}
    yield "record_count", {**document, "record_count": -1}
    yield "chance", {name: value for name, value in document.items() if name != "chance"}
    yield "more", {**document, "more": 1}
    yield "SHA-256", {**document, "media": {**document["media"], foreign: "AAAA"}}
    yield "base64", {**document, "media": {**document["media"], foreign: "%"}}
    yield "no bytes", {**document, "media": {}}


async def test_a_document_that_is_no_state_is_refused_in_a_sentence_and_changes_nothing(one: SandboxProgram) -> None:
    await one.control("POST", "/reset")
    before = await state(one)

    for word, document in broken(json.loads(before)):
        status, said = await put(one, json.dumps(document).encode())

        assert status == 400, (word, said)
        assert any(part in json.loads(said)["error"].lower() for part in word.lower().split("|")), (word, said)
        assert await state(one) == before
    assert (await one.send_image(id=DOCUMENTED_MEDIA))[0] == 200


ODD: st.SearchStrategy[Any] = st.sampled_from([None, 0, -1, 2**70, 1.5, "", "x", "\x00", [], {}, True, "9" * 400])


def spoilt(document: Any, way: list[int], odd: Any) -> Any:
    """Return the document with one of its values, found by going `way` down, put in place of another."""
    document = copy.deepcopy(document)
    place = document
    for turn in way:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[turn % len(keys)]
        if not (isinstance(place[key], (dict, list)) and place[key]) or turn % 7 == 0:
            place[key] = odd
            break
        place = place[key]
    return document


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 10_000), min_size=6, max_size=6), ODD)
async def test_a_state_with_anything_spoilt_in_it_is_taken_or_refused_and_never_breaks_the_sandbox(
    two: SandboxProgram, way: list[int], odd: Any
) -> None:
    await two.control("POST", "/reset")
    await two.control("POST", "/inbound", json=plain(OTHER))
    await two.send_image(id=DOCUMENTED_MEDIA)
    await settled(two)
    document = json.loads(await state(two))

    wrong = spoilt(document, way, odd)
    status, said = await put(two, json.dumps(wrong).encode())

    assert status in (204, 400), said
    assert (await two.control("GET", "/ledger"))[0] == 200
    assert (await two.control("GET", "/deliveries"))[0] == 200
    assert (await two.control("POST", "/inbound", json=plain(PERSON)))[0] in (200, 400)
    assert (await two.send_image(id=DOCUMENTED_MEDIA))[0] in (200, 400)
    # A place of chance that was put back by hand draws ids once more.
    assert (await put(two, await state(two)))[0] == 204 or wrong["chance"] != document["chance"]


def long_life(path: Path, sends: int) -> list[str]:
    """Write the journal of a sandbox that has sent and told much, and return the wamids in order."""
    body = json.dumps({"object": "whatsapp_business_account", "entry": [], "filler": "x" * 1500})
    wamids = [f"wamid.{n}" for n in range(sends)]
    with path.open("wb") as out:
        out.write(records.encode(records.Born(seed="7")) + b"\n")
        for n, wamid in enumerate(wamids):
            accepted = records.SendAccepted(
                wamid=wamid, phone_number_id="106540352242922", type="image", at=n, to=OTHER
            )
            lines: list[records.AnyRecord] = [accepted]
            for status in ("sent", "delivered", "read"):
                queued = records.WebhookQueued(
                    id=f"{status}{n}", url="u", body=body, at=n, about=wamid, kind="status", status=status
                )
                gone = records.WebhookSettled(id=queued.id, at=n, attempts=1, taken=True, http=200)
                lines += [records.StatusMade(wamid=wamid, status=status, at=n), queued, gone]
            out.writelines(records.encode(line) + b"\n" for line in lines)
    return wamids


async def test_a_kill_while_the_journal_is_told_anew_loses_no_line_and_then_it_is_short(tmp_path: Path) -> None:
    journal, new = tmp_path / "journal.jsonl", tmp_path / "journal.new"
    wamids = await asyncio.to_thread(long_life, journal, 12_000)
    long = await asyncio.to_thread(lambda: journal.stat().st_size)

    caught = 0
    for n in range(4):
        async with running("--home", str(tmp_path)) as sandbox:
            await until(lambda: new.exists() or journal.stat().st_size < long)
            # Killed at the beginning, in the middle, and while more is written.
            for _ in range(n):
                _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)
                wamids.append(answer["messages"][0]["id"])
            await sandbox.kill()
            caught += await asyncio.to_thread(new.exists)
        async with running("--home", str(tmp_path)) as sandbox:
            assert await ledger(sandbox) == wamids
            await sandbox.kill()
    async with running("--home", str(tmp_path)) as sandbox:
        await until(lambda: journal.stat().st_size < long / 3)
        _, answer = await sandbox.send_image(id=DOCUMENTED_MEDIA)
        wamids.append(answer["messages"][0]["id"])
        told = await ledger(sandbox)
        await sandbox.kill()
    async with running("--home", str(tmp_path)) as sandbox:
        again = await ledger(sandbox)
        _, deliveries = await sandbox.control("GET", "/deliveries", params={"limit": "1000"})
        statuses = await sandbox.wait("status", wamid="wamid.11990", count="3")

    assert caught
    assert told == again == wamids
    assert len(deliveries["items"]) == 1000
    assert [item["status"] for item in statuses] == ["sent", "delivered", "read"]


async def ledger(sandbox: SandboxProgram) -> list[str]:
    _, answer = await sandbox.control("GET", "/ledger")
    return [line["wamid"] for line in answer["items"]]


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):
            pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    words = ["mount", "-t", "tmpfs", "-o", "size=2m", "picha-test", str(tmp_path)]
    mounted = subprocess.run(words, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_full_disk_is_told_to_everybody_and_once_there_is_room_all_goes_on(small_disk: Path) -> None:
    filler = small_disk / "filler"
    async with running("--home", str(small_disk), "--limits", "off", "--ladder", "0,-,-") as sandbox:
        before = await state(sandbox)
        _, first = await sandbox.send_image(id=DOCUMENTED_MEDIA)
        await settled(sandbox)
        await asyncio.to_thread(fill, filler)
        full = await asyncio.gather(*(sandbox.send_image(id=DOCUMENTED_MEDIA, caption="x" * 1000) for _ in range(40)))
        inbound = [await sandbox.control("POST", "/inbound", json={"from": OTHER}) for _ in range(3)]
        left = await asyncio.to_thread(lambda: list(small_disk.glob("media/new-*")))
        refused = await put(sandbox, before)
        await asyncio.to_thread(filler.unlink)
        status, last = await sandbox.send_image(id=DOCUMENTED_MEDIA)
        lines = await ledger(sandbox)
        await sandbox.kill()
    async with running("--home", str(small_disk)) as sandbox:
        kept = await ledger(sandbox)

    failed = [answer for code, answer in full if code != 200]
    assert failed
    assert all(answer["error"]["code"] == 131000 for answer in failed)
    assert [status for status, _ in inbound] == [507] * 3
    assert "disk" in inbound[-1][1]["error"]
    assert left == []
    assert refused[0] == 507
    assert status == 200
    answered = [answer["messages"][0]["id"] for code, answer in full if code == 200]
    assert kept == lines == [first["messages"][0]["id"], *answered, last["messages"][0]["id"]]


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as out:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                continue
