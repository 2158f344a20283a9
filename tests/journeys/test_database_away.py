"""While the database is away, or its disk is full, nothing is accepted that is not kept; then all goes on by itself."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.journeys.running import House, Talk, Told, below, picture, raised, talking, until
from tests.journeys.test_doctor_command import examined
from tests.journeys.test_survives import captions, greeted, spoil

from picha.gateway.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.timeout(300)

Raise = Callable[..., AbstractContextManager[House]]


class Server:
    """A PostgreSQL of the operator's, that goes away and comes back.

    One thread does all of it: the server lives as long as the thread that started it, and nobody waits meanwhile.
    """

    def __init__(self, home: Path) -> None:
        self._postgres = EmbeddedPostgres(home)
        self._hand = ThreadPoolExecutor(max_workers=1)
        self._running = ExitStack()
        self._hand.submit(self._start).result()

    @property
    def settings(self) -> dict[str, str]:
        return {"PICHA_DATABASE_URL": self._postgres.dsn}

    @property
    def fell(self) -> bool:
        return self._process.poll() is not None

    async def start(self) -> None:
        await asyncio.wrap_future(self._hand.submit(self._start))

    async def stop(self) -> None:
        """Shut it down as an operator would."""
        await asyncio.wrap_future(self._hand.submit(self._running.close))

    async def kill(self) -> None:
        """End it as a power cut would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        await self.stop()

    def signal(self, sign: signal.Signals) -> None:
        """Send every process of the server a signal."""
        for pid in (self._process.pid, *below(self._process.pid)):
            os.kill(pid, sign)

    def end(self) -> None:
        self._hand.submit(self._running.close).result()
        self._hand.shutdown()

    def _start(self) -> None:
        self._process = self._running.enter_context(self._postgres.running())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server")
    yield made
    made.end()


class Senders:
    """Callers that send one picture after another, each caption once, and note what was answered 202 and what not."""

    def __init__(self, picha: Talk, customers: Sequence[str], file_id: str) -> None:
        self._picha, self.customers, self._file_id = picha, customers, file_id
        self.accepted: dict[str, str] = {}
        self.refused: list[Told] = []
        self._number = 0

    async def once(self) -> Told:
        """Send one picture."""
        self._number += 1
        caption = f"picture {self._number}"
        customer = self.customers[self._number % len(self.customers)]
        told = await self._picha.send(to=customer, file_id=self._file_id, caption=caption)
        if told.status == 202:
            self.accepted[caption] = told.data["message_id"]
        else:
            self.refused.append(told)
        return told

    @asynccontextmanager
    async def at_work(self, *, may_lose: tuple[type[Exception], ...] = ()) -> AsyncIterator[None]:
        """Send on and on beside the block; an answer may be missing for `may_lose`."""

        async def go_on() -> None:
            while True:
                with contextlib.suppress(*may_lose):
                    await self.once()
                await asyncio.sleep(0.02)

        tasks = [asyncio.create_task(go_on()) for _ in range(3)]
        yield
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended

    async def is_refused(self) -> bool:
        return (await self.once()).status == 503

    async def is_accepted(self) -> bool:
        return (await self.once()).status == 202


async def the_callers(picha: Talk, count: int = 8) -> Senders:
    customers = await greeted(picha, count)
    return Senders(picha, customers, (await picha.upload(picture())).data["file_id"])


async def see_that_nothing_is_taken(picha: Talk, callers: Senders) -> None:
    """See that every way in is closed with 503, and says when to come again."""
    upload = await picha.upload(picture(shade=201))
    listed = await picha.list()
    refused = [upload, listed, *callers.refused]
    assert {one.status for one in refused} == {503}
    assert {one.error["code"] for one in refused} == {"UNAVAILABLE"}
    assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
    ready = await picha.api("GET", "/health/ready", key=None)
    assert ready.status == 503
    assert (await picha.api("GET", "/health/live", key=None)).status == 200


async def see_that_all_arrived(picha: Talk, callers: Senders) -> None:
    """See that every send that was answered 202 was read, once, and nothing else that was not refused."""
    for message in callers.accepted.values():
        await picha.becomes(message, "read", within_s=90)
    taken = await captions(picha)
    assert set(callers.accepted) <= set(taken)
    assert max(taken.values()) == 1


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_a_database_that_goes_and_comes_back_under_load_loses_no_send_and_doubles_none(
    raise_house: Raise, server: Server, way: str
) -> None:
    with raise_house(settings=server.settings) as house:
        async with talking(house) as picha:
            callers = await the_callers(picha)
            await spoil(picha, {"delay_ms": 100})
            async with callers.at_work():
                await until(lambda: enough(callers, 20))
                await (server.stop() if way == "stop" else server.kill())
                await until(callers.is_refused)
                # A customer writes meanwhile: Meta's stand-in tries again, as Meta does for days.
                said = await picha.control(
                    "POST", "/inbound", json={"from": picha.stranger(), "type": "text", "text": "Hello"}
                )
                await see_that_nothing_is_taken(picha, callers)
                before = len(callers.accepted)
                await server.start()
                await until(lambda: enough(callers, before + 20))

            await see_that_all_arrived(picha, callers)

            async def heard() -> bool:
                items = (await picha.list(direction="inbound")).data["items"]
                return said["message_id"] in {one["provider_message_id"] for one in items}

            await until(heard, within_s=120)
            assert (house.child("api"), house.child("worker")) == (house.ready.pids.api, house.ready.pids.worker)


async def test_a_database_that_hangs_is_answered_for_and_goes_on_when_it_can(
    raise_house: Raise, server: Server
) -> None:
    with raise_house(settings=server.settings) as house:
        async with talking(house) as picha:
            callers = await the_callers(picha)
            async with callers.at_work():
                await until(lambda: enough(callers, 10))
                server.signal(signal.SIGSTOP)
                try:
                    # Nobody waits for ever: each is told within half a minute that nothing was kept.
                    await until(lambda: turned_away(callers), within_s=90)
                    await see_that_nothing_is_taken(picha, callers)
                finally:
                    server.signal(signal.SIGCONT)
                before = len(callers.accepted)
                await until(lambda: enough(callers, before + 10), within_s=90)

            await see_that_all_arrived(picha, callers)


async def turned_away(callers: Senders) -> bool:
    return len(callers.refused) >= 3


async def enough(callers: Senders, count: int) -> bool:
    return len(callers.accepted) >= count


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of so many megabytes; skip where that is not allowed."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here, so none can be filled")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all that is left of a disk."""
    hog = disk / "hog"
    with hog.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65_536)
    return hog


async def test_a_full_disk_of_the_database_accepts_nothing_and_goes_on_when_there_is_room(
    raise_house: Raise, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 200) as disk, contextlib.ExitStack() as ending:
        server = Server(disk / "server")
        ending.callback(server.end)
        with raise_house(settings=server.settings) as house:
            async with talking(house) as picha:
                callers = await the_callers(picha)
                async with callers.at_work():
                    await until(lambda: enough(callers, 10))
                    hog = await asyncio.to_thread(fill, disk)
                    # What the server has put by is used up first: its log, and free room in its files.
                    await until(callers.is_refused, within_s=120)
                    hog.unlink()
                    before = len(callers.accepted)
                    await until(lambda: back(server, callers, before + 10), within_s=120)

                assert {one.status for one in callers.refused} == {503}
                await see_that_all_arrived(picha, callers)


async def back(server: Server, callers: Senders, count: int) -> bool:
    """Tell whether sends are accepted again; a server that fell for want of room is started by its operator."""
    if server.fell:
        await server.stop()
        await server.start()
    return len(callers.accepted) >= count


def noise(side: int) -> bytes:
    """Draw a picture that no compression makes small."""
    out = io.BytesIO()
    Image.effect_noise((side, side), 90).save(out, "JPEG")
    return out.getvalue()


async def test_a_full_disk_of_the_pictures_refuses_uploads_and_takes_them_when_there_is_room(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with small_disk(home / "blobs", 4) as disk, raised(home) as house:
        async with talking(house) as picha:
            callers = await the_callers(picha, 2)
            hog = await asyncio.to_thread(fill, disk)

            refused = [await picha.upload(noise(side)) for side in (400, 100)]
            assert [(one.status, one.error["code"]) for one in refused] == [(503, "UNAVAILABLE")] * 2
            assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
            photo = await picha.control("POST", "/inbound", json={"from": callers.customers[0]})
            # What is there already goes out.
            assert (await callers.once()).status == 202
            await see_that_all_arrived(picha, callers)
            assert "blobs" in (await examined(home))[1]

            hog.unlink()
            assert (await picha.upload(noise(400))).status == 201

            async def stored() -> bool:
                items = (await picha.list(direction="inbound")).data["items"]
                states = [one["content"]["state"] for one in items if one["provider_message_id"] == photo["message_id"]]
                return states == ["stored"]

            await until(stored, within_s=90)
            assert list((disk / "writing").iterdir()) == []
