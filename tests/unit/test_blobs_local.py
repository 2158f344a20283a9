import asyncio
import fcntl
import hashlib
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picha.gateway.blobs import BlobMissing, Blobs
from picha.gateway.blobs.draft import Draft
from picha.gateway.blobs.local import LocalBlobs

DATA = b"\xff\xd8 a picture"
DIGEST = hashlib.sha256(DATA).digest()


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


async def test_what_is_put_is_got_under_its_sha256(tmp_path: Path) -> None:
    blobs: Blobs = LocalBlobs(tmp_path / "blobs")

    digest = await blobs.put(DATA)

    assert (digest, await blobs.get(digest), await blobs.size(digest)) == (DIGEST, DATA, len(DATA))


async def test_a_blob_lies_under_two_levels_of_its_digest_and_nowhere_else(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    name = DIGEST.hex()

    await blobs.put(DATA)

    assert files(tmp_path) == [tmp_path / name[:2] / name[2:4] / name] == [blobs.path(DIGEST)]


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_blob_is_named_when_it_is_on_the_disk_and_told_when_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, streamed: bool
) -> None:
    done: list[str] = []

    def noting(what: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any) -> Any:
            done.append(what)
            return work(*given)

        return note

    async def come() -> AsyncIterator[bytes]:
        yield DATA

    blobs = LocalBlobs(tmp_path)
    monkeypatch.setattr(os, "fdatasync", noting("sync the file", os.fdatasync))
    monkeypatch.setattr(os, "fsync", noting("sync a folder", os.fsync))
    monkeypatch.setattr(Path, "rename", noting("name it", Path.rename))

    await (blobs.put_stream(come(), most=len(DATA)) if streamed else blobs.put(DATA))

    assert done[-3:] == ["sync the file", "name it", "sync a folder"]


async def test_a_missing_blob_is_told_as_missing(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)

    for ask in (blobs.get, blobs.size):
        with pytest.raises(BlobMissing, match=DIGEST.hex()):
            await ask(DIGEST)


async def test_files_are_0600_and_folders_0700_under_a_lax_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await LocalBlobs(tmp_path / "home" / "blobs").put(DATA)
    finally:
        os.umask(before)

    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    asyncio.run(LocalBlobs(tmp_path).put(DATA))

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


async def test_the_same_bytes_again_are_not_written_again(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    await blobs.put(DATA)
    before = blobs.path(DIGEST).stat()

    assert await blobs.put(DATA) == DIGEST

    after = blobs.path(DIGEST).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_the_same_bytes_put_many_times_at_once_are_one_whole_blob(tmp_path: Path) -> None:
    stores = [LocalBlobs(tmp_path) for _ in range(3)]
    data = os.urandom(200_000)

    digests = await asyncio.gather(*(blobs.put(data) for blobs in stores for _ in range(10)))

    assert len(set(digests)) == 1
    assert files(tmp_path) == [stores[0].path(digests[0])]
    assert await stores[1].get(digests[0]) == data


@pytest.mark.parametrize("digest", [b"", b"a" * 31, b"a" * 33, b"../../etc/passwd"])
async def test_what_is_no_digest_never_becomes_a_path(tmp_path: Path, digest: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        await LocalBlobs(tmp_path).get(digest)


async def test_a_disk_that_takes_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            await blobs.put(bytes(100_001))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert files(tmp_path) == []
    assert len(await blobs.get(await blobs.put(bytes(100_001)))) == 100_001


_KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from picha.gateway.blobs.draft import Draft
from picha.gateway.blobs.local import LocalBlobs

draft = Draft(LocalBlobs(Path(sys.argv[1]))._room)
draft.write(bytes(1000))
print(draft._name, flush=True)
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def test_what_a_killed_writer_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _KILLED_WRITER, str(tmp_path), "die"], stdout=subprocess.DEVNULL, check=False)
    assert [path.stat().st_size for path in files(tmp_path)] == [1000]

    LocalBlobs(tmp_path)

    assert files(tmp_path) == []


def test_what_a_living_writer_is_writing_is_not_swept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED_WRITER, str(tmp_path), "live"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()

        LocalBlobs(tmp_path)

        assert len(files(tmp_path)) == 1
        writer.communicate(b"")


async def test_a_file_that_is_swept_before_its_writer_locked_it_is_begun_again(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)

    async def sweep_all_the_time() -> None:
        while True:
            await asyncio.to_thread(LocalBlobs, tmp_path)

    sweeping = asyncio.ensure_future(sweep_all_the_time())
    digests = await asyncio.gather(*(blobs.put(number.to_bytes(2)) for number in range(300)))
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)

    assert all([await blobs.size(digest) for digest in digests])


async def test_the_loop_runs_on_while_a_blob_is_written(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    turns = 0

    putting = asyncio.ensure_future(blobs.put(bytes(20_000_000)))
    while not putting.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns > 20


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5000))
def test_any_bytes_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    async def there_and_back() -> bytes:
        blobs = LocalBlobs(tmp_path_factory.getbasetemp() / "any")
        return await blobs.get(await blobs.put(data))

    assert asyncio.run(there_and_back()) == data


def test_a_writer_s_lock_is_what_keeps_its_file(tmp_path: Path) -> None:
    draft = Draft(LocalBlobs(tmp_path)._room)
    draft.write(b"half")
    (name,) = files(tmp_path)

    with name.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    draft.drop()
