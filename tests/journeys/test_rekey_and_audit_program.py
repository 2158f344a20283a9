"""`picha rekey` and `picha audit` on a running product: nothing stops, and what was done is told and holds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import asyncpg
import pytest
from tests.journeys.running import House, Talk, picture, talking, until
from tests.journeys.terminal import typed
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_keys_program import done, made, refused

from picha.cli.whereabouts import settings_of
from picha.gateway.store import sealed
from picha.gateway.store.pool import open_pool
from picha.gateway.store.vault import read_ring

SENDERS = "/v1/whatsapp/senders"


@pytest.fixture
async def alone(raise_house: Callable[..., AbstractContextManager[House]]) -> AsyncIterator[Talk]:
    """A house of the test's own, for its ring is changed."""
    with raise_house() as house:
        async with talking(house) as talk:
            yield talk


async def test_a_house_goes_on_sending_hearing_and_showing_while_its_master_key_changes(alone: Talk) -> None:
    ring, customer = alone.house.home / "keys", alone.stranger()
    [former] = read_ring(ring.read_text())
    link = (await alone.hear(customer))["content"]["url"]
    file_id = (await alone.upload(picture())).data["file_id"]
    is_over = asyncio.Event()

    async def go_on() -> list[str]:
        ids = []
        while not is_over.is_set():
            sent = await alone.send(to=customer, file_id=file_id)
            assert sent.status == 202, sent.body
            ids.append(sent.data["message_id"])
            await alone.becomes(ids[-1], "delivered", "read")
        return ids

    going = asyncio.create_task(go_on())
    [told] = await done(alone, "rekey")
    is_over.set()

    assert (told["is_new"], told["sealed"], told["stuck"]) == (True, 3, 0)
    assert list(read_ring(ring.read_text())) == [told["key"], former]
    assert len(await going) > 0
    assert (await alone.api("GET", link, key=None)).status == 200, "a link that was made under the former key"
    async with open_pool(settings_of(alone.house.home).database_url, size=2) as pool:
        assert await sealed.left(pool, told["key"]) == 0

    assert (await done(alone, "rekey", "--retire", "--yes")) == [{"retired": [former]}]

    async def is_shut() -> bool:
        return (await alone.api("GET", link, key=None)).status == 404

    await until(is_shut)
    message = await alone.hear(alone.stranger())
    assert (await alone.api("GET", message["content"]["url"], key=None)).status == 200
    sent = (await alone.send(to=customer, file_id=file_id)).data["message_id"]
    await alone.becomes(sent, "delivered", "read")
    assert (await picha_command("doctor", "--home", str(alone.house.home)))[0] == 0
    _, out, _ = await picha_command("rekey", "--retire", "--home", str(alone.house.home))
    assert "one key only" in out


async def test_former_master_keys_go_only_by_somebody_who_means_it(alone: Talk) -> None:
    question = "every former master key?"

    code, _ = await typed("rekey", "--retire", "--home", str(alone.house.home), answers=[(question, "n")])

    assert code == 1


async def test_a_fresh_line_is_printed_and_nothing_is_touched() -> None:
    code, out, err = await picha_command("rekey", "--fresh-line")

    assert (code, err) == (0, "")
    assert len(read_ring(out)) == 1


async def test_what_is_done_is_listed_holds_and_is_found_when_somebody_changes_it(alone: Talk) -> None:
    home = alone.house.home
    key = await made(alone, "--scope", "manage")
    [sender] = (await alone.api("GET", SENDERS)).document
    assert (await alone.api("POST", f"{SENDERS}/{sender['id']}/pause", key=key["key"])).status == 200
    await done(alone, "senders", "resume", sender["id"])
    await done(alone, "keys", "revoke", key["id"])

    rows = await done(alone, "audit", "list", "--limit", "4")

    assert [(one["deed"], one["who"]) for one in rows] == [
        ("key.revoked", "cli"), ("sender.resumed", "cli"), ("sender.paused", key["id"]), ("key.created", "cli"),
    ]  # fmt: skip
    assert rows[0]["about"] == {"key": key["id"]}
    assert rows[2]["about"] == {"sender": sender["id"]}
    assert "No workspace has" in await refused(alone, "audit", "list", "--workspace", "nobody's")
    [found] = await done(alone, "audit", "verify")
    assert (found["ok"], found["head"]) == (True, rows[0]["hash"])
    assert [one["ok"] for one in await done(alone, "audit", "verify", "--known", found["head"])] == [True]
    assert "made anew" in await refused(alone, "audit", "verify", "--known", "0" * 64)
    assert (await picha_command("audit", "verify", "--known", "soon"))[0] == 2
    code, out, _ = await picha_command("audit", "list", "--home", str(home))
    assert (code, "sender.paused" in out) == (0, True)

    connection = await asyncpg.connect(settings_of(home).database_url)
    await connection.execute("UPDATE audit SET who = 'cli' WHERE deed = 'sender.paused'")
    await connection.close()
    assert f"Row {rows[2]['seq']} is not" in await refused(alone, "audit", "verify")
