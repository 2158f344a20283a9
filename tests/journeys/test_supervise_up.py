import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from picha.cli import welcome
from picha.cli.welcome import Ready

pytestmark = pytest.mark.timeout(180)


class Running:
    """A `picha up` that runs, and its ready line."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Ready, home: Path) -> None:
        self.process = process
        self.ready = ready
        self.home = home

    def pids(self) -> list[int]:
        pids = self.ready.pids
        return [pid for pid in (pids.up, pids.postgres, pids.sandbox, pids.api, pids.worker) if pid is not None]


async def begin(home: Path, *flags: str) -> asyncio.subprocess.Process:
    given = flags or ("--port", "0", "--sandbox-port", "0")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picha.cli", "up", "--home", str(home), "--json", *given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin"},
    )


async def finish(process: asyncio.subprocess.Process, sign: signal.Signals) -> tuple[int, str]:
    process.send_signal(sign)
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()


@asynccontextmanager
async def up(home: Path) -> AsyncIterator[Running]:
    process = await begin(home)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 90)
        if not line:
            _, said = await process.communicate()
            pytest.fail(f"no ready line: {said.decode()}")
        yield Running(process, msgspec.json.decode(line, type=Ready), home)
    finally:
        if process.returncode is None:
            await finish(process, signal.SIGTERM)


@pytest.fixture
async def house(new_home: Callable[[str], Path]) -> AsyncIterator[Running]:
    async with up(new_home("up")) as running:
        yield running


def runs(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def living(home: Path) -> list[int]:
    """Return every process whose command line, working folder or environment names the home."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            signs = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            signs += bytes((entry / "cwd").readlink())
        except OSError:
            continue
        if bytes(home) in signs:
            found.append(int(entry.name))
    return found


async def until(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - the state of another process has no event
            await asyncio.sleep(0.02)


async def is_ready(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_the_ready_line_tells_all_that_a_program_needs(house: Running) -> None:
    ready = house.ready

    assert ready.api_url.startswith("http://127.0.0.1:")
    assert not ready.api_url.endswith("/")
    assert ready.sender.isdecimal()
    assert ready.phone_number_id.isdecimal()
    assert all(runs(pid) for pid in house.pids())
    assert len(set(house.pids())) == 5
    assert await is_ready(ready.api_url)
    async with aiohttp.ClientSession() as session:
        async with session.get(ready.metrics_url) as answer:
            assert answer.status == 200
        async with session.get(f"{ready.sandbox_url}/_sandbox/clock") as answer:
            assert set(await answer.json()) >= {"now", "frozen"}


async def test_a_person_is_told_where_to_sign_in_and_where_the_customer_is(
    house: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    welcome.greet(house.ready, home=house.home, logs=house.home / "logs")

    said = capsys.readouterr().out
    assert f"{house.ready.sign_in_url} (once, within a day)" in said
    assert house.ready.inbox_url in said
    assert house.ready.handset_url in said


async def test_the_home_is_closed_to_others_and_ignored_by_git(house: Running) -> None:
    assert house.home.stat().st_mode & 0o777 == 0o700
    assert (house.home / "keys").stat().st_mode & 0o777 == 0o600
    assert (house.home / ".gitignore").read_text() == "*\n"
    assert {log.name for log in (house.home / "logs").iterdir()} >= {"api.log", "postgres.log", "worker.log"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines that are pasted call curl")
async def test_the_three_lines_of_the_panel_work_when_pasted(house: Running) -> None:
    lines = welcome.try_lines(house.ready)

    answers = []
    for line in lines:
        shell = await asyncio.create_subprocess_shell(line, stdout=subprocess.PIPE, cwd="/")
        text, _ = await shell.communicate()
        answers.append(msgspec.json.decode(text))
        if line is lines[0]:
            await heard(house.ready)

    wrote, sent, listed = answers
    assert wrote["message_id"].startswith("wamid.")
    assert sent["success"] is True, sent
    assert sent["data"]["message_id"] in [item["id"] for item in listed["data"]["items"]]


async def heard(ready: Ready) -> None:
    """Wait until the customer's message has reached the gateway, as a person who pastes line after line does."""
    headers = {"X-API-Key": ready.api_key}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(15):
        while True:
            async with session.get(f"{ready.api_url}/v1/whatsapp/messages") as answer:
                if (await answer.json())["data"]["items"]:
                    return
            await asyncio.sleep(0.05)


async def test_a_program_that_is_killed_is_back_and_ready(house: Running) -> None:
    assert house.ready.pids.postgres is not None
    os.kill(house.ready.pids.api, signal.SIGKILL)
    await until(lambda: not runs(house.ready.pids.api))
    os.kill(house.ready.pids.postgres, signal.SIGKILL)
    await until(lambda: not runs(house.ready.pids.postgres or 0))

    async with asyncio.timeout(20):
        while not await is_ready(house.ready.api_url):  # noqa: ASYNC110 - another program's readiness has no event
            await asyncio.sleep(0.05)

    assert house.process.returncode is None


async def test_a_second_up_on_the_same_home_says_who_holds_it(house: Running) -> None:
    second = await begin(house.home)

    _, said = await asyncio.wait_for(second.communicate(), 40)

    assert second.returncode == 1
    assert f"process {house.ready.pids.up}" in said.decode()
    assert await is_ready(house.ready.api_url)


async def test_ctrl_c_stops_everything_with_zero(house: Running) -> None:
    code, said = await finish(house.process, signal.SIGINT)

    assert (code, said) == (0, "")
    assert living(house.home) == []
    log = (house.home / "logs" / "postgres.log").read_text()
    assert "database system is shut down" in log.splitlines()[-1]


async def test_kill_9_leaves_nothing_running_and_the_next_up_goes_on(house: Running) -> None:
    house.process.kill()
    await house.process.wait()

    await until(lambda: not any(runs(pid) for pid in living(house.home)))
    async with up(house.home) as again:
        assert again.ready.api_key == house.ready.api_key
        assert again.ready.sender == house.ready.sender


async def test_sigterm_during_the_start_stops_with_zero_and_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = await begin(home)
    await until((home / "logs" / "postgres.log").exists)

    code, _ = await finish(process, signal.SIGTERM)

    assert code == 0
    assert living(home) == []


async def test_a_busy_port_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        process = await begin(tmp_path / "home", "--port", str(port), "--sandbox-port", "0")
        _, said = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 1
    assert f"port {port} is in use" in said.decode()
    assert "--port N" in said.decode()
