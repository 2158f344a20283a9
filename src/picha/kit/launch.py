"""Starts a program that dies with the process that started it, and without root's powers where asked.

This file is also the small program that does so: it ties itself to its parent, gives up powers, and then becomes the
wanted program, so that the process id the parent sees is the program's own. It imports the standard library only and
runs with `-I -S`, in about twenty milliseconds.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_INSIDE_ID = 1000

SAME = "same"
"""The identity of a program that keeps the rights of its parent."""
NAMESPACE = "namespace"
"""The identity of a program that is no root in a user namespace of its own, and owns what its parent's user owns."""


def account(uid: int, gid: int) -> str:
    """Return the identity of a program that runs as the user `uid` and the group `gid`; only root can give it."""
    return f"{uid}:{gid}"


def tied(
    argv: Sequence[str], *, identity: str = SAME, on_death: signal.Signals = signal.SIGKILL, tie: bool = True
) -> list[str]:
    """Return the command that runs `argv` and has the kernel send it `on_death` once this process is gone.

    The thread that starts the command must live as long as the program should: Linux counts the death of that thread.
    `tie=False` only changes the identity. Elsewhere than on Linux nothing is tied, and a program must watch its parent.
    """
    settings = [str(os.getpid() if tie else 0), str(int(on_death)), identity]
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *settings, *argv]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _tie(parent: int, on_death: int) -> None:
    """Ask for the signal at the parent's death, and die now if the parent went before the kernel heard."""
    if not parent or sys.platform != "linux":
        return
    _libc().prctl(_PR_SET_PDEATHSIG, on_death, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _enter_namespace() -> None:
    """Enter a user namespace whose one user is not root and is, seen from outside, the user we were."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc().unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused here")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{_INSIDE_ID} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{_INSIDE_ID} {gid} 1", encoding="ascii")


def _become(identity: str) -> None:
    if identity == NAMESPACE:
        _enter_namespace()
    elif identity != SAME:
        uid, gid = (int(part) for part in identity.split(":"))
        with contextlib.suppress(PermissionError):
            os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def main(arguments: Sequence[str]) -> None:
    """Tie, give up powers, tie again (a change of user undoes the tie), and become the program."""
    parent, on_death, identity, *argv = arguments
    _tie(int(parent), int(on_death))
    _become(identity)
    _tie(int(parent), int(on_death))
    # Python ignores SIGPIPE, and an ignored signal would stay ignored in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(argv[0], argv)  # noqa: S606 - becoming the given program is what this file is for


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"cannot start {sys.argv[4:5]}: {problem}\n")
        sys.exit(126)
