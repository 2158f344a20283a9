import asyncio
import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from picha.sandbox import records
from picha.sandbox.journal import Journal, replay


def deleted(number: int) -> records.MediaDeleted:
    return records.MediaDeleted(id=str(number))


def told(*numbers: int) -> bytes:
    return b"".join(records.encode(deleted(number)) + b"\n" for number in numbers)


def read(path: Path) -> bytes:
    return path.read_bytes()


@contextlib.contextmanager
def no_file_grows_past(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


async def test_what_the_disk_refuses_has_not_happened_and_the_next_is_kept(path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(path, applied.append)
    await journal.append(deleted(1))

    with no_file_grows_past(journal.size + 5):
        refused = await asyncio.gather(*(journal.append(deleted(n)) for n in (2, 3)), return_exceptions=True)
        left = read(path)
    await journal.append(deleted(4))
    await journal.close()

    assert all(isinstance(why, OSError) for why in refused)
    assert left == told(1)
    assert applied == list(replay(path)) == [deleted(1), deleted(4)]


async def test_a_record_that_cannot_be_written_fails_its_caller_alone(path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(path, applied.append)

    outcomes = await asyncio.gather(
        journal.append(deleted(1)),
        journal.append(deleted(2), cast("Any", records.MediaDeleted(id=cast("Any", object())))),
        journal.append(deleted(3)),
        return_exceptions=True,
    )
    await journal.append(deleted(4))
    await journal.close()

    assert [type(outcome) for outcome in outcomes] == [type(None), TypeError, type(None)]
    assert applied == list(replay(path)) == [deleted(1), deleted(3), deleted(4)]


async def test_a_world_that_breaks_on_a_record_fails_its_caller_alone(path: Path) -> None:
    def apply(record: records.AnyRecord) -> None:
        if record == deleted(2):
            raise RuntimeError("the world broke")

    journal = Journal(path, apply)

    outcomes = await asyncio.gather(*(journal.append(deleted(n)) for n in (1, 2, 3)), return_exceptions=True)
    await journal.append(deleted(4))
    await journal.close()

    assert [type(outcome) for outcome in outcomes] == [type(None), RuntimeError, type(None)]


async def test_a_disk_that_is_gone_fails_every_caller_and_hangs_none(path: Path) -> None:
    journal = Journal(path, lambda _record: None)
    # As when the file system under it went away: no write and no truncation works any more.
    os.close(journal._file)

    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*(journal.append(deleted(n)) for n in range(3)), return_exceptions=True)
        later = await asyncio.gather(journal.append(deleted(4)), return_exceptions=True)
    journal._file = os.open(path, os.O_WRONLY)
    await journal.close()

    assert all(isinstance(outcome, OSError) for outcome in (*outcomes, *later))


async def test_a_closed_journal_refuses_and_a_writer_that_ends_leaves_nobody_waiting(path: Path) -> None:
    journal = Journal(path, lambda _record: None)
    waiting = asyncio.create_task(journal.append(deleted(1)))
    await asyncio.sleep(0)

    journal._writer.cancel()
    async with asyncio.timeout(20):
        outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]
        with pytest.raises(OSError, match="closed"):
            await journal.append(deleted(2))
    await journal.close()

    assert isinstance(outcome, OSError)


async def test_a_new_telling_takes_the_journals_place_with_what_was_written_meanwhile(path: Path) -> None:
    applied: list[records.AnyRecord] = []
    journal = Journal(path, applied.append)
    await journal.append(deleted(1), deleted(2))
    upto = journal.size
    new = path.with_name("journal.new")
    new.write_bytes(told(9))

    await asyncio.gather(
        *(journal.append(deleted(n)) for n in range(10, 20)),
        journal.swap(new, upto=upto, then=lambda: applied.append(deleted(0))),
        *(journal.append(deleted(n)) for n in range(20, 30)),
    )
    await journal.append(deleted(30))
    size = journal.size
    await journal.close()

    assert read(path) == told(9, *range(10, 31))
    assert size == len(read(path))
    assert min(applied, key=lambda record: int(cast("records.MediaDeleted", record).id)) == deleted(0)
    assert not new.exists()


async def test_a_swap_that_the_disk_refuses_leaves_the_journal_as_it_was(path: Path) -> None:
    happened: list[str] = []
    journal = Journal(path, lambda _record: None)
    await journal.append(*(deleted(n) for n in range(100)))
    new = path.with_name("journal.new")
    new.write_bytes(told(9))

    with no_file_grows_past(50), pytest.raises(OSError, match="large"):
        await journal.swap(new, upto=0, then=lambda: happened.append("swapped"))
    await journal.append(deleted(100))
    await journal.close()

    assert read(path) == told(*range(101))
    assert happened == []


async def test_it_says_once_that_it_has_grown(path: Path) -> None:
    calls: list[int] = []
    journal = Journal(path, lambda _record: None)
    await journal.append(deleted(1))

    journal.when_larger(2 * journal.size, lambda: calls.append(journal.size))
    await journal.append(deleted(2))
    before = list(calls)
    for n in range(3, 6):
        await journal.append(deleted(n))
    await journal.close()

    assert before == []
    assert calls == [len(told(1, 2, 3))]
