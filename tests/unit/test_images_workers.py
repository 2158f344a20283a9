"""The workshop: pictures are opened in children, and what happens to a child stays there."""

import asyncio
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.pictures.jpegs import scans

from picha.images.child import Job
from picha.images.normalise import begin
from picha.images.workers import TOO_SLOW, CrowdedError, Workshop

PATIENCE_S = 30.0
MAX_BYTES = 5_242_880
LIMITS = {
    "memory": resource.RLIMIT_AS,
    "file": resource.RLIMIT_FSIZE,
    "core": resource.RLIMIT_CORE,
    "computing": resource.RLIMIT_CPU,
}
# A parent that starts a child, tells its id and lives on.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-m", "picha.images.child"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
"""


def picture(form: str = "PNG", size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(buffer, form)
    return buffer.getvalue()


def children() -> list[int]:
    """Return the ids of this process's children that open pictures."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            line = (entry.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == os.getpid() and b"picha.images.child" in line:
            found.append(int(entry.parent.name))
    return found


def told_of(pid: int, what: str) -> bytes:
    return Path(f"/proc/{pid}/{what}").read_bytes()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # a zombie has none
    except OSError:
        return False


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.02)


async def until_none_runs(*pids: int) -> None:
    await until(lambda: not any(map(runs, pids)))


async def test_a_webp_becomes_a_jpeg_and_what_was_changed_is_told() -> None:
    data = picture("WEBP")
    async with Workshop() as shop:
        made = await shop.do(Job("redraw", data, MAX_BYTES))

    assert made.flaws == ()
    assert made.data[:3] == b"\xff\xd8\xff"
    assert any("webp" in change for change in made.changes)


async def test_a_sound_picture_passes_and_one_with_broken_pixels_is_named() -> None:
    sound = picture()
    at = sound.index(b"IDAT") + 12
    broken = sound[:at] + bytes(len(sound) - at)
    async with Workshop() as shop:
        assert (await shop.do(Job("check", sound))).flaws == ()
        assert [flaw.code for flaw in (await shop.do(Job("check", broken))).flaws] == ["corrupt"]


async def test_children_are_started_when_needed_kept_warm_and_gone_at_the_end() -> None:
    data = picture()
    async with Workshop(children=1) as shop:
        assert children() == []
        await shop.do(Job("check", data))
        [first] = children()
        await shop.do(Job("check", data))
        assert children() == [first]
    await until_none_runs(first)


async def test_a_child_that_died_is_replaced_and_the_picture_is_opened_all_the_same() -> None:
    data = picture()
    async with Workshop(children=1) as shop:
        await shop.do(Job("check", data))
        [first] = children()
        os.kill(first, signal.SIGKILL)

        assert (await shop.do(Job("check", data))).flaws == ()
        assert first not in children()


async def test_a_child_that_hangs_is_ended_and_the_next_picture_finds_another() -> None:
    data = picture()
    async with Workshop(children=1, patience_s=5) as shop:
        await shop.do(Job("check", data))
        [first] = children()
        os.kill(first, signal.SIGSTOP)

        assert [flaw.code for flaw in (await shop.do(Job("check", data))).flaws] == ["too_hard"]

        await until_none_runs(first)
    async with Workshop(children=1) as shop:
        assert (await shop.do(Job("check", data))).flaws == ()


async def test_a_picture_that_takes_forever_to_decode_is_given_up_and_the_next_one_is_opened() -> None:
    slow = scans(9_000)
    assert begin(slow, "auto", max_bytes=MAX_BYTES).todo.step == "keep"
    async with Workshop(children=1, patience_s=3) as shop:
        assert [flaw.code for flaw in (await shop.do(Job("check", slow))).flaws] == ["too_hard"]
        assert (await shop.do(Job("check", picture()))).flaws == ()
    await until_none_runs(*children())


async def test_a_picture_that_takes_too_much_computing_is_named_for_that_and_costs_no_second_child() -> None:
    slow = Job("check", scans(9_000), cpu_s=1)
    # On a crowded machine a second of computing takes long, and it is not the waiting that is asked about.
    async with Workshop(children=1, patience_s=100) as shop:
        begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime

        assert (await shop.do(slow)).flaws == (TOO_SLOW,)

        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun < 4
        assert (await shop.do(Job("check", picture()))).flaws == ()


async def test_a_picture_that_needs_more_memory_than_a_child_has_is_named_and_the_child_lives_on() -> None:
    large = picture("PNG", (7_000, 7_000))
    async with Workshop(children=1) as shop:
        await shop.do(Job("check", picture()))
        [child] = children()
        used = int(told_of(child, "statm").split()[0]) * resource.getpagesize()
        resource.prlimit(child, resource.RLIMIT_AS, (used + 50_000_000, resource.RLIM_INFINITY))

        assert [flaw.code for flaw in (await shop.do(Job("check", large))).flaws] == ["too_many_pixels"]
        assert (await shop.do(Job("check", picture()))).flaws == ()
        assert children() == [child]


async def test_a_child_may_use_only_so_much_memory_and_computing_and_write_no_file() -> None:
    async with Workshop(children=1) as shop:
        await shop.do(Job("check", picture()))
        [child] = children()

        limits = {name: resource.prlimit(child, number)[0] for name, number in LIMITS.items()}

        environment = told_of(child, "environ")
    assert limits == {"memory": 2 * 1024**3, "file": 0, "core": 0, "computing": limits["computing"]}
    assert 15 <= limits["computing"] < 40
    assert environment == b""


async def test_a_child_is_replaced_after_so_many_pictures() -> None:
    data, seen = picture(), set()
    async with Workshop(children=1, jobs_max=2) as shop:
        for _ in range(4):
            await shop.do(Job("check", data))
            seen.update(children())
        await until_none_runs(*children())
    assert len(seen) == 2


async def test_one_who_goes_away_leaves_the_workshop_as_it_was() -> None:
    data = picture()
    async with Workshop(children=1) as shop:
        await shop.do(Job("check", data))
        [first] = children()
        os.kill(first, signal.SIGSTOP)
        asking = asyncio.create_task(shop.do(Job("check", data)))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert (await shop.do(Job("check", data))).flaws == ()


async def test_one_who_goes_away_while_a_child_starts_leaves_no_child_behind() -> None:
    data = picture()
    async with Workshop(children=2) as shop:
        for _ in range(10):
            asking = asyncio.create_task(shop.do(Job("check", data)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert (await shop.do(Job("check", data))).flaws == ()
        started = children()
    assert len(started) <= 2
    await until_none_runs(*started)


async def test_two_heavy_pictures_at_once_do_not_wait_for_each_other_forever() -> None:
    data = picture()
    async with Workshop(children=2) as shop:
        outcomes = await asyncio.gather(*(shop.do(Job("check", data, pixels=40_000_000)) for _ in range(6)))
    assert all(outcome.flaws == () for outcome in outcomes)


@pytest.mark.parametrize(("pixels", "waits"), [(25_000_000, False), (25_000_001, True)])
async def test_a_picture_of_over_25_megapixels_takes_the_room_of_two(pixels: int, *, waits: bool) -> None:
    data = picture()
    async with Workshop(children=2) as shop:
        await shop.do(Job("check", data))
        [first] = children()
        os.kill(first, signal.SIGSTOP)
        large = asyncio.create_task(shop.do(Job("check", data, pixels=pixels)))
        small = asyncio.create_task(shop.do(Job("check", data)))

        done, _ = await asyncio.wait({small}, timeout=1.5 if waits else PATIENCE_S)

        assert (small in done) != waits
        os.kill(first, signal.SIGCONT)
        assert [one.flaws for one in await asyncio.gather(large, small)] == [(), ()]


async def test_past_the_line_s_length_a_picture_is_turned_away_at_once() -> None:
    data = picture()
    async with Workshop(children=1, waiting_max=1) as shop:
        asked = [asyncio.create_task(shop.do(Job("check", data))) for _ in range(6)]
        done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, CrowdedError) for one in done) >= 1
    assert sum(not isinstance(one, BaseException) for one in done) >= 1


async def test_a_child_ends_by_itself_when_its_parent_is_gone() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await until(lambda: runs(pid))
    parent.kill()
    await parent.communicate()

    await until_none_runs(pid)
