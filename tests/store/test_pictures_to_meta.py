"""A picture is uploaded as it is read, once for each number, anew before its id dies, and only as it was kept."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.buckets import bucket_at, new_bucket
from tests.store.ground import NOON, VAULT, Ground
from tests.store.meta import BLOCK, Meta

from picha.gateway.blobs import BlobDamaged, BlobMissing, Blobs, BlobsUnreachable
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.blobs.s3 import S3Blobs
from picha.gateway.domain.admission import Sender
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import GraphCallError, open_graph
from picha.gateway.meta.times import Times
from picha.gateway.pictures.upload import Uploads
from picha.gateway.store import tenants
from picha.gateway.store.tenants import Account
from picha.kit.clock import ManualClock, SystemClock

DATA = b"\xff\xd8 a picture"
DAY = timedelta(days=1)


@dataclass
class Desk:
    """One number at a Graph server, and what uploads for it."""

    ground: Ground
    meta: Meta
    blobs: Blobs
    clock: ManualClock
    account: Account
    sender: Sender
    uploads: Uploads

    async def media_id(self, digest: bytes) -> str:
        return await self.uploads.media_id(self.account, self.sender, digest, "image/jpeg")


@pytest.fixture(params=["local", "s3"])
async def desk(request: pytest.FixtureRequest, ground: Ground, tmp_path: Path) -> AsyncIterator[Desk]:
    if request.param == "local":
        blobs: Blobs = LocalBlobs(tmp_path)
    else:
        blobs = S3Blobs(new_bucket(request.getfixturevalue("s3")))
    clock = ManualClock(datetime.fromisoformat("2026-01-31T12:00:00Z"))
    async with Meta().listening() as meta, open_graph() as graph:
        await ground.pool.execute("UPDATE account SET graph_url = $1", f"{meta.url}/v25.0")
        book = AccountBook(ground.pool, VAULT, clock)
        [account] = await book.all()
        sender = await tenants.sender(ground.pool, ground.sender)
        assert sender is not None
        uploads = Uploads(ground.pool, blobs, graph, Times(clock, book), clock)
        yield Desk(ground, meta, blobs, clock, account, sender, uploads)


local = pytest.mark.parametrize("desk", ["local"], indirect=True)


async def test_what_is_uploaded_is_what_was_kept_and_is_never_whole_in_memory(desk: Desk) -> None:
    async def come() -> AsyncIterator[bytes]:
        for _ in range(600):
            yield BLOCK

    kept = await desk.blobs.put_stream(come(), most=50_000_000)

    tracemalloc.start()
    await desk.media_id(kept.digest)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    [(digest, length)] = desk.meta.uploads
    assert (digest, kept.size) == (kept.digest, 600 * len(BLOCK))
    assert length is not None
    assert kept.size < length < kept.size + 1000
    assert peak < 12_000_000, "the server's side is in it"


@local
async def test_a_hundred_who_want_the_same_picture_wait_for_one_upload(desk: Desk) -> None:
    digest = await desk.blobs.put(DATA)

    ids = await asyncio.gather(*(desk.media_id(digest) for _ in range(100)))

    assert (set(ids), len(desk.meta.uploads)) == ({"147001"}, 1)


@local
async def test_a_number_uploads_no_more_than_25_pictures_a_second(desk: Desk) -> None:
    digests = [await desk.blobs.put(DATA + bytes([n])) for n in range(11)]
    steady = SystemClock()
    begun = steady.monotonic()

    await asyncio.gather(*(desk.media_id(digest) for digest in digests))

    assert len(desk.meta.uploads) == 11
    assert steady.monotonic() - begun >= 10 / 25, "the first goes at once, and each of the others a 25th of a second on"


@local
async def test_an_id_is_used_for_29_days_and_then_renewed_before_it_dies(desk: Desk) -> None:
    digest = await desk.blobs.put(DATA)
    first = await desk.media_id(digest)

    desk.clock.advance(29 * DAY - timedelta(seconds=1))
    still = await desk.media_id(digest)
    desk.clock.advance(timedelta(seconds=1))
    renewed = await desk.media_id(digest)

    assert (still, renewed != first, len(desk.meta.uploads)) == (first, True, 2)
    expires_at = await desk.ground.pool.fetchval("SELECT expires_at FROM uploaded_media WHERE digest = $1", digest)
    assert expires_at == NOON + 59 * DAY


@local
async def test_a_restarted_worker_finds_the_id_that_another_one_got(desk: Desk) -> None:
    digest = await desk.blobs.put(DATA)
    first = await desk.media_id(digest)
    async with open_graph() as graph:
        times = Times(desk.clock, AccountBook(desk.ground.pool, VAULT, desk.clock))
        desk.uploads = Uploads(desk.ground.pool, desk.blobs, graph, times, SystemClock())

        assert await desk.media_id(digest) == first
    assert len(desk.meta.uploads) == 1


@local
async def test_a_picture_that_was_spoilt_on_the_disk_is_not_uploaded(desk: Desk) -> None:
    digest = await desk.blobs.put(DATA * 100_000)
    assert isinstance(desk.blobs, LocalBlobs)
    path = desk.blobs.path(digest)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(BlobDamaged):
        await desk.media_id(digest)

    assert hashlib.sha256(path.read_bytes()).digest() not in [digest for digest, _ in desk.meta.uploads]
    assert await desk.ground.pool.fetchval("SELECT count(*) FROM uploaded_media") == 0


async def test_a_picture_that_is_not_kept_any_more_is_told_as_missing(desk: Desk) -> None:
    with pytest.raises(BlobMissing):
        await desk.media_id(hashlib.sha256(DATA).digest())

    assert desk.meta.uploads == []


async def test_an_upload_that_is_cut_off_may_be_tried_again_and_is_then_whole(desk: Desk) -> None:
    digest = await desk.blobs.put(DATA * 100_000)
    desk.meta.broken = {f"/v25.0/{desk.sender.phone_number_id}/media"}

    with pytest.raises(GraphCallError) as cut:
        await desk.media_id(digest)
    desk.meta.broken.clear()
    await desk.media_id(digest)

    assert cut.value.again
    assert [uploaded for uploaded, _ in desk.meta.uploads] == [digest]


@local
async def test_a_store_that_is_away_is_told_as_such_and_not_as_meta_s_refusal(desk: Desk) -> None:
    async with open_graph() as graph:
        away = S3Blobs(bucket_at("http://127.0.0.1:9", "pictures"))
        times = Times(desk.clock, AccountBook(desk.ground.pool, VAULT, desk.clock))
        desk.uploads = Uploads(desk.ground.pool, away, graph, times, SystemClock())

        with pytest.raises(BlobsUnreachable):
            await desk.media_id(hashlib.sha256(DATA).digest())
