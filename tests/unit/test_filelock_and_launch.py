import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from picha.kit import launch
from picha.kit.filelock import HeldByOtherError, held


def test_a_lock_is_refused_with_the_holders_pid_and_free_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with (
        held(path),
        pytest.raises(HeldByOtherError, match=f"in use by process {os.getpid()}"),
        held(path, patience_s=0.05),
    ):
        pytest.fail("held twice")

    with held(path, patience_s=0):
        assert path.read_text() == f"{os.getpid()}\n"


def test_who_waits_for_a_lock_hears_at_once_for_whom_and_who_need_not_hears_nothing(tmp_path: Path) -> None:
    path, waits = tmp_path / "lock", list[HeldByOtherError]()

    with held(path, on_wait=waits.append):
        heard_alone = list(waits)
        with pytest.raises(HeldByOtherError), held(path, patience_s=0, on_wait=waits.append):
            pytest.fail("held twice")

    assert heard_alone == []
    assert [why.pid for why in waits] == [os.getpid()]


async def test_a_lock_ends_with_its_killed_holder_though_its_child_lives_on(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from picha.kit.filelock import held\n"
        "with held(Path(sys.argv[1])):\n"
        "    child = subprocess.Popen(['/bin/sleep', '60'], stdout=subprocess.DEVNULL)\n"
        "    print(child.pid, flush=True)\n"
        "    child.wait()\n"
    )
    path = tmp_path / "lock"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    child = int(await holder.stdout.readline())
    with pytest.raises(HeldByOtherError), held(path, patience_s=0):
        pytest.fail("held twice")

    holder.kill()
    await holder.wait()

    with held(path, patience_s=5):
        os.kill(child, 9)


def test_a_tied_program_keeps_its_process_id_arguments_and_exit_code() -> None:
    command = launch.tied(["/bin/sh", "-c", "echo $$ $1; exit 7", "sh", "a b"])

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate()

    assert said == f"{process.pid} a b\n"
    assert process.returncode == 7


def test_a_program_that_is_missing_ends_with_126_and_its_name() -> None:
    done = subprocess.run(launch.tied(["/nonexistent/program"]), capture_output=True, text=True, check=False)

    assert done.returncode == 126
    assert "/nonexistent/program" in done.stderr


def test_a_program_whose_parent_is_already_gone_does_not_start() -> None:
    command = launch.tied(["/bin/echo", "started"])
    command[4] = "1"

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (-9, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")
@pytest.mark.parametrize("identity", [launch.SAME, launch.NAMESPACE, launch.account(65534, 65534)])
async def test_the_tie_holds_across_a_change_of_identity(identity: str) -> None:
    program = (
        "import subprocess, sys\n"
        "from picha.kit import launch\n"
        "subprocess.call(launch.tied(['/bin/sh', '-c', 'echo running; exec sleep 60'], identity=sys.argv[1]))\n"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, identity, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    said = await owner.stdout.readline()
    if not said:
        pytest.skip("this system refuses user namespaces")

    owner.kill()
    await owner.wait()

    # The program holds the other end of the pipe for as long as it lives.
    assert await asyncio.wait_for(owner.stdout.read(), 10) == b""
