"""What customers send is kept as it comes: memory stays small, the digest is checked, and no caption is ever lost."""

import asyncio
import base64
import hashlib
import io
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.buckets import new_bucket
from tests.store.ground import VAULT, Ground
from tests.store.meta import BLOCK, Meta

from picha.gateway.blobs import Blobs
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.blobs.s3 import S3Blobs
from picha.gateway.hearing.fetch import Fetching
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import Graph, open_graph
from picha.gateway.pictures.intake import Album
from picha.gateway.store import files, lanes, views
from picha.gateway.store.files import File
from picha.gateway.store.pool import open_pool
from picha.gateway.store.views import MessageView
from picha.images.workers import Workshop
from picha.kit.clock import SystemClock
from picha.kit.ids import Ids

LIMIT = 5_242_880
ID = "1003383421387256"
CAPTION = "Taj Mahal"


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 200)).save(out, "JPEG")
    return out.getvalue()


def hexed(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def based(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@dataclass
class Shop:
    """A number whose customers' pictures lie at a Graph server, and the lane that fetches them."""

    ground: Ground
    meta: Meta
    graph: Graph
    blobs: Blobs
    home: Path

    async def hears(self, **media: str) -> None:
        """Let a customer send a picture with a caption."""
        assert await self.ground.customer_writes(**media)

    async def fetches(self, times: int = 1) -> MessageView:
        """Work the lane off so many times, whenever it would be due, and return the message."""
        clock = SystemClock()
        album = Album(self.ground.pool, self.blobs, Workshop(children=1), clock, Ids(), max_bytes=LIMIT)
        book = AccountBook(self.ground.pool, VAULT, clock)
        for _ in range(times):
            await self.ground.pool.execute("UPDATE message SET due_at = now() WHERE due_at IS NOT NULL")
            lease = await self.ground.lease(lanes.HEAR)
            work = Fetching(lease, album, self.graph, book)
            for piece in await work.due(()):
                await work.perform(piece)
            await lanes.release(self.ground.pool, lease)
        return await self.message()

    async def message(self) -> MessageView:
        return await self.ground.see(await self.ground.pool.fetchval("SELECT id FROM message"))

    async def put_off(self) -> tuple[int, float]:
        """Return how many tries are counted, and in how many seconds the next one is due."""
        row = await self.ground.pool.fetchrow("SELECT tries, due_at FROM message")
        assert row is not None
        return row["tries"], (row["due_at"] - datetime.now(UTC)).total_seconds()  # noqa: TID251 - the test's own clock

    async def file(self) -> File:
        """Return the one file there is."""
        row = await self.ground.pool.fetchrow("SELECT id FROM file")
        assert row is not None
        file = await files.find_anywhere(self.ground.pool, row["id"])
        assert file is not None
        return file

    def left_over(self) -> list[str]:
        """Return the names of all that lies in the folder of bytes, and is no blob."""
        return [path.name for path in self.home.rglob("*") if path.is_file() and len(path.name) != 64]


@pytest.fixture(params=["local", "s3"])
async def shop(request: pytest.FixtureRequest, ground: Ground, tmp_path: Path) -> AsyncIterator[Shop]:
    if request.param == "local":
        blobs: Blobs = LocalBlobs(tmp_path)
    else:
        blobs = S3Blobs(new_bucket(request.getfixturevalue("s3")))
    async with Meta().listening() as meta, open_graph() as graph:
        await ground.pool.execute("UPDATE account SET graph_url = $1", f"{meta.url}/v25.0")
        yield Shop(ground, meta, graph, blobs, tmp_path)


local = pytest.mark.parametrize("shop", ["local"], indirect=True)


@local
async def test_the_webhook_s_own_url_is_asked_first_and_nothing_else(shop: Shop) -> None:
    shop.meta.media[ID] = picture()
    await shop.hears(url=f"{shop.meta.url}/bytes/{ID}", sha256=based(picture()))

    message = await shop.fetches()

    assert (message.image_state, message.caption, message.mime_type) == ("stored", CAPTION, "image/jpeg")
    assert (message.width, message.height, message.size_bytes) == (64, 48, len(picture()))
    assert dict(shop.meta.visits) == {f"/bytes/{ID}": 1}


@pytest.mark.parametrize("trouble", ["gone", "broken", "elsewhere", "unnamed"])
@local
async def test_the_media_id_is_asked_where_the_url_does_not_bring_the_picture(shop: Shop, trouble: str) -> None:
    shop.meta.media[ID] = picture()
    shop.meta.gone = {f"/bytes/{ID}"} if trouble == "gone" else set()
    shop.meta.broken = {f"/bytes/{ID}"} if trouble == "broken" else set()
    host = "https://lookaside.fbsbx.com" if trouble == "elsewhere" else shop.meta.url
    await shop.hears(**({} if trouble == "unnamed" else {"url": f"{host}/bytes/{ID}"}), sha256=based(picture()))

    message = await shop.fetches()

    assert message.image_state == "stored"
    assert (shop.meta.visits[f"/v25.0/{ID}"], shop.meta.visits[f"/fresh/{ID}"]) == (1, 1)


@local
async def test_a_url_that_is_over_five_minutes_old_is_not_asked_on_a_later_try(shop: Shop) -> None:
    await shop.hears(url=f"{shop.meta.url}/bytes/{ID}", sha256=based(picture()))
    shop.meta.media[ID] = picture()
    shop.meta.gone = {f"/bytes/{ID}", f"/fresh/{ID}"}
    await shop.fetches()
    shop.meta.gone.clear()

    message = await shop.fetches()

    assert message.image_state == "stored"
    assert shop.meta.visits[f"/bytes/{ID}"] == 1


@pytest.mark.parametrize("spelt", [based, hexed, lambda data: hexed(data).upper()])
@local
async def test_a_digest_is_understood_in_both_spellings(shop: Shop, spelt: Any) -> None:
    shop.meta.media[ID] = picture()
    await shop.hears(sha256=spelt(picture()))

    assert (await shop.fetches()).image_state == "stored"


@pytest.mark.parametrize("announced", [based(b"another picture"), hexed(b"another picture"), "no digest at all", ""])
async def test_other_bytes_than_were_announced_are_kept_marked_and_told(shop: Shop, announced: str) -> None:
    shop.meta.media[ID] = picture()
    await shop.hears(sha256=announced)

    message = await shop.fetches()

    assert (message.image_state, message.caption) == ("mismatch", CAPTION)
    assert "sha256" in (message.error_detail or "")
    assert await shop.blobs.get((await shop.file()).digest) == picture()


async def test_a_picture_of_60_megabytes_passes_through_and_is_never_whole_in_memory(shop: Shop) -> None:
    times = 60_000_000 // len(BLOCK)
    digest = hashlib.sha256()
    for _ in range(times):
        digest.update(BLOCK)
    shop.meta.media[ID] = times
    await shop.hears(sha256=digest.hexdigest())

    tracemalloc.start()
    message = await shop.fetches()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (message.image_state, message.size_bytes) == ("stored", times * len(BLOCK))
    assert await shop.blobs.size(digest.digest()) == times * len(BLOCK)
    assert peak < 25_000_000, "the server's side and the first 5 MB, which are looked at, are in it"
    assert shop.left_over() == []


async def test_a_connection_that_is_cut_leaves_nothing_and_the_picture_comes_the_next_time(shop: Shop) -> None:
    shop.meta.media[ID] = 100
    shop.meta.broken = {f"/bytes/{ID}", f"/fresh/{ID}"}
    await shop.hears(url=f"{shop.meta.url}/bytes/{ID}", sha256=hexed(BLOCK * 100))

    cut = await shop.fetches()

    tries, seconds = await shop.put_off()
    assert (cut.image_state, cut.caption, tries) == ("pending", CAPTION, 1)
    assert seconds > 0
    assert shop.left_over() == []
    assert await shop.ground.pool.fetchval("SELECT count(*) FROM blob") == 0
    shop.meta.broken.clear()
    assert (await shop.fetches()).image_state == "stored"
    assert (await shop.file()).digest == hashlib.sha256(BLOCK * 100).digest()


@local
async def test_a_picture_that_never_comes_is_unavailable_after_ten_tries_and_its_caption_stays(shop: Shop) -> None:
    shop.meta.gone = {f"/fresh/{ID}"}
    shop.meta.media[ID] = picture()
    await shop.hears(sha256=based(picture()))

    nine = await shop.fetches(9)
    ten = await shop.fetches()

    assert (nine.image_state, ten.image_state, ten.caption) == ("pending", "unavailable", CAPTION)
    assert ten.error_detail


@local
async def test_more_than_any_medium_has_is_not_read_to_its_end_and_not_asked_for_again(shop: Shop) -> None:
    shop.meta.media[ID] = 1700
    await shop.hears(sha256=based(picture()))

    message = await shop.fetches()

    assert (message.image_state, message.caption) == ("unavailable", CAPTION)
    assert "104,857,600" in (message.error_detail or "")
    assert shop.left_over() == []


@local
async def test_a_blob_store_that_is_away_is_no_try_of_the_picture(shop: Shop) -> None:
    shop.meta.media[ID] = picture()
    await shop.hears(sha256=based(picture()))
    (shop.home / "writing").rename(shop.home / "away")

    away = await shop.fetches(12)

    tries, seconds = await shop.put_off()
    assert (away.image_state, tries) == ("pending", 0)
    assert 0 < seconds <= 300
    (shop.home / "away").rename(shop.home / "writing")
    assert (await shop.fetches()).image_state == "stored"


@local
async def test_a_refused_token_pauses_the_number_and_costs_no_picture(shop: Shop) -> None:
    shop.meta.media[ID] = picture()
    shop.meta.is_barred = True
    await shop.hears(url=f"{shop.meta.url}/bytes/{ID}", sha256=based(picture()))
    await shop.ground.pool.execute("UPDATE message SET created_at = now()")

    refused = await shop.fetches(12)

    tries, seconds = await shop.put_off()
    assert (refused.image_state, tries) == ("pending", 0)
    assert 0 < seconds <= 300
    assert await shop.ground.pool.fetchval("SELECT paused_for FROM sender") == "token"
    told = [(one.what, one.code) for one in await views.story(shop.ground.pool, refused.id)]
    assert told == [("put_off", "190"), ("put_off", None)]
    # A token that works again is stored.
    shop.meta.is_barred = False
    await shop.ground.pool.execute("UPDATE lane SET errors_until = NULL")
    assert (await shop.fetches()).image_state == "stored"


@local
async def test_a_token_that_nobody_mends_for_as_long_as_meta_keeps_a_picture_ends_it(shop: Shop) -> None:
    shop.meta.is_barred = True
    await shop.hears(sha256=based(picture()))
    await shop.ground.pool.execute("UPDATE message SET created_at = now() - interval '7 days'")

    assert (await shop.fetches()).image_state == "unavailable"


@local
async def test_no_more_errors_are_asked_for_than_meta_bears_and_what_waits_is_no_further_tried(
    shop: Shop, database: str
) -> None:
    for number in range(15):
        await shop.ground.customer_writes(f"1650555{number:04}", f"wamid.{number}", id=f"90{number}")

    await shop.fetches()

    tries = [row[0] for row in await shop.ground.pool.fetch("SELECT tries FROM message")]
    assert sorted(tries) == [0] * 5 + [1] * 10
    assert shop.meta.visits.total() == 10

    # Another worker, to which the lane comes, has no more of it.
    async with open_pool(database) as pool:
        await replace(shop, ground=replace(shop.ground, pool=pool)).fetches(2)
    assert shop.meta.visits.total() == 10


@local
async def test_pictures_that_are_there_are_asked_for_without_end(shop: Shop) -> None:
    for number in range(25):
        shop.meta.media[f"90{number}"] = picture()
        await shop.ground.customer_writes(f"1650555{number:04}", f"wamid.{number}", id=f"90{number}")

    await shop.fetches()

    states = {row[0] for row in await shop.ground.pool.fetch("SELECT image_state FROM message")}
    assert states == {"stored"}


@local
async def test_the_same_picture_from_many_customers_at_once_is_one_blob(shop: Shop) -> None:
    shop.meta.media[ID] = 20
    album = Album(shop.ground.pool, shop.blobs, Workshop(children=1), SystemClock(), Ids(), max_bytes=LIMIT)
    [account] = await AccountBook(shop.ground.pool, VAULT, SystemClock()).all()
    arriving = [shop.graph.download(account, f"{shop.meta.url}/bytes/{ID}") for _ in range(12)]

    kept = await asyncio.gather(
        *(album.keep_received(account.workspace_id, "test", one, "image/jpeg") for one in arriving)
    )

    assert {file.digest for file in kept} == {hashlib.sha256(BLOCK * 20).digest()}
    assert await shop.ground.pool.fetchval("SELECT count(*) FROM blob") == 1
    assert shop.left_over() == []
