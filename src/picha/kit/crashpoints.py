"""Instants at which a process can be told to die, so that tests can walk through every one of them.

`PICHA_CRASHPOINT=name` in a process's environment has it end as by `kill -9` when it first passes the crash point of
that name, `name:3` when it does so for the third time. Without it, passing one does nothing.
"""

import os
import signal
from collections.abc import Callable


def _pass_by(_name: str) -> None:
    """Go on."""


def armed(wish: str) -> Callable[[str], None]:
    """Return what a crash point does where PICHA_CRASHPOINT is `wish`; raises `ValueError` for nonsense."""
    wanted, _, nth = wish.partition(":")
    left = int(nth or 1)

    def die(name: str) -> None:
        nonlocal left
        if name == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return die


def _first(name: str) -> None:
    """Find out what crash points do here, and do it."""
    global _passing  # noqa: PLW0603 - one environment a process
    wish = os.environ.get("PICHA_CRASHPOINT", "")  # noqa: TID251 - for tests, and no setting of the product
    _passing = armed(wish) if wish else _pass_by
    _passing(name)


_passing: Callable[[str], None] = _first


def crashpoint(name: str) -> None:
    """Pass the crash point of this name."""
    _passing(name)
