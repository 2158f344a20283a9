"""What nobody refers to goes, and nothing else does, whoever sweeps, uploads and deletes at the same time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.store.ground import NOON, Ground

from picha.gateway.blobs import BlobMissing, Blobs, BlobsUnreachable
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.pictures.sweep import Sweep
from picha.gateway.store import files, retention
from picha.gateway.store.files import File
from picha.gateway.store.retention import GRACE, StillDeletingError
from picha.gateway.upkeep.forgetting import Forgetting, Keep
from picha.kit.clock import ManualClock, SystemClock

DATA = b"\xff\xd8 a picture"
AT_ONCE = timedelta(0)


@dataclass
class Store:
    """A ground with bytes, and a sweep over both."""

    ground: Ground
    blobs: Blobs
    sweep: Sweep

    async def upload(self, data: bytes = DATA, *, grace: timedelta = AT_ONCE, lives: timedelta | None = None) -> File:
        file = File(
            id=self.ground.ids.uuid(),
            workspace_id=self.ground.app.workspace_id,
            environment="test",
            digest=hashlib.sha256(data).digest(),
            mime_type="image/jpeg",
            size_bytes=len(data),
            width=1,
            height=1,
            created_at=NOON,
            expires_at=SystemClock().now() + (lives or timedelta(days=30)),
        )
        await files.add(self.ground.pool, file, lambda: self.blobs.put(data), grace=grace)
        return file

    async def retire(self, file: File, *, grace: timedelta = AT_ONCE) -> None:
        await files.retire(self.ground.pool, file.id, grace=grace)

    async def has(self, data: bytes = DATA) -> bool:
        try:
            return await self.blobs.size(hashlib.sha256(data).digest()) == len(data)
        except BlobMissing:
            return False

    async def hours_pass(self, hours: float) -> None:
        for table in ("file", "blob"):
            await self.ground.pool.execute(
                f"UPDATE {table} SET sweep_at = sweep_at - $1::interval", timedelta(hours=hours)
            )

    async def let_go_of_messages(self) -> None:
        await self.ground.pool.execute("UPDATE message SET phase = 'failed', status = 'failed' WHERE is_outbound")
        await self.ground.pool.execute("UPDATE message SET image_state = 'stored'")
        long_after = ManualClock(SystemClock().now() + timedelta(days=400))
        assert (await Forgetting(self.ground.pool, long_after, Keep()).all())["message"]

    async def rows(self) -> tuple[int, int]:
        count = "SELECT (SELECT count(*) FROM file), (SELECT count(*) FROM blob)"
        row = await self.ground.pool.fetchrow(count)
        assert row is not None
        return row[0], row[1]


@pytest.fixture
def store(ground: Ground, tmp_path: Path) -> Store:
    blobs = LocalBlobs(tmp_path)
    return Store(ground, blobs, Sweep(ground.pool, blobs, SystemClock()))


async def test_a_deleted_picture_goes_with_its_bytes_once_the_grace_is_over(store: Store) -> None:
    file = await store.upload(grace=GRACE)
    await store.retire(file, grace=GRACE)

    await store.sweep.once()
    assert (await store.has(), await store.rows()) == (True, (1, 1))

    await store.hours_pass(1)
    swept = await store.sweep.once()
    assert (swept.files, swept.blobs) == (1, 1)
    assert (await store.has(), await store.rows()) == (False, (0, 0))


async def test_a_picture_that_was_never_sent_goes_after_its_life(store: Store) -> None:
    await store.upload(grace=GRACE, lives=timedelta(milliseconds=-1))

    await store.hours_pass(0.9)
    await store.sweep.once()
    assert await store.has()

    await store.hours_pass(0.2)
    await store.sweep.once()
    assert not await store.has()


async def test_a_living_picture_stays_however_often_is_swept(store: Store) -> None:
    await store.upload()

    for _ in range(5):
        await store.sweep.once()
        await store.hours_pass(24)

    assert (await store.has(), await store.rows()) == (True, (1, 1))


async def test_bytes_stay_as_long_as_one_of_their_two_names_does(store: Store) -> None:
    one, two = await store.upload(), await store.upload()

    await store.retire(one)
    await store.sweep.once()
    assert (await store.has(), await store.rows()) == (True, (1, 1))

    await store.retire(two)
    await store.sweep.once()
    assert (await store.has(), await store.rows()) == (False, (0, 0))


async def test_a_picture_stays_as_long_as_a_message_has_it(store: Store) -> None:
    await store.ground.customer_writes()
    file = await store.upload()
    await store.ground.send(file=file.id)
    await store.retire(file)

    for _ in range(3):
        await store.sweep.once()
        await store.hours_pass(25)
    assert await store.has()

    await store.let_go_of_messages()
    await store.sweep.once()
    assert await store.has()

    await store.hours_pass(1)
    await store.sweep.once()
    assert (await store.has(), await store.rows()) == (False, (0, 0))


async def test_a_received_picture_has_no_life_of_its_own_and_goes_when_no_message_has_it(store: Store) -> None:
    received = File(
        store.ground.ids.uuid(), store.ground.app.workspace_id, "test", b"r" * 32, "image/jpeg", 1, 1, 1, NOON
    )

    async def put() -> None:
        return None

    await files.add(store.ground.pool, received, put, grace=AT_ONCE)
    await store.ground.customer_writes()
    await store.ground.pool.execute("UPDATE message SET file_id = $1", received.id)

    await store.sweep.once()
    assert (await store.rows())[0] == 1

    await store.let_go_of_messages()
    await store.hours_pass(1)
    await store.sweep.once()
    assert await store.rows() == (0, 0)


async def test_a_picture_whose_message_went_in_a_way_that_told_nobody_is_looked_at_after_a_month(store: Store) -> None:
    await store.ground.customer_writes()
    await store.retire(await store.upload())
    await store.ground.send(file=await store.ground.pool.fetchval("SELECT id FROM file"))
    await store.sweep.once()
    await store.ground.pool.execute("DELETE FROM message")

    await store.hours_pass(29 * 24)
    await store.sweep.once()
    assert await store.has()

    await store.hours_pass(25)
    await store.sweep.once()
    assert not await store.has()


async def test_bytes_that_were_put_and_never_named_go(store: Store) -> None:
    await retention.hold(store.ground.pool, hashlib.sha256(DATA).digest(), grace=GRACE)
    await store.blobs.put(DATA)

    await store.sweep.once()
    assert await store.has()

    await store.hours_pass(1)
    await store.sweep.once()
    assert (await store.has(), await store.rows()) == (False, (0, 0))


async def test_a_pass_looks_at_no_more_than_it_may_and_says_that_there_is_more(store: Store) -> None:
    few = Sweep(store.ground.pool, store.blobs, SystemClock(), most=3)
    for number in range(7):
        await store.retire(await store.upload(b"picture %d" % number))

    passes = [await few.once()]
    while passes[-1].is_full:
        passes.append(await few.once())

    assert (sum(one.files for one in passes), sum(one.blobs for one in passes)) == (7, 7)
    assert max(max(one.files, one.blobs) for one in passes) == 3


class Away:
    """The same bytes in a store that does not answer when it is told to delete."""

    def __init__(self, blobs: Blobs) -> None:
        self.put, self.put_stream, self.get = blobs.put, blobs.put_stream, blobs.get
        self.stream, self.size = blobs.stream, blobs.size
        self.note, self.noted = blobs.note, blobs.noted

    async def delete(self, digest: bytes) -> None:
        raise BlobsUnreachable(digest.hex())


async def test_a_store_that_does_not_answer_is_asked_again_and_nobody_puts_the_bytes_meanwhile(store: Store) -> None:
    await store.retire(await store.upload())
    with capture_logs() as logs:
        await Sweep(store.ground.pool, Away(store.blobs), SystemClock()).once()

    waiting = asyncio.ensure_future(store.upload())
    assert [line["event"] for line in logs if line["log_level"] == "warning"]
    assert hashlib.sha256(DATA).hexdigest() not in str(logs)
    assert (await store.sweep.once()).blobs == 0
    assert not waiting.done()

    await store.hours_pass(0.1)
    # Who waits looks at the row again and again, and a row that is looked at is left to the next pass.
    async with asyncio.timeout(30):
        while not (await store.sweep.once()).blobs:  # noqa: ASYNC110 - the sweep is asked, nothing here is awaited
            await asyncio.sleep(0)
    file = await waiting
    assert await store.blobs.get(file.digest) == DATA


async def test_who_waits_for_a_deletion_that_never_ends_is_told_to_come_again(store: Store) -> None:
    file = await store.upload()
    await store.retire(file)
    await Sweep(store.ground.pool, Away(store.blobs), SystemClock()).once()

    with pytest.raises(StillDeletingError):
        await store.upload()


async def test_a_name_is_not_given_to_bytes_that_went_while_they_were_put(store: Store) -> None:
    puts = 0

    async def put_slowly() -> None:
        nonlocal puts
        puts += 1
        await store.blobs.put(DATA)
        if puts == 1:
            # All of this takes longer than the grace, which is none here.
            await store.sweep.once()
            assert not await store.has()

    file = nameless(store.ground)
    await files.add(store.ground.pool, file, put_slowly, grace=AT_ONCE)

    assert (puts, await store.has()) == (2, True)


async def test_a_name_is_not_given_in_another_life_of_the_same_bytes(store: Store) -> None:
    lives = []

    async def put_slowly() -> None:
        lives.append(await store.ground.pool.fetchval("SELECT born FROM blob"))
        if len(lives) == 1:
            await store.sweep.once()
            # Somebody else begins to upload the same, and has put nothing yet.
            await retention.hold(store.ground.pool, hashlib.sha256(DATA).digest(), grace=GRACE)
        else:
            await store.blobs.put(DATA)

    file = nameless(store.ground)
    await files.add(store.ground.pool, file, put_slowly, grace=AT_ONCE)

    assert (len(set(lives)), await store.has()) == (2, True)


def nameless(ground: Ground) -> File:
    digest = hashlib.sha256(DATA).digest()
    return File(ground.ids.uuid(), ground.app.workspace_id, "test", digest, "image/jpeg", len(DATA), 1, 1, NOON)


class Slow(LocalBlobs):
    """The folder, with pauses where races are."""

    def __init__(self, root: Path, random: Random) -> None:
        super().__init__(root)
        self._random = random

    async def put(self, data: bytes) -> bytes:
        digest = await super().put(data)
        await asyncio.sleep(self._random.choice((0, 0.001, 0.02)))
        return digest

    async def delete(self, digest: bytes) -> None:
        await asyncio.sleep(self._random.choice((0, 0.001, 0.02)))
        await super().delete(digest)


@asynccontextmanager
async def sweepers(ground: Ground, blobs: Blobs, many: int) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    async def go_on() -> None:
        sweep = Sweep(ground.pool, blobs, SystemClock(), most=2)
        while True:
            await sweep.once()
            await asyncio.sleep(0)

    async with AsyncExitStack() as stack:
        tasks = [asyncio.ensure_future(go_on()) for _ in range(many)]
        for task in tasks:
            stack.callback(task.cancel)
        yield tasks
        assert not any(task.done() for task in tasks), [task.exception() for task in tasks if task.done()]


@pytest.mark.parametrize("seed", range(6))
async def test_no_upload_loses_its_bytes_while_others_delete_the_same_and_several_sweep_without_any_grace(
    ground: Ground, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    blobs = Slow(tmp_path, random)
    store = Store(ground, blobs, Sweep(ground.pool, blobs, SystemClock()))
    pictures = [b"one", b"two"]
    named: dict[UUID, bytes] = {}

    async def come_and_go() -> None:
        for _ in range(12):
            data = random.choice(pictures)
            file = await store.upload(data)
            named[file.id] = data
            for _ in range(random.randrange(3)):
                assert await blobs.get(file.digest) == data
                await asyncio.sleep(random.choice((0, 0.002)))
            if random.random() < 0.9:
                await store.retire(file)
                del named[file.id]

    async with sweepers(ground, blobs, 2):
        await asyncio.gather(*(come_and_go() for _ in range(6)))
        for data in named.values():
            assert await blobs.get(hashlib.sha256(data).digest()) == data

    for file in list(named):
        await files.retire(ground.pool, file, grace=AT_ONCE)
    await store.hours_pass(1)
    while (await store.sweep.once()).is_full:
        pass
    assert await store.rows() == (0, 0)
    for data in pictures:
        with pytest.raises(BlobMissing):
            await blobs.get(hashlib.sha256(data).digest())


LOOKS: dict[str, tuple[str, list[object], str]] = {
    "files that are due": (retention._DUE_FILES, [1], "file_to_sweep"),
    "messages of a file": (retention._DROP_FILES, [[UUID(int=1)]], "message_of_file"),
    "blobs that are due": (retention._DUE_BLOBS, [1], "blob_to_sweep"),
    "files of a blob": (retention._DOOM, [[b"d" * 32], GRACE], "file_of_digest"),
}


@pytest.mark.parametrize("look", LOOKS)
async def test_the_sweep_finds_what_it_looks_for_by_an_index(ground: Ground, look: str) -> None:
    statement, arguments, index = LOOKS[look]

    plan = await ground.pool.fetchval("EXPLAIN (FORMAT JSON) " + statement, *arguments)

    assert f'"{index}"' in plan
    assert "Seq Scan" not in plan
