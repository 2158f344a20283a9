import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from picha.cli import supervise
from picha.cli.supervise import Child, Supervisor
from picha.gateway.store import embedded_remains
from picha.kit import launch
from picha.kit.clock import SystemClock

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
FOREVER = "import signal; signal.pause()"


class House:
    """A supervisor, and what it said."""

    def __init__(self, logs: Path) -> None:
        self.said: list[str] = []
        self.logs = logs
        self.supervisor = Supervisor(logs, SystemClock(), self.said.append)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    await house.supervisor.stop()


def python(name: str, program: str, *arguments: str, patience_s: float = 5.0, is_telling: bool = False) -> Child:
    def command() -> Sequence[str]:
        return launch.tied([sys.executable, "-c", program, *arguments])

    return Child(name=name, command=command, environment=ENVIRONMENT, patience_s=patience_s, is_telling=is_telling)


async def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - the state of another process has no event
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_child_that_is_killed_runs_again_within_a_second(house: House) -> None:
    await house.supervisor.start(python("one", FOREVER))
    first = house.supervisor.pids()["one"]
    os.kill(first, signal.SIGKILL)
    killed = asyncio.get_running_loop().time()

    await until(lambda: house.supervisor.pids()["one"] != first)

    assert asyncio.get_running_loop().time() - killed < 1.0
    assert runs(house.supervisor.pids()["one"])
    assert house.said[0].startswith("one was ended by SIGKILL")


async def test_five_deaths_in_a_minute_are_the_end_and_the_last_lines_are_shown(house: House) -> None:
    await house.supervisor.start(python("weak", "import sys; sys.exit('no luck for 255712345678')"))

    name = await asyncio.wait_for(house.supervisor.given_up(), 20)

    assert name == "weak"
    assert len(house.said) == 5
    assert all("weak ended with code 1" in line and "no luck for phone.***" in line for line in house.said)
    assert (house.logs / "weak.log").read_text().count("no luck") == 5


async def test_a_program_that_does_not_exist_is_given_up_too(house: House) -> None:
    child = Child(name="absent", command=lambda: ["/nonexistent/program"], environment=ENVIRONMENT)
    await house.supervisor.start(child)

    assert await asyncio.wait_for(house.supervisor.given_up(), 20) == "absent"
    assert "could not be started" in house.said[0]


async def test_children_are_stopped_one_after_another_the_last_started_first(house: House, tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "def leave(*_):\n"
        "    order = open(sys.argv[2], 'a')\n"
        "    print('begin', sys.argv[1], file=order, flush=True)\n"
        "    time.sleep(0.1)\n"
        "    print('end', sys.argv[1], file=order, flush=True)\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print({}, flush=True)\n"
        "signal.pause()\n"
    )
    for name in ("postgres", "sandbox", "api"):
        await house.supervisor.start(python(name, program, name, str(tmp_path / "order"), is_telling=True))
        await house.supervisor.ready_line(name)

    await house.supervisor.stop()

    lines = (tmp_path / "order").read_text().split("\n")[:-1]
    assert lines == [f"{what} {name}" for name in ("api", "sandbox", "postgres") for what in ("begin", "end")]
    assert house.said == []


async def test_a_child_that_will_not_stop_is_killed_past_its_patience(house: House) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print({}, flush=True); signal.pause()"
    await house.supervisor.start(python("deaf", deaf + "\nsignal.pause()", patience_s=0.3, is_telling=True))
    await house.supervisor.ready_line("deaf")
    pid = house.supervisor.pids()["deaf"]

    await asyncio.wait_for(house.supervisor.stop(), 5)

    assert not runs(pid)


async def test_what_a_dead_child_had_started_dies_with_it(house: House) -> None:
    parent = (
        "import signal, subprocess\n"
        "child = subprocess.Popen(['/bin/sleep', '600'], stdout=subprocess.DEVNULL)\n"
        "print('{\"pid\":', child.pid, '}', flush=True)\n"
        "signal.pause()\n"
    )
    await house.supervisor.start(python("parent", parent, is_telling=True))
    grandchild = int(json.loads(await house.supervisor.ready_line("parent"))["pid"])
    assert runs(grandchild)

    os.kill(house.supervisor.pids()["parent"], signal.SIGKILL)

    await until(lambda: not runs(grandchild))


async def test_each_child_leads_a_session_of_its_own(house: House) -> None:
    await house.supervisor.start(python("one", FOREVER))
    pid = house.supervisor.pids()["one"]

    assert os.getsid(pid) == pid


async def test_the_ready_line_is_handed_out_and_never_logged(house: House) -> None:
    program = "import signal; print('early'); print('{\"secret\": 1}'); print('later', flush=True); signal.pause()"
    await house.supervisor.start(python("teller", program, is_telling=True))

    line = await asyncio.wait_for(house.supervisor.ready_line("teller"), 10)

    log = house.logs / "teller.log"
    await until(lambda: "later" in log.read_text())
    assert line == b'{"secret": 1}'
    assert log.read_text() == "early\nlater\n"


def test_a_log_over_ten_megabytes_starts_fresh_and_its_old_text_is_kept_once(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with log.open("ab") as writer:
        writer.write(b"x" * supervise.LOG_MAX_BYTES)
        writer.flush()
        supervise.start_fresh_if_large(log)
        assert log.stat().st_size == supervise.LOG_MAX_BYTES
        writer.write(b"y")
        writer.flush()

        supervise.start_fresh_if_large(log)

        writer.write(b"z")
    assert log.read_bytes() == b"z"
    assert (tmp_path / "api.log.1").stat().st_size == supervise.LOG_MAX_BYTES + 1


_SUPERVISOR = """
import asyncio, json, sys
from pathlib import Path
from picha.cli.household import postgres
from picha.cli.supervise import Child, Supervisor
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.kit import launch
from picha.kit.clock import SystemClock

async def main(home):
    server = EmbeddedPostgres(home)
    supervisor = Supervisor(home, SystemClock(), print)
    await supervisor.start(postgres(server))
    command = launch.tied([sys.executable, "-c", "import signal; signal.pause()"])
    await supervisor.start(Child(name="python", command=lambda: command, environment={}))
    await asyncio.to_thread(server.wait_ready, 30)
    print(json.dumps([str(server.place.data), supervisor.pids()["python"]]), flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_kill_9_of_the_supervisor_leaves_nothing_running(tmp_path: Path) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SUPERVISOR, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    data, pid = json.loads(await asyncio.wait_for(program.stdout.readline(), 30))
    assert embedded_remains.working_on(Path(data))
    assert runs(pid)

    program.kill()
    await program.wait()

    await until(lambda: not runs(pid) and not embedded_remains.working_on(Path(data)))
