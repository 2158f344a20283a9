"""What a picture at an address is tried for: its host's trouble is counted, ours is not."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from tests.journeys.hosting import PictureHost, hosting
from tests.pictures.jpegs import scans
from tests.store.ground import Ground

from picha.egress import Fetcher
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.pictures.bring import Bringer
from picha.gateway.pictures.hands import Hands
from picha.gateway.pictures.intake import Album
from picha.gateway.pictures.prepare import Preparing
from picha.gateway.store import lanes, views
from picha.gateway.store.views import MessageView
from picha.images.workers import Workshop
from picha.kit.clock import SystemClock
from picha.kit.ids import Ids

LIMIT = 5_242_880


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 200)).save(out, "WEBP")
    return out.getvalue()


@dataclass
class Shop:
    """A send that waits for its picture, and the lane that brings it."""

    ground: Ground
    host: PictureHost
    blobs: LocalBlobs
    home: Path

    def disk_is_away(self) -> None:
        (self.home / "writing").rename(self.home / "away")

    def disk_is_back(self) -> None:
        (self.home / "away").rename(self.home / "writing")

    async def sends(self) -> None:
        await self.ground.customer_writes(image_state=None)
        await self.ground.send(media_url=self.host.put("/a.webp", picture(), "image/webp"))

    async def prepares(self, times: int = 1, *, workshop: Workshop | None = None) -> MessageView:
        """Work the lane off so many times, whenever it would be due, and return the message."""
        async with workshop or Workshop(children=1) as shop, Fetcher() as fetcher:
            album = Album(self.ground.pool, self.blobs, shop, SystemClock(), Ids(), max_bytes=LIMIT)
            for _ in range(times):
                await self.ground.pool.execute("UPDATE message SET due_at = now() WHERE phase = 'image_wait'")
                lease = await self.ground.lease(lanes.PREPARE)
                work = Preparing(lease, Bringer(album, fetcher))
                for piece in await work.due(()):
                    await work.perform(piece)
                await lanes.release(self.ground.pool, lease)
        return await self.ground.see(await self.ground.pool.fetchval("SELECT id FROM message WHERE is_outbound"))

    async def put_off(self) -> tuple[int, float]:
        """Return how many tries are counted, and in how many seconds the next one is due."""
        row = await self.ground.pool.fetchrow(
            "SELECT tries, extract(epoch FROM due_at - clock_timestamp())::float8 AS s FROM message WHERE is_outbound"
        )
        assert row is not None
        return row["tries"], row["s"]


@pytest.fixture
async def shop(ground: Ground, tmp_path: Path) -> AsyncIterator[Shop]:
    async with hosting() as host:
        yield Shop(ground, host, LocalBlobs(tmp_path), tmp_path)


async def test_a_blob_store_that_is_away_is_no_try_of_the_address(shop: Shop) -> None:
    await shop.sends()
    shop.disk_is_away()

    waiting = await shop.prepares(4)

    tries, seconds = await shop.put_off()
    assert (waiting.phase, tries) == ("image_wait", 0)
    assert 0 < seconds <= 300
    assert await shop.ground.story(waiting.id) == ["put_off"]
    shop.disk_is_back()
    assert (await shop.prepares()).phase == "queued"


async def test_a_crowded_workshop_is_no_try_of_the_address_and_not_long_waited_for(shop: Shop) -> None:
    await shop.sends()

    waiting = await shop.prepares(4, workshop=Workshop(waiting_max=0))

    tries, seconds = await shop.put_off()
    assert (waiting.phase, tries) == ("image_wait", 0)
    assert 0 < seconds <= 10
    assert (await shop.prepares()).phase == "queued"


async def test_a_host_has_its_three_tries_whatever_trouble_of_ours_came_between(shop: Shop) -> None:
    await shop.sends()
    await shop.prepares(5, workshop=Workshop(waiting_max=0))
    url = shop.host.put("/a.webp", b"", status=503)
    assert url.endswith("/a.webp")

    twice = await shop.prepares(2)
    thrice = await shop.prepares()

    assert (twice.phase, thrice.phase, thrice.error_code) == ("image_wait", "failed", "131052")
    told = [(one.what, one.detail) for one in await views.story(shop.ground.pool, thrice.id)]
    assert told[:2] == [
        ("put_off", "More pictures came than can be looked at at once."),
        ("put_off", "The server answered 503 Service Unavailable."),
    ]
    assert [what for what, _ in told] == ["put_off", "put_off", "refused"]


@pytest.mark.parametrize("busy", ["all hands", "the child"])
async def test_a_request_waits_for_its_picture_no_longer_than_it_may_whatever_takes_long(shop: Shop, busy: str) -> None:
    hands = Hands(at_once=0 if busy == "all hands" else 1)
    url = shop.host.put("/a.jpg", scans(9_000))
    async with Workshop(children=1) as workshop, Fetcher() as fetcher:
        album = Album(shop.ground.pool, shop.blobs, workshop, SystemClock(), Ids(), max_bytes=LIMIT, hands=hands)
        bringer = Bringer(album, fetcher)

        with pytest.raises(TimeoutError):
            await bringer.bring(shop.ground.app.workspace_id, url, environment="test", policy="auto", patience_s=1.5)

        if busy == "the child":
            async with asyncio.timeout(30), hands.hold(shop.ground.app.workspace_id):
                pass  # it was given back
    assert await shop.ground.pool.fetchval("SELECT count(*) FROM file") == 0


async def test_the_slow_hosts_of_one_workspace_keep_no_other_waiting(shop: Shop) -> None:
    ours, other, visited = shop.ground.app.workspace_id, Ids().uuid(), asyncio.Semaphore(0)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visited.release()
        await reader.read()
        writer.close()

    async with Workshop(children=1) as workshop, Fetcher() as fetcher, AsyncExitStack() as stack:
        album = Album(shop.ground.pool, shop.blobs, workshop, SystemClock(), Ids(), max_bytes=LIMIT)
        bringer = Bringer(album, fetcher)
        servers = [await stack.enter_async_context(await asyncio.start_server(never, "127.0.0.1", 0)) for _ in range(3)]
        urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/" for server in servers]
        slow = [
            asyncio.ensure_future(bringer.bring(ours, url, environment="test", policy="auto"))
            for url in urls
            for _ in range(8)
        ]
        for _ in range(6):
            await visited.acquire()

        await bringer.bring(
            other, shop.host.put("/quick.webp", picture(), "image/webp"), environment="test", policy="auto"
        )

        assert not any(one.done() for one in slow), "it waited for one of them"
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_waiting_for_what_is_ours_doubles_up_to_five_minutes(shop: Shop) -> None:
    await shop.sends()
    shop.disk_is_away()
    pauses = []

    for minutes in (0, 1, 2, 4, 60):
        await shop.ground.pool.execute(
            "UPDATE message SET created_at = clock_timestamp() - make_interval(mins => $1)", minutes
        )
        await shop.prepares()
        pauses.append((await shop.put_off())[1])

    longest = (8, 62, 124, 248, 300)
    assert all(most * 0.45 < pause <= most for pause, most in list(zip(pauses, longest, strict=True))[1:])
    assert pauses[0] <= longest[0]
