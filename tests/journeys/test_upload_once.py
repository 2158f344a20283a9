"""One picture is uploaded to Meta once a number, and anew when Meta does not know it any more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.journeys.running import Talk, picture, until

from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import open_graph
from picha.gateway.meta.times import Times
from picha.gateway.pictures.upload import Uploads
from picha.gateway.store import tenants
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.pool import Pool, open_pool
from picha.gateway.store.vault import Vault, read_ring
from picha.kit.clock import ManualClock

MANY = 30


@pytest.fixture
async def uploads(picha: Talk) -> str:
    """Return the id of a rule that strikes nobody and counts the uploads it matches."""
    wish = {"match": {"route": "media"}, "when": {"mode": "probability", "p": 0}, "effect": {"status": 503}}
    rule: str = (await picha.control("POST", "/faults", json=wish))["id"]
    return rule


async def counted(picha: Talk, rule: str) -> Any:
    faults = (await picha.control("GET", "/faults"))["items"]
    return next(fault["matched"] for fault in faults if fault["id"] == rule)


async def customers(picha: Talk, count: int) -> list[str]:
    people = [picha.stranger() for _ in range(count)]
    for one in people:
        await picha.control("POST", "/inbound", json={"from": one, "type": "text", "text": "Hello"})

    async def all_heard() -> bool | None:
        heard = (await picha.list(direction="inbound", limit="200")).data["items"]
        return set(people) <= {item["recipient"] for item in heard} or None

    await until(all_heard)
    return people


async def delete_at_meta(picha: Talk, pool: Pool, digest: bytes) -> None:
    """Delete the picture at Meta behind the gateway's back."""
    media_id = await pool.fetchval("SELECT media_id FROM uploaded_media WHERE digest = $1", digest)
    account = (await tenants.accounts(pool, Vault(read_ring((picha.house.home / "keys").read_text()))))[0]
    bearer = {"Authorization": f"Bearer {account.access_token.reveal()}"}
    told = await picha.call("DELETE", f"{account.graph_url}/{media_id}", headers=bearer)
    assert told.status == 200, told.body


async def test_one_picture_to_many_customers_is_uploaded_once(picha: Talk, uploads: str) -> None:
    people = await customers(picha, MANY)
    file_id = (await picha.upload(picture("PNG", shade=143))).data["file_id"]

    ids = [(await picha.send(to=one, file_id=file_id)).data["message_id"] for one in people]

    for message_id in ids:
        await picha.becomes(message_id, "sent", "delivered", "read")
    assert await counted(picha, uploads) == 1


async def test_a_picture_that_meta_forgot_is_uploaded_anew_and_each_customer_gets_it_once(
    picha: Talk, uploads: str
) -> None:
    people = await customers(picha, 5)
    told = (await picha.upload(picture("PNG", shade=144))).data
    first = (await picha.send(to=people[0], file_id=told["file_id"])).data["message_id"]
    await picha.becomes(first, "read")
    async with open_pool(EmbeddedPostgres(picha.house.home).dsn) as pool:
        await delete_at_meta(picha, pool, bytes.fromhex(told["sha256"]))

    ids = [(await picha.send(to=one, file_id=told["file_id"])).data["message_id"] for one in people[1:]]

    for message_id in ids:
        await picha.becomes(message_id, "read")
    assert await counted(picha, uploads) == 2
    reached = [item["to"] for item in await picha.ledger() if item["to"] in people]
    assert sorted(reached) == sorted(people)


async def test_a_message_that_had_to_wait_before_still_gets_another_upload(picha: Talk, uploads: str) -> None:
    first, second = await customers(picha, 2)
    told = (await picha.upload(picture("PNG", shade=146))).data
    await picha.becomes((await picha.send(to=first, file_id=told["file_id"])).data["message_id"], "read")
    async with open_pool(EmbeddedPostgres(picha.house.home).dsn) as pool:
        await delete_at_meta(picha, pool, bytes.fromhex(told["sha256"]))
    later = {
        "match": {"route": "messages", "to": second},
        "when": {"mode": "next", "n": 2},
        "effect": {"error": 131016},
    }
    await picha.control("POST", "/faults", json=later)

    message = (await picha.send(to=second, file_id=told["file_id"])).data["message_id"]

    assert (await picha.becomes(message, "read"))["attempts"] == 4
    assert await counted(picha, uploads) == 2


async def test_what_one_worker_forgets_every_worker_uploads_anew_within_a_second(picha: Talk) -> None:
    told = (await picha.upload(picture("PNG", shade=145))).data
    digest, clock = bytes.fromhex(told["sha256"]), ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
    ring = (picha.house.home / "keys").read_text()
    async with open_pool(EmbeddedPostgres(picha.house.home).dsn) as pool, open_graph() as graph:
        book = AccountBook(pool, Vault(read_ring(ring)), clock)
        (account,) = await book.all()
        ((sender, *_),) = (await tenants.senders(pool, [account.workspace_id])).values()
        blobs, times = LocalBlobs(picha.house.home / "blobs"), Times(clock, book)
        one, other = (Uploads(pool, blobs, graph, times, clock) for _ in range(2))
        first = await one.media_id(account, sender, digest, "image/png")
        assert await other.media_id(account, sender, digest, "image/png") == first

        await one.forget(sender, digest, first)
        clock.advance(timedelta(seconds=1))

        second = await other.media_id(account, sender, digest, "image/png")
        assert second != first
        assert await one.media_id(account, sender, digest, "image/png") == second
